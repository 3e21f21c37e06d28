import { Deadlines } from '../deadlines.ts';
import { DeadlineTimer } from './deadline-timer.ts';
import type { Lane } from './lane.ts';

/**
 * The lanes of one engine that wait for their gates, under one timer. They go on in the order of the instants
 * they were promised. Timers are a millisecond coarse; what a gate earns meanwhile is not lost.
 */
export class LaneTimer {
	readonly #waiting = new Deadlines<Lane>();
	readonly #timer: DeadlineTimer;

	constructor(nowNs: () => number) {
		this.#timer = new DeadlineTimer(nowNs, (now) => this.#run(now));
	}

	/** The lane may go on at `readyNs`. */
	await(lane: Lane, readyNs: number): void {
		this.#waiting.set(lane, readyNs);
		this.#timer.wakeAt(this.#waiting.nextNs);
	}

	leave(lane: Lane): void {
		this.#waiting.remove(lane);
		if (this.#waiting.size === 0) this.#timer.clear();
	}

	clear(): void {
		this.#timer.clear();
	}

	#run(nowNs: number): void {
		for (let lane = this.#waiting.takeDue(nowNs); lane !== null; lane = this.#waiting.takeDue(nowNs)) lane.proceed();
		this.#timer.wakeAt(this.#waiting.nextNs);
	}
}
