const NOTHING = Buffer.alloc(0);

/** The smallest copy that is made; chunks of a byte a second are not copied one by one. */
const LEAST_ROOM = 512;

/**
 * Bytes in order, in one piece. The first chunk is kept as it is; when another follows, both move into room that
 * doubles, so that any number of small chunks costs a few copies of the whole. Views of it stay as they are: room
 * is only ever written behind them.
 */
export class HeldBytes {
	/** All of them; its memory is a chunk's own, or the front of `#room`. */
	#bytes: Buffer = NOTHING;
	#room: Buffer | null = null;
	/** Where in `#room` the next chunk goes. */
	#end = 0;

	get length(): number {
		return this.#bytes.length;
	}

	get view(): Buffer {
		return this.#bytes;
	}

	add(chunk: Buffer): void {
		if (this.#bytes.length === 0) this.#set(chunk);
		else if (this.#room !== null && this.#end + chunk.length <= this.#room.length) this.#append(this.#room, chunk);
		else this.#move(chunk);
	}

	/** The first `count` go; there are so many. */
	drop(count: number): void {
		if (count === this.#bytes.length) this.#set(NOTHING);
		else this.#bytes = this.#bytes.subarray(count);
	}

	/** All of them, which are held no longer. */
	take(): Buffer {
		const bytes = this.#bytes;
		this.#set(NOTHING);
		return bytes;
	}

	#set(bytes: Buffer): void {
		this.#bytes = bytes;
		this.#room = null;
		this.#end = 0;
	}

	#append(room: Buffer, chunk: Buffer): void {
		chunk.copy(room, this.#end);
		this.#end += chunk.length;
		this.#bytes = room.subarray(this.#end - this.#bytes.length - chunk.length, this.#end);
	}

	#move(chunk: Buffer): void {
		const length = this.#bytes.length + chunk.length;
		// Not from the pool: a few bytes in it would keep all of it.
		const room = Buffer.allocUnsafeSlow(Math.max(LEAST_ROOM, 2 * length));
		this.#bytes.copy(room);
		this.#end = this.#bytes.length;
		this.#room = room;
		this.#append(room, chunk);
	}
}
