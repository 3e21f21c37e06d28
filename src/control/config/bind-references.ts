import { isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { formatTarget, type SocketTarget } from '../../core/address.ts';
import { parseAddress } from './address.ts';
import type { Finding } from './yaml-document.ts';

type Path = readonly PropertyKey[];

/** Bytes of `sun_path` that a path may fill, unix(7). */
const MAX_UNIX_PATH_BYTES = 107;

interface Entry {
	readonly target: SocketTarget;
	readonly path: Path;
	readonly owner: string;
	/** Index of the listener. */
	readonly listener: number;
}

/**
 * No two binds may be one address, nor one a part of the other: the system gives a port's clients to one of them, or
 * refuses the second, depending on who came first. Port 0 is a different port each time, but not twice in one listener.
 */
export function checkBinds(listeners: readonly Readonly<Record<string, unknown>>[], folder: string): Finding[] {
	const entries = listeners.flatMap((listener, i) => entriesOf(listener, i, folder));
	return [
		...checkTwice(entries),
		...checkOverlaps(entries),
		...entries.flatMap((e) => checkUnixPath(e.target, e.path)),
	];
}

function entriesOf({ name, bind }: Readonly<Record<string, unknown>>, listener: number, folder: string): Entry[] {
	const at = ['listeners', listener, 'bind'];
	const written = Array.isArray(bind)
		? bind.map((value: unknown, i) => ({ value, path: [...at, i] }))
		: [{ value: bind, path: at }];
	const owner = `listener ${typeof name === 'string' ? name : listener + 1}`;
	return written.flatMap(({ value, path }) => {
		const target = absoluteTarget(value, folder);
		return target === null ? [] : [{ target, path, owner, listener }];
	});
}

function checkTwice(entries: readonly Entry[]): Finding[] {
	const owners = new Map<string, string>();
	return entries.flatMap(({ target, path, owner, listener }) => {
		const address = formatTarget(target);
		const key = target.type === 'tcp' && target.port === 0 ? `${listener} ${address}` : address;
		const before = owners.get(key);
		if (before !== undefined) return [{ path, message: `${address} is already bound by ${before}` }];
		owners.set(key, owner);
		return [];
	});
}

/** `0.0.0.0` and `[::]` go together: then each has its family. Alone, `[::]` has both. */
function checkOverlaps(entries: readonly Entry[]): Finding[] {
	const wildcards = new Map<string, Entry>();
	for (const entry of entries) {
		const { target } = entry;
		if (target.type === 'tcp' && isWildcard(target.host)) wildcards.set(formatTarget(target), entry);
	}
	return entries.flatMap(({ target, path }) => {
		if (target.type === 'unix' || target.port === 0 || isWildcard(target.host)) return [];
		const wider = isIPv6(target.host) ? ['[::]'] : ['0.0.0.0', '[::]'];
		for (const host of wider) {
			const wildcard = wildcards.get(`${host}:${target.port}`);
			if (wildcard === undefined) continue;
			const [inner, outer] = [formatTarget(target), formatTarget(wildcard.target)];
			return [{ path, message: `${inner} is part of ${outer}, which ${wildcard.owner} binds: leave one of them out` }];
		}
		return [];
	});
}

const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

export function checkUnixPath(target: SocketTarget | null, path: Path): Finding[] {
	if (target === null || target.type !== 'unix') return [];
	const bytes = Buffer.byteLength(target.path);
	if (bytes <= MAX_UNIX_PATH_BYTES) return [];
	return [{ path, message: `the path has ${bytes} bytes, a unix socket's at most ${MAX_UNIX_PATH_BYTES}` }];
}

/** Null for what is no address; that is the schema's to say. */
export function absoluteTarget(value: unknown, folder: string): SocketTarget | null {
	const result = parseAddress(typeof value === 'string' ? value : '');
	if (!result.ok) return null;
	const target = result.value;
	return target.type === 'unix' ? { ...target, path: resolve(folder, target.path) } : target;
}
