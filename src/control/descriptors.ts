import { readFileSync } from 'node:fs';

/** Assumed where the soft limit cannot be read (no /proc): what macOS and many shells give. */
export const ASSUMED_NOFILE = 1024;
/** Descriptors kept for the runtime, listeners, logs and lookups. */
const RESERVE = 256;
/** Each session needs two: the client's and the backend's. */
const PER_SESSION = 2;

/** The soft limit on open descriptors (getrlimit(2), RLIMIT_NOFILE) out of the text of `/proc/self/limits`, or null. */
export function parseNofile(limits: string): number | null {
	const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
	if (soft === undefined) return null;
	return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

/** The soft limit of this process. */
export function nofileLimit(): number {
	try {
		return parseNofile(readFileSync('/proc/self/limits', 'utf8')) ?? ASSUMED_NOFILE;
	} catch {
		return ASSUMED_NOFILE;
	}
}

/** How many sessions fit under a descriptor limit beside so many pipes: `floor((nofile - 256) / 2) - pipes`, at least 1. */
export function defaultMaxConnections(nofile: number, pipes: number): number {
	const places = Math.floor((nofile - RESERVE) / PER_SESSION) - pipes;
	return Math.min(Math.max(places, 1), 2 ** 30);
}

/** What to tell of a configured cap that the descriptor limit does not allow, or null when it does. */
export function capFault(cap: number | undefined, nofile: number, pipes: number): string | null {
	const most = defaultMaxConnections(nofile, pipes);
	if (cap === undefined || cap <= most) return null;
	const needed = (cap + pipes) * PER_SESSION + RESERVE;
	return `limits.maxConnections: ${cap} sessions need ${needed} open files, the limit (ulimit -n) is ${nofile}: ${most} fit`;
}
