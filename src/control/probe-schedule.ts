import type { Rng } from '../core/ports.ts';
import type { Lane, ProbeRequest, ProbeResult, Prober } from './probe/request.ts';

/** Part of the interval by which each wait is made longer or shorter, so that probes drift apart. */
export const JITTER = 0.1;

/** Calls back after so many milliseconds, unless cancelled; timers in life, by hand in tests. */
export type After = (ms: number, run: () => void) => () => void;

export interface ScheduleParts {
	readonly probe: Prober;
	readonly after: After;
	readonly nowMs: () => number;
	readonly rng: Rng;
}

export interface ProbeSettings extends Omit<ProbeRequest, 'lane'> {
	readonly intervalMs: number;
}

/** The probes of one backend, one at a time: `interval` from start to start, with jitter; a longer one is followed at once. */
export class ProbeSchedule {
	private readonly parts: ScheduleParts;
	private readonly heard: (result: ProbeResult) => void;
	private settings: ProbeSettings;
	private lane: Lane = 'new';
	private cancel: () => void = () => {};
	/** When the next one begins; null while one runs. */
	private dueMs: number | null = null;

	/** The first probe begins after `firstMs`. `heard` gets every result. */
	constructor(settings: ProbeSettings, firstMs: number, parts: ScheduleParts, heard: (result: ProbeResult) => void) {
		this.parts = parts;
		this.heard = heard;
		this.settings = settings;
		this.wait(firstMs);
	}

	/** From the next probe on; a shorter interval also brings that one forward. */
	change(settings: ProbeSettings): void {
		const sooner = settings.intervalMs < this.settings.intervalMs;
		this.settings = settings;
		if (!sooner || this.dueMs === null) return;
		const left = this.dueMs - this.parts.nowMs();
		this.cancel();
		this.wait(Math.min(left, this.jittered()));
	}

	stop(): void {
		this.cancel();
	}

	private wait(ms: number): void {
		const wait = Math.max(0, ms);
		this.dueMs = this.parts.nowMs() + wait;
		this.cancel = this.parts.after(wait, () => this.run());
	}

	private run(): void {
		const startMs = this.parts.nowMs();
		this.dueMs = null;
		this.cancel = this.parts.probe({ ...this.settings, lane: this.lane }, (result) => {
			if (result.type !== 'none') this.lane = result.type === 'good' ? 'good' : 'suspect';
			this.wait(this.jittered() - (this.parts.nowMs() - startMs));
			this.heard(result);
		});
	}

	private jittered(): number {
		return this.settings.intervalMs * (1 - JITTER + 2 * JITTER * this.parts.rng());
	}
}

/** By an unreferenced timer: probing alone keeps no process alive. */
export const afterTimeout: After = (ms, run) => {
	const timer = setTimeout(run, ms);
	timer.unref();
	return () => clearTimeout(timer);
};
