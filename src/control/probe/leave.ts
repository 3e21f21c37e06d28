import type { Socket } from 'node:net';

/** How long a backend may take to answer our FIN with its own, or to send its own first. */
const LINGER_MS = 1_000;
/** What it may still say meanwhile. */
const MAX_REST_BYTES = 1_048_576;

/**
 * Ends as a client that has changed its mind: FIN, then what the backend says is read until its own FIN. Closing with
 * its bytes unread, or before it says them, would answer with a RST, which servers log. `theirs`: it has said that it
 * will end first, and is given the time.
 */
export function leave(socket: Socket, lastWord: 'ours' | 'theirs'): void {
	if (socket.closed) return;
	let rest = MAX_REST_BYTES;
	// What comes now is no part of a conversation that was broken off.
	socket.removeAllListeners('data').on('data', (chunk: Buffer) => {
		rest -= chunk.length;
		if (rest < 0) socket.destroy();
	});
	socket.resume();
	const destroy = (): void => void socket.destroy();
	const end = (): NodeJS.Timeout => {
		socket.end();
		return setTimeout(destroy, LINGER_MS).unref();
	};
	const wait = (): NodeJS.Timeout => setTimeout(() => (late = end()), LINGER_MS).unref();
	let late = lastWord === 'ours' ? end() : wait();
	socket.once('close', () => clearTimeout(late));
}
