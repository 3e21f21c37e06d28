import type { Socket } from 'node:net';
import type { GatheredWrites } from './gathered-writes.ts';

/** From here on bytes come in bulk: a call for each chunk would cost more than a moment's wait for the next. */
const BULKY_BYTES = 8_192;

/**
 * Where a lane writes. TLS hands its records out one by one, each in memory of its own: large ones are gathered and
 * go to the kernel together; and what has gone gives its memory back at once. Left to the garbage collector it would be
 * tens of MiB at any time, out of the caches, and have it go through the whole heap again and again.
 */
export class Outlet {
	readonly #socket: Socket;
	readonly #gathered: GatheredWrites;
	#gathering = false;
	/** Chunks on their way to the kernel that nobody else has, in order. */
	readonly #spent: Buffer[] = [];

	constructor(socket: Socket, gathered: GatheredWrites) {
		this.#socket = socket;
		this.#gathered = gathered;
	}

	/** Answers whether there is room for more; if not, the socket's `drain` follows. Nobody may use the chunk any more. */
	write(chunk: Buffer): boolean {
		const socket = this.#socket;
		const roomBytes = socket.writableHighWaterMark;
		const bulky = chunk.length >= BULKY_BYTES;
		if (bulky && !this.#gathering && chunk.length < roomBytes) this.#gather();
		if (bulky && isAllOfItsMemory(chunk)) this.#writeAndFree(chunk);
		else socket.write(chunk);
		// A few bytes are the end of a burst.
		if (!bulky || socket.writableLength >= roomBytes) this.send();
		// What the kernel took at once is no longer there, whatever `write` has answered.
		return socket.writableLength < roomBytes;
	}

	/** What is gathered goes now. */
	send(): void {
		if (!this.#gathering) return;
		this.#gathering = false;
		this.#socket.uncork();
	}

	#gather(): void {
		this.#gathering = true;
		this.#socket.cork();
		this.#gathered.add(this);
	}

	#writeAndFree(chunk: Buffer): void {
		this.#spent.push(chunk);
		this.#socket.write(chunk, this.#taken);
	}

	/** The socket has no more use for the first of them, unless it failed; it may then be anywhere. */
	readonly #taken = (error?: Error | null): void => {
		const chunk = this.#spent.shift();
		if (!error && chunk !== undefined) (chunk.buffer as ArrayBuffer).transfer(0);
	};
}

/** Then no other view of it is in use: a part of a chunk, or of Node's pool, is less than its memory. */
const isAllOfItsMemory = (chunk: Buffer): boolean => chunk.length === chunk.buffer.byteLength;
