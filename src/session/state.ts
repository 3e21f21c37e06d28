/**
 * Where a session is on its journey.
 *
 * - `new`: not yet told that it was accepted.
 * - `waiting`: accepted too early, another worker was faster (`overflow: wait`).
 * - `proxy-header`, `client-hello`: what the client sends first is read.
 * - `tarpit`: delayed before it is served. `silent`: refused, held unanswered.
 * - `handshaking`: the client's TLS is taken off.
 * - `queued`: waits for a place at a full pool.
 * - `connecting`; `greeting`, `securing`: the backend is connected, and asked for TLS, or TLS with it begins.
 * - `backoff`: between two tries to reach a backend.
 * - `relaying`; `flushing`: one side was reset, what it sent is still offered to the other.
 * - `closing`: ended and told of, the backend's socket is not yet closed. `over`: nothing is left.
 */
export type SessionState =
	| 'new'
	| 'waiting'
	| 'proxy-header'
	| 'client-hello'
	| 'tarpit'
	| 'silent'
	| 'handshaking'
	| 'queued'
	| 'connecting'
	| 'greeting'
	| 'securing'
	| 'backoff'
	| 'relaying'
	| 'flushing'
	| 'closing'
	| 'over';

/** What the client sends first is read: an identity is awaited of it. */
export const isReading = (state: SessionState): boolean => state === 'proxy-header' || state === 'client-hello';

/** The backend is connected, and TLS with it has still to begin. */
export const isSteppingUp = (state: SessionState): boolean => state === 'greeting' || state === 'securing';
