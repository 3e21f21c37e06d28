import type { Outlet } from './outlet.ts';

/** So many at the most gather at a time, so that what they hold back is bounded however many sessions are busy. */
const MOST_GATHERING = 64;

/** The outlets of one engine that gather chunks. They send at the end of this turn of the loop, or when they are many. */
export class GatheredWrites {
	#outlets: Outlet[] = [];
	#scheduled = false;

	add(outlet: Outlet): void {
		this.#outlets.push(outlet);
		if (this.#outlets.length >= MOST_GATHERING) this.#send();
		else if (!this.#scheduled) this.#schedule();
	}

	#schedule(): void {
		this.#scheduled = true;
		// After everything that has come in by now was read.
		setImmediate(() => {
			this.#scheduled = false;
			this.#send();
		});
	}

	#send(): void {
		const outlets = this.#outlets;
		this.#outlets = [];
		for (const outlet of outlets) outlet.send();
	}
}
