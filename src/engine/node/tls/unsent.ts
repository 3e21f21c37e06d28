import type { Socket } from 'node:net';

/**
 * How much OpenSSL may have written of its own accord that nobody takes: it answers what the other end asks for, such as
 * KeyUpdate (RFC 8446 section 4.6.3), as often as it is asked, and who asks without reading would have it grow for ever.
 */
export const MOST_UNASKED_BYTES = 262_144;

interface Handled extends Socket {
	/** Not documented, but the only place that counts what OpenSSL has written and the socket below has not taken. */
	readonly _handle?: { readonly writeQueueSize?: number } | null;
}

/** What waits on a socket under TLS beside what was written to it. */
export const unaskedBytes = (socket: Socket): number =>
	((socket as Handled)._handle?.writeQueueSize ?? 0) - socket.writableLength;
