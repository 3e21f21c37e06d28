/** More than a worker ever maps at a time. */
const ENTRIES = 8;

/**
 * Which memory a worker has mapped, in shared memory. A mapping outlives the thread that made it and keeps what it
 * maps alive: the ring of a worker that died would go on holding its sockets, until the main thread unmaps it.
 */
export class MappedNotes {
	/** Pairs of address and bytes; 0 bytes where there is none. */
	readonly #pairs: Float64Array;

	constructor(memory: SharedArrayBuffer) {
		this.#pairs = new Float64Array(memory);
	}

	static memory(): SharedArrayBuffer {
		return new SharedArrayBuffer(ENTRIES * 2 * Float64Array.BYTES_PER_ELEMENT);
	}

	/** @throws RangeError when there are too many. */
	add(address: number, bytes: number): void {
		for (let at = 0; at < this.#pairs.length; at += 2) {
			if ((this.#pairs[at + 1] ?? 0) > 0) continue;
			this.#pairs[at] = address;
			this.#pairs[at + 1] = bytes;
			return;
		}
		throw new RangeError(`more than ${ENTRIES} mappings`);
	}

	remove(address: number): void {
		for (let at = 0; at < this.#pairs.length; at += 2) if (this.#pairs[at] === address) this.#pairs[at + 1] = 0;
	}

	/** What is mapped; it is noted no more. For when the thread that mapped it has ended. */
	*take(): Generator<{ readonly address: number; readonly bytes: number }> {
		for (let at = 0; at < this.#pairs.length; at += 2) {
			const [address, bytes] = [this.#pairs[at] ?? 0, this.#pairs[at + 1] ?? 0];
			this.#pairs[at + 1] = 0;
			if (bytes > 0) yield { address, bytes };
		}
	}
}
