import { type Peer, pass } from './peers.ts';

/** Time for what was sent to be a segment of its own, and to be seen alone. */
const GAP_MS = 3;

/** Sends these one after the other. */
export async function sendPieces(peer: Peer, pieces: readonly Uint8Array[]): Promise<void> {
	for (const [at, piece] of pieces.entries()) {
		if (at > 0) await pass(GAP_MS);
		peer.send(Buffer.from(piece));
	}
}

/** `bytes` in pieces of so many, the last one with what is left. */
export function piecesOf(bytes: Uint8Array, size: number): Uint8Array[] {
	const pieces: Uint8Array[] = [];
	for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
	return pieces;
}

/** `bytes` in two, at every place from the first on, or at every `step`th. */
export const inTwo = (bytes: Uint8Array, step = 1): Uint8Array[][] =>
	Array.from({ length: Math.ceil((bytes.length - 1) / step) }, (_, i) => [
		bytes.subarray(0, 1 + i * step),
		bytes.subarray(1 + i * step),
	]);

/** Does this for all, so many at a time. */
export async function forAll<T>(all: readonly T[], run: (one: T) => Promise<void>, atOnce = 25): Promise<void> {
	for (let at = 0; at < all.length; at += atOnce) await Promise.all(all.slice(at, at + atOnce).map(run));
}
