import { NS_PER_MS } from '../../core/units.ts';

/** Far below the longest delay of `setTimeout`; waking for nothing once an hour costs nothing. */
const LONGEST_MS = 3_600_000;

/** One `setTimeout` for the earliest of many deadlines. It holds the process only while one is set. */
export class DeadlineTimer {
	readonly #nowNs: () => number;
	readonly #run: (nowNs: number) => void;
	#timer: NodeJS.Timeout | null = null;
	#wakeNs = Number.POSITIVE_INFINITY;

	/** `run` is called at or after the deadline and asks again by `wakeAt`. */
	constructor(nowNs: () => number, run: (nowNs: number) => void) {
		this.#nowNs = nowNs;
		this.#run = run;
	}

	/** A timer that would ring earlier is left alone: it rings, finds nothing due and is set again. */
	wakeAt(deadlineNs: number): void {
		if (deadlineNs === Number.POSITIVE_INFINITY) this.clear();
		else if (deadlineNs < this.#wakeNs) this.#start(deadlineNs);
	}

	clear(): void {
		if (this.#timer !== null) clearTimeout(this.#timer);
		this.#timer = null;
		this.#wakeNs = Number.POSITIVE_INFINITY;
	}

	#start(deadlineNs: number): void {
		if (this.#timer !== null) clearTimeout(this.#timer);
		this.#wakeNs = deadlineNs;
		const delayMs = Math.ceil((deadlineNs - this.#nowNs()) / NS_PER_MS);
		this.#timer = setTimeout(() => this.#ring(), Math.min(Math.max(delayMs, 1), LONGEST_MS));
	}

	#ring(): void {
		this.#timer = null;
		this.#wakeNs = Number.POSITIVE_INFINITY;
		this.#run(this.#nowNs());
	}
}
