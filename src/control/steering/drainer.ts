import type { BackendSnapshot, SlotRef, Snapshot } from '../../core/snapshot.ts';
import { MS_PER_SECOND } from '../../core/units.ts';
import { entryName } from './live-views.ts';

/** How often sessions are closed. */
export const TICK_MS = 100;

export interface DrainerOptions {
	/** The one in force. */
	snapshot(): Snapshot | null;
	/** Numbers of the workers that run now. */
	workers(): readonly number[];
	/** Sessions of this worker on this backend now. */
	activeOf(worker: number, backend: SlotRef): number;
	/** Have a worker end so many of its sessions there, oldest first. */
	close(worker: number, backend: SlotRef, count: number): void;
	/** Monotonic. */
	nowMs(): number;
	/** Calls back after every so many milliseconds, until cancelled. */
	every(ms: number, run: () => void): () => void;
}

interface Drain {
	readonly pool: string;
	/** As the file calls it: a host name may stand for several backends. */
	readonly backend: string;
	/** Null: all at once, when the time is over. */
	readonly closePerSecond: number | null;
	readonly untilMs: number;
	/** Sessions that may be closed by now and were not, with fractions. */
	credit: number;
	lastMs: number;
}

/** Ends the sessions of draining backends: so many a second, or all of them when their time is over. */
export class Drainer {
	readonly #options: DrainerOptions;
	readonly #drains = new Map<string, Drain>();
	#cancel: (() => void) | null = null;

	constructor(options: DrainerOptions) {
		this.#options = options;
	}

	/** `graceMs`: how long sessions may go on where no rate is given. */
	start(pool: string, backend: string, closePerSecond: number | null, graceMs: number): void {
		const nowMs = this.#options.nowMs();
		const drain = { pool, backend, closePerSecond, untilMs: nowMs + graceMs, credit: 0, lastMs: nowMs };
		this.#drains.set(`${pool}/${backend}`, drain);
		this.#cancel ??= this.#options.every(TICK_MS, () => this.#tick());
	}

	/** The backend drains no longer. */
	end(pool: string, backend: string): void {
		this.#drains.delete(`${pool}/${backend}`);
		if (this.#drains.size === 0) this.stop();
	}

	stop(): void {
		this.#drains.clear();
		this.#cancel?.();
		this.#cancel = null;
	}

	#tick(): void {
		const nowMs = this.#options.nowMs();
		for (const drain of this.#drains.values()) {
			const allowed = allowedNow(drain, nowMs);
			if (allowed > 0) drain.credit -= this.#close(drain, allowed);
		}
	}

	/** Answers how many were told to end. */
	#close(drain: Drain, most: number): number {
		let left = most;
		for (const backend of this.#backendsOf(drain)) {
			for (const worker of this.#options.workers()) {
				const count = Math.min(left, this.#options.activeOf(worker, backend.slot));
				if (count <= 0) continue;
				this.#options.close(worker, backend.slot, count);
				left -= count;
			}
		}
		return Number.isFinite(most) ? most - left : 0;
	}

	#backendsOf({ pool, backend }: Drain): readonly BackendSnapshot[] {
		const pools = this.#options.snapshot()?.pools ?? [];
		const found = pools.find(({ name }) => name === pool)?.backends ?? [];
		return found.filter((candidate) => entryName(candidate) === backend);
	}
}

function allowedNow(drain: Drain, nowMs: number): number {
	if (drain.closePerSecond === null) return nowMs >= drain.untilMs ? Number.POSITIVE_INFINITY : 0;
	// What nobody was there for is not saved up beyond a second's worth.
	const earned = (drain.closePerSecond * (nowMs - drain.lastMs)) / MS_PER_SECOND;
	drain.credit = Math.min(drain.credit + earned, Math.max(1, drain.closePerSecond));
	drain.lastMs = nowMs;
	return Math.floor(drain.credit);
}
