/** Something whose session is over and that still has a socket open. */
export interface Straggler {
	/** Closes it, whatever it has still to send or to hear. */
	giveUp(): void;
}

/**
 * The clients of one worker that keep their sockets although their sessions are over: for last bytes, or for the
 * answer to a FIN. The process cap counts their descriptors no more, so they live on the reserve and are few; the
 * oldest goes first.
 */
export class Stragglers {
	readonly #limit: () => number;
	readonly #all = new Set<Straggler>();

	/** `limit` is asked whenever one is added. */
	constructor(limit: () => number) {
		this.#limit = limit;
	}

	get size(): number {
		return this.#all.size;
	}

	add(straggler: Straggler): void {
		this.#all.add(straggler);
		if (this.#all.size <= this.#limit()) return;
		for (const oldest of this.#all) {
			this.#all.delete(oldest);
			oldest.giveUp();
			return;
		}
	}

	/** Its socket is closed. Nearly always there are none, and a look-up would give each its hash. */
	delete(straggler: Straggler): void {
		if (this.#all.size > 0) this.#all.delete(straggler);
	}
}
