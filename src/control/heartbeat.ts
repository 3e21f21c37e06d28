import { beatAt, beatsOf } from '../shared/wake.ts';

/** How often the workers' heartbeats are looked at. */
const LOOK_MS = 1_000;
/** A worker whose loop has not turned for so many looks in a row hangs. */
const MOST_MISSED = 8;

export interface HeartbeatOptions {
	/** The words of `shared/wake.ts`. */
	readonly words: Int32Array;
	readonly workers: number;
	/** This worker's loop does not turn any more. */
	readonly hangs: (worker: number) => void;
}

/**
 * Notices workers that hang: each raises a word while its loop turns. Looks are counted, not time, so that a
 * process that was stopped as a whole, or a machine that slept, is not taken for a hang.
 */
export class Heartbeat {
	private readonly options: HeartbeatOptions;
	private readonly last: number[];
	private readonly missed: number[];
	private timer: NodeJS.Timeout | null = null;

	constructor(options: HeartbeatOptions) {
		this.options = options;
		this.last = new Array<number>(options.workers).fill(0);
		this.missed = new Array<number>(options.workers).fill(0);
	}

	start(): void {
		this.timer = setInterval(() => this.look(), LOOK_MS).unref();
	}

	stop(): void {
		if (this.timer !== null) clearInterval(this.timer);
	}

	/** The worker begins anew; until its first beat nothing is missed. */
	reset(worker: number): void {
		this.last[worker] = 0;
		this.missed[worker] = 0;
		Atomics.store(this.options.words, beatAt(worker), 0);
	}

	look(): void {
		for (let worker = 0; worker < this.options.workers; worker++) this.lookAt(worker);
	}

	private lookAt(worker: number): void {
		const beats = beatsOf(this.options.words, worker);
		const moved = beats === 0 || beats !== this.last[worker];
		const missed = moved ? 0 : (this.missed[worker] ?? 0) + 1;
		this.last[worker] = beats;
		this.missed[worker] = missed;
		if (missed !== MOST_MISSED) return;
		this.missed[worker] = 0;
		this.options.hangs(worker);
	}
}
