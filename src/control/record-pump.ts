import type { AccessRecord, LogEvent } from '../core/record.ts';
import type { Log } from './log.ts';

export type RecordEntry = { readonly access: AccessRecord } | { readonly log: LogEvent };

/** One worker's record ring, as its only reader sees it. */
export interface RecordSource {
	/** The oldest unread entry, or null. */
	next(): RecordEntry | null;
	/** Entries that did not fit, counted from the start. */
	readonly dropped: number;
}

/** How long an entry may wait in its ring: lines that are written together cost less. */
const INTERVAL_MS = 50;
/** How soon it goes on when a turn had not been enough. */
const BUSY_MS = 20;
/** Most entries of one turn, so that a flood of records leaves the control plane its turns. */
const MAX_PER_TURN = 2_000;

/**
 * Carries records and events from the workers' rings to the log. While the log's reader is behind
 * nothing is taken: the rings fill, workers drop and count, and the count is told once it flows again.
 */
export class RecordPump {
	private readonly sources: readonly RecordSource[];
	private readonly log: Log;
	private readonly told: number[];
	/** The next entry of each source, taken out of its ring to be compared. */
	private readonly heads: (RecordEntry | null)[];
	private timer: NodeJS.Timeout | null = null;
	private linesLost = 0;

	constructor(sources: readonly RecordSource[], log: Log) {
		this.sources = sources;
		this.log = log;
		this.told = sources.map(() => 0);
		this.heads = sources.map(() => null);
	}

	/** Entries that did not fit, of all rings, and lines that the log's output dropped. */
	get dropped(): number {
		return this.sources.reduce((sum, { dropped }) => sum + dropped, this.linesLost);
	}

	start(): void {
		this.timer ??= setTimeout(this.pump, INTERVAL_MS);
	}

	private readonly pump = (): void => {
		const left = this.turn();
		if (this.timer !== null) this.timer = setTimeout(this.pump, left ? BUSY_MS : INTERVAL_MS);
	};

	stop(): void {
		if (this.timer !== null) clearTimeout(this.timer);
		this.timer = null;
	}

	/** Takes what there is, up to the turn's share, in the order of time; answers whether entries are left. */
	turn(): boolean {
		return this.log.together(() => this.carry());
	}

	private carry(): boolean {
		for (let left = MAX_PER_TURN; ; left--) {
			if (left === 0 || this.log.blocked) return true;
			const entry = this.takeEarliest();
			if (entry === null) break;
			if ('access' in entry) this.log.access(entry.access);
			else this.log.event(entry.log);
		}
		this.tellDropped();
		return false;
	}

	/** Sessions that ended on different workers are told in the order in which they ended; events do not wait. */
	private takeEarliest(): RecordEntry | null {
		let earliest = -1;
		let earliestMs = Number.POSITIVE_INFINITY;
		for (const [at, source] of this.sources.entries()) {
			const head = this.heads[at] ?? source.next();
			this.heads[at] = head;
			if (head === null) continue;
			const timeMs = 'access' in head ? head.access.timeMs : Number.NEGATIVE_INFINITY;
			if (timeMs >= earliestMs) continue;
			earliest = at;
			earliestMs = timeMs;
		}
		const entry = this.heads[earliest] ?? null;
		if (entry !== null) this.heads[earliest] = null;
		return entry;
	}

	/** Takes all there is, as long as the log's reader keeps up and the time lasts. */
	async finish(withinMs: number): Promise<void> {
		this.stop();
		const deadline = Date.now() + withinMs;
		while (this.turn() && Date.now() < deadline) await this.log.flush(Math.min(100, deadline - Date.now()));
		await this.log.flush(Math.max(0, deadline - Date.now()));
	}

	private tellDropped(): void {
		if (this.log.failing) return;
		this.sources.forEach((source, worker) => {
			const { dropped } = source;
			const count = dropped - (this.told[worker] ?? 0);
			if (count <= 0) return;
			this.told[worker] = dropped;
			this.log.warn('records dropped', { worker, count });
		});
		const count = this.log.takeLost();
		this.linesLost += count;
		if (count > 0) this.log.warn('records dropped', { worker: null, count });
	}
}
