import type { ConnectFailure } from './outcome.ts';

const CAUSES: ReadonlyMap<string, ConnectFailure> = new Map([
	['ECONNREFUSED', 'refused'],
	['ECONNRESET', 'refused'],
	['ETIMEDOUT', 'timeout'],
	['EADDRNOTAVAIL', 'own-shortage'],
	['EADDRINUSE', 'own-shortage'],
	['EMFILE', 'own-shortage'],
	['ENFILE', 'own-shortage'],
	['ENOBUFS', 'own-shortage'],
	['ENOMEM', 'own-shortage'],
	// On a unix socket: the backend's queue is full, which connect(2) reports where TCP would wait.
	['EAGAIN', 'own-shortage'],
]);

/**
 * Whose fault a failed connect is, by the system's error name (connect(2), bind(2)). What is not listed
 * (EHOSTUNREACH, ENETUNREACH, ENOENT, EACCES, ...) means that the backend cannot be reached.
 */
export const connectFailureOf = (code: string): ConnectFailure => CAUSES.get(code) ?? 'unreachable';
