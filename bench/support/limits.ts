import { existsSync, readFileSync } from 'node:fs';

/** Pipes that HAProxy may splice through, two descriptors each; Sluice has a budget of its own, smaller than this. */
export const MOST_PIPES = 512;
/** Descriptors that a proxy has besides its sessions': configuration, logs, listeners, pipes. */
const RESERVE = 1_024 + 2 * MOST_PIPES;
/** Each session has two. */
const PER_SESSION = 2;
const LIMITS = '/proc/self/limits';
/** Where the bench cannot run anyway. */
const ASSUMED_OPEN_FILES = 4_096;
/** More would only take longer. */
const MOST_OPEN_FILES = 200_000;

/** Open files that every process of the bench is given: what the system lets one have, within reason. */
export function openFiles(): number {
	if (!existsSync(LIMITS)) return ASSUMED_OPEN_FILES;
	const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync(LIMITS, 'utf8'))?.[1];
	return Math.min(hard === 'unlimited' ? MOST_OPEN_FILES : Number(hard ?? ASSUMED_OPEN_FILES), MOST_OPEN_FILES);
}

/** Sessions that a proxy can have with them. */
export const mostSessions = (): number => Math.floor((openFiles() - RESERVE) / PER_SESSION);
