const NOTHING = new Uint8Array(0);

/**
 * What was read of a client before its relay and nobody has consumed, or what the ring has read of either side and
 * not sent. A first read is only looked at where it
 * stands, in the worker's scratch buffer; `keep` gives what is left of it memory of its own, no more than it
 * needs, before anything else comes there.
 */
export class HeldBytes {
	#memory: Uint8Array = NOTHING;
	#from = 0;
	#to = 0;
	#lent = false;

	get length(): number {
		return this.#to - this.#from;
	}

	/** Good until the next change. */
	get view(): Uint8Array {
		return this.#memory.subarray(this.#from, this.#to);
	}

	/** Takes in what was read into the start of `scratch`. `most` is how many bytes may come to stand here. */
	add(scratch: Uint8Array, bytes: number, most: number): void {
		if (this.length === 0) {
			this.#memory = scratch;
			this.#from = 0;
			this.#to = bytes;
			this.#lent = true;
			return;
		}
		if (this.#to + bytes > this.#memory.length) this.#makeRoom(bytes, most);
		this.#memory.set(scratch.subarray(0, bytes), this.#to);
		this.#to += bytes;
	}

	/** Takes in a copy. */
	append(bytes: Uint8Array): void {
		this.keep();
		const needed = this.length + bytes.length;
		if (this.#to + bytes.length > this.#memory.length) this.#move(Math.max(needed, 2 * this.length));
		this.#memory.set(bytes, this.#to);
		this.#to += bytes.length;
	}

	/** Nothing of it stands in the scratch buffer any more. */
	keep(): void {
		if (!this.#lent) return;
		this.#move(this.length);
		this.#lent = false;
	}

	/** The first so many have found their owner. */
	consume(bytes: number): void {
		if (bytes > this.length) throw new RangeError(`${bytes} bytes consumed of ${this.length}`);
		this.#from += bytes;
		if (this.length > 0) return;
		this.#memory = NOTHING;
		this.#from = 0;
		this.#to = 0;
		this.#lent = false;
	}

	/** Moves the first so many to the start of `target`. */
	moveTo(target: Uint8Array, bytes: number): void {
		target.set(this.#memory.subarray(this.#from, this.#from + bytes));
		this.consume(bytes);
	}

	/** Twice as much each time: a hello may come a byte at a time. */
	#makeRoom(bytes: number, most: number): void {
		const needed = this.length + bytes;
		this.#move(Math.max(needed, Math.min(2 * this.length, most)));
	}

	#move(capacity: number): void {
		const memory = new Uint8Array(capacity);
		memory.set(this.view);
		this.#to = this.length;
		this.#from = 0;
		this.#memory = memory;
	}
}
