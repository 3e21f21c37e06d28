import { NS_PER_MS } from '../../core/units.ts';
import type { Timed } from './loop.ts';

/** The few timers of a worker itself (sweeps, not sessions): Node's do not run while its loop is here. */
export class LoopTimers implements Timed {
	readonly #nowNs: () => number;
	readonly #due = new Map<object, { readonly atNs: number; readonly run: () => void }>();

	constructor(nowNs: () => number) {
		this.#nowNs = nowNs;
	}

	/** Asked in every turn of the loop, and changed a few times a second. */
	nextNs = Number.POSITIVE_INFINITY;

	/** Answers what cancels it. */
	after(delayMs: number, run: () => void): () => void {
		const key = {};
		const atNs = this.#nowNs() + delayMs * NS_PER_MS;
		this.#due.set(key, { atNs, run });
		this.nextNs = Math.min(this.nextNs, atNs);
		return () => {
			if (this.#due.delete(key)) this.#findNext();
		};
	}

	runDue(nowNs: number): void {
		for (const [key, { atNs, run }] of this.#due) {
			if (atNs > nowNs) continue;
			this.#due.delete(key);
			run();
		}
		this.#findNext();
	}

	#findNext(): void {
		this.nextNs = Number.POSITIVE_INFINITY;
		for (const { atNs } of this.#due.values()) this.nextNs = Math.min(this.nextNs, atNs);
	}
}
