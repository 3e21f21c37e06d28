import { formatTarget, type SocketTarget } from './address.ts';

/** What the errno of a failed bind or listen means to an operator (bind(2), listen(2), unix(7)). */
const CAUSES: ReadonlyMap<string, string> = new Map([
	['EADDRINUSE', 'address in use'],
	['EACCES', 'permission denied'],
	['EPERM', 'permission denied'],
	['EADDRNOTAVAIL', 'no such address on this machine'],
	['EAFNOSUPPORT', 'address family not supported'],
	['ENOTFOUND', 'no such host'],
	['ENOENT', 'no such directory'],
	['ENOTDIR', 'no such directory'],
	['EROFS', 'read-only file system'],
	['EMFILE', 'too many open files'],
	['ENFILE', 'too many open files'],
	// `sun_path` has 108 bytes with its end mark.
	['EINVAL', 'path too long (107 bytes at most)'],
	['ENAMETOOLONG', 'path too long (107 bytes at most)'],
]);

/** Null: an error with no more meaning than its name. */
export const bindCause = (code: string): string | null => CAUSES.get(code) ?? null;

const asked = (listener: string, target: SocketTarget): string =>
	`listener ${listener}: cannot bind ${formatTarget(target)}: `;

/** `listener game: cannot bind 0.0.0.0:7000: address in use`; `code` is the system's error name, `text` what else is known. */
export const bindFailure = (listener: string, target: SocketTarget, code: string, text = code): string =>
	asked(listener, target) + (CAUSES.get(code) ?? text);

/** Whether a text of `bindFailure` is about this address. */
export const isFailureOf = (failure: string, listener: string, target: SocketTarget): boolean =>
	failure.startsWith(asked(listener, target));
