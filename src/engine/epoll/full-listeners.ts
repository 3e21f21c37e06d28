import { NS_PER_MS } from '../../core/units.ts';
import type { EpollListener } from './listener.ts';
import type { Timed } from './loop.ts';

/** How soon is looked again whether there is room: sessions of other workers end, too, and rates let the next one in. */
const LOOK_AGAIN_MS = 10;
const NEVER = Number.POSITIVE_INFINITY;

/** Listeners whose next client would be over a limit and shall wait in the kernel's queue (`overflow: wait`). */
export class FullListeners implements Timed {
	nextNs = NEVER;
	readonly #waiting = new Set<EpollListener>();
	readonly #mayAccept: (listener: EpollListener) => boolean;
	readonly #nowNs: () => number;

	constructor(mayAccept: (listener: EpollListener) => boolean, nowNs: () => number) {
		this.#mayAccept = mayAccept;
		this.#nowNs = nowNs;
	}

	/** This one has paused. */
	add(listener: EpollListener): void {
		this.#waiting.add(listener);
		this.#lookLater();
	}

	/** It will not accept again. */
	drop(listener: EpollListener): void {
		this.#waiting.delete(listener);
	}

	/** A session has ended, or time has passed: those that have room again go on. */
	runDue(): void {
		this.nextNs = NEVER;
		for (const listener of this.#waiting) {
			if (this.#mayAccept(listener) && listener.resume() === 0) this.#waiting.delete(listener);
		}
		if (this.#waiting.size > 0) this.#lookLater();
	}

	#lookLater(): void {
		this.nextNs = this.#nowNs() + LOOK_AGAIN_MS * NS_PER_MS;
	}
}
