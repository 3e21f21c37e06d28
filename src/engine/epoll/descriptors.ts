/** Entries of the table: descriptors above have no entry and are not closed for a worker that died. */
const MOST_DESCRIPTORS = 1 << 20;

/**
 * Which worker has which descriptor, in shared memory: written when one is opened, cleared before it is
 * closed. Descriptors outlive the thread that opened them, so the main thread closes those of a worker
 * that died. None is ever closed that is, or may be, another's: where a worker dies between a call that
 * opens and its entry, one descriptor stays open. Plain writes: who reads waits for the thread's end.
 */
export class DescriptorTable {
	readonly owners: Int32Array;

	constructor(memory: SharedArrayBuffer) {
		this.owners = new Int32Array(memory);
	}

	/** What a worker writes at its descriptors. */
	static markOf(worker: number): number {
		return worker + 1;
	}

	/** Memory for as many descriptors as the process may have; committed only where it is written. */
	static memoryFor(nofile: number): SharedArrayBuffer {
		return new SharedArrayBuffer(Math.min(Math.max(nofile, 1024), MOST_DESCRIPTORS) * 4);
	}

	/** The descriptors of a worker that is gone; they are its no more. */
	*abandoned(worker: number): Generator<number> {
		const mark = DescriptorTable.markOf(worker);
		for (let fd = 0; fd < this.owners.length; fd++) {
			if (Atomics.compareExchange(this.owners, fd, mark, 0) === mark) yield fd;
		}
	}
}
