import type { Libc, NativeBuffer } from './libc.ts';

/** Idle buffers kept for the next; those beyond are left to the garbage collector. */
const MOST_IDLE = 64;

/** Buffers of one size for bytes that a socket did not take at once. */
export class BufferPool {
	readonly size: number;
	readonly #libc: Libc;
	readonly #idle: NativeBuffer[] = [];

	constructor(libc: Libc, size: number) {
		this.#libc = libc;
		this.size = size;
	}

	borrow(): NativeBuffer {
		return this.#idle.pop() ?? this.#libc.allocate(this.size);
	}

	giveBack(buffer: NativeBuffer): void {
		if (this.#idle.length < MOST_IDLE) this.#idle.push(buffer);
	}
}
