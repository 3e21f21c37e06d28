import { AF_UNIX, SOCK_CLOEXEC, SOCK_STREAM } from './layouts.ts';
import type { Libc } from './libc.ts';

const NONE = -1;

/**
 * A descriptor kept back, so that the last client that could be accepted can be connected, too: without it that
 * client would be reset, and the next one in its place, for as long as descriptors are short.
 */
export class Spare {
	readonly #libc: Libc;
	/** It is lent: accepting has to rest until it is back. */
	readonly #onLent: () => void;
	#fd = NONE;

	constructor(libc: Libc, onLent: () => void) {
		this.#libc = libc;
		this.#onLent = onLent;
		this.restock();
	}

	/** Makes a descriptor free; false when that was done before. */
	lend(): boolean {
		if (this.#fd === NONE) return false;
		this.#libc.close(this.#fd);
		this.#fd = NONE;
		this.#onLent();
		return true;
	}

	/** Whether it is there, perhaps again. */
	restock(): boolean {
		if (this.#fd === NONE) this.#fd = Math.max(NONE, this.#libc.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC));
		return this.#fd !== NONE;
	}

	close(): void {
		if (this.#fd !== NONE) this.#libc.close(this.#fd);
		this.#fd = NONE;
	}
}
