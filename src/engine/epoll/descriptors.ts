/** Entries of the table: descriptors above have no entry and are not closed for a worker that died. */
const MOST_DESCRIPTORS = 1 << 20;

/**
 * Which worker has which descriptor, in shared memory: written when one is opened, cleared before it is
 * closed. Descriptors outlive the thread that opened them, so the main thread closes those of a worker
 * that died. A worker that dies between a call and its entry leaves one descriptor open; none is ever
 * closed that is, or may be, another's.
 */
export class DescriptorTable {
	readonly #owners: Int32Array;

	constructor(memory: SharedArrayBuffer) {
		this.#owners = new Int32Array(memory);
	}

	/** Memory for as many descriptors as the process may have; committed only where it is written. */
	static memoryFor(nofile: number): SharedArrayBuffer {
		return new SharedArrayBuffer(Math.min(Math.max(nofile, 1024), MOST_DESCRIPTORS) * 4);
	}

	opened(fd: number, worker: number): void {
		if (fd < this.#owners.length) Atomics.store(this.#owners, fd, worker + 1);
	}

	closing(fd: number): void {
		if (fd < this.#owners.length) Atomics.store(this.#owners, fd, 0);
	}

	/** The descriptors of a worker that is gone; they are its no more. */
	*abandoned(worker: number): Generator<number> {
		for (let fd = 0; fd < this.#owners.length; fd++) {
			if (Atomics.compareExchange(this.#owners, fd, worker + 1, 0) === worker + 1) yield fd;
		}
	}
}
