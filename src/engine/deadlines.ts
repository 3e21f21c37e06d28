/** What a deadline belongs to; the two fields are the heap's own and start as `idleEntry` says. */
export interface DeadlineEntry {
	/** Place in the heap, -1 when not in it. */
	heapIndex: number;
	/** The heap's key: never later than `dueNs`. */
	heapKeyNs: number;
	/** When it is due, absolute; Infinity for never. */
	dueNs: number;
}

/** The fields of an entry that is not in a heap. */
export const idleEntry = (): DeadlineEntry => ({ heapIndex: -1, heapKeyNs: 0, dueNs: Number.POSITIVE_INFINITY });

/**
 * Absolute deadlines, the earliest first: a binary heap that knows where each entry is. Deadlines mostly
 * move later, so a later one only updates the entry, which keeps its place until it reaches the top.
 */
export class Deadlines<E extends DeadlineEntry> {
	readonly #heap: E[] = [];

	get size(): number {
		return this.#heap.length;
	}

	/** No entry is due before this; it may be early, never late. Infinity when empty. */
	get nextNs(): number {
		return this.#heap[0]?.heapKeyNs ?? Number.POSITIVE_INFINITY;
	}

	set(entry: E, dueNs: number): void {
		entry.dueNs = dueNs;
		if (entry.heapIndex < 0) {
			if (dueNs !== Number.POSITIVE_INFINITY) this.#push(entry);
		} else if (dueNs < entry.heapKeyNs) {
			entry.heapKeyNs = dueNs;
			this.#siftUp(entry, entry.heapIndex);
		}
	}

	remove(entry: E): void {
		const index = entry.heapIndex;
		if (index < 0) return;
		entry.heapIndex = -1;
		const last = this.#heap.pop();
		if (last === undefined || last === entry) return;
		this.#siftUp(last, index);
		this.#siftDown(last, last.heapIndex);
	}

	/** Takes out and answers one entry that is due, or null when none is. */
	takeDue(nowNs: number): E | null {
		for (let top = this.#heap[0]; top !== undefined && top.heapKeyNs <= nowNs; top = this.#heap[0]) {
			if (top.dueNs <= nowNs) {
				this.remove(top);
				return top;
			}
			this.#postpone(top);
		}
		return null;
	}

	/** The entry at the top had moved later meanwhile. */
	#postpone(top: E): void {
		if (top.dueNs === Number.POSITIVE_INFINITY) {
			this.remove(top);
			return;
		}
		top.heapKeyNs = top.dueNs;
		this.#siftDown(top, 0);
	}

	#push(entry: E): void {
		entry.heapKeyNs = entry.dueNs;
		this.#heap.push(entry);
		this.#siftUp(entry, this.#heap.length - 1);
	}

	#siftUp(entry: E, from: number): void {
		let index = from;
		while (index > 0) {
			const parentIndex = (index - 1) >> 1;
			const parent = this.#heap[parentIndex];
			if (parent === undefined || parent.heapKeyNs <= entry.heapKeyNs) break;
			this.#place(parent, index);
			index = parentIndex;
		}
		this.#place(entry, index);
	}

	#siftDown(entry: E, from: number): void {
		let index = from;
		for (;;) {
			const child = this.#earlierChild(index);
			if (child === undefined || child.heapKeyNs >= entry.heapKeyNs) break;
			const childIndex = child.heapIndex;
			this.#place(child, index);
			index = childIndex;
		}
		this.#place(entry, index);
	}

	#earlierChild(index: number): E | undefined {
		const left = this.#heap[2 * index + 1];
		const right = this.#heap[2 * index + 2];
		if (left === undefined || right === undefined) return left;
		return right.heapKeyNs < left.heapKeyNs ? right : left;
	}

	#place(entry: E, index: number): void {
		this.#heap[index] = entry;
		entry.heapIndex = index;
	}
}
