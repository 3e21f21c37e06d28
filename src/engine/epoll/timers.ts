import { NS_PER_MS } from '../../core/units.ts';
import type { Timed } from './loop.ts';

/** The few timers of a worker itself (sweeps, not sessions): Node's do not run while its loop is here. */
export class LoopTimers implements Timed {
	readonly #nowNs: () => number;
	readonly #due = new Map<object, { readonly atNs: number; readonly run: () => void }>();

	constructor(nowNs: () => number) {
		this.#nowNs = nowNs;
	}

	get nextNs(): number {
		let nextNs = Number.POSITIVE_INFINITY;
		for (const { atNs } of this.#due.values()) nextNs = Math.min(nextNs, atNs);
		return nextNs;
	}

	/** Answers what cancels it. */
	after(delayMs: number, run: () => void): () => void {
		const key = {};
		this.#due.set(key, { atNs: this.#nowNs() + delayMs * NS_PER_MS, run });
		return () => void this.#due.delete(key);
	}

	runDue(nowNs: number): void {
		for (const [key, { atNs, run }] of this.#due) {
			if (atNs > nowNs) continue;
			this.#due.delete(key);
			run();
		}
	}
}
