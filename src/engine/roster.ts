/** What stands in a roster; its neighbours are the roster's own and start as null. */
export interface RosterEntry<E> {
	older: E | null;
	newer: E | null;
}

/** Somebody on the way along a roster. */
interface Walk<E> {
	next: E | null;
}

/**
 * Who is there, the oldest first, as a list through the entries themselves. A Set would cost the collector more than
 * all else about a short session: each table that a Set outgrows goes on pointing at all that stood in it, and at the
 * next table, so that whoever passed through is kept until the old space is collected. Here who has left points at nobody.
 */
export class Roster<E extends RosterEntry<E>> {
	#oldest: E | null = null;
	#newest: E | null = null;
	#size = 0;
	readonly #walks: Walk<E>[] = [];

	get size(): number {
		return this.#size;
	}

	/** `entry` stands in no roster. */
	add(entry: E): void {
		entry.older = this.#newest;
		if (this.#newest === null) this.#oldest = entry;
		else this.#newest.newer = entry;
		this.#newest = entry;
		this.#size += 1;
	}

	/** `entry` stands in this roster. Those who walk along it step over. */
	remove(entry: E): void {
		for (const walk of this.#walks) if (walk.next === entry) walk.next = entry.newer;
		if (entry.older === null) this.#oldest = entry.newer;
		else entry.older.newer = entry.newer;
		if (entry.newer === null) this.#newest = entry.older;
		else entry.newer.older = entry.older;
		entry.older = null;
		entry.newer = null;
		this.#size -= 1;
	}

	/** Oldest first. Entries may come and go meanwhile: who has left is skipped, who comes is met, unless the end was near. */
	*[Symbol.iterator](): Generator<E> {
		const walk: Walk<E> = { next: this.#oldest };
		this.#walks.push(walk);
		try {
			for (let entry = walk.next; entry !== null; entry = walk.next) {
				walk.next = entry.newer;
				yield entry;
			}
		} finally {
			this.#walks.splice(this.#walks.indexOf(walk), 1);
		}
	}
}
