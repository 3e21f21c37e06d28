import type { AccessRecord, LogEvent } from '../core/record.ts';
import type { Log } from './log.ts';

/** One worker's record ring, as its only reader sees it. */
export interface RecordSource {
	/** The oldest unread entry, or null. */
	next(): { readonly access: AccessRecord } | { readonly log: LogEvent } | null;
	/** Entries that did not fit, counted from the start. */
	readonly dropped: number;
}

/** How long an entry may wait in its ring. */
const INTERVAL_MS = 20;
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
	private timer: NodeJS.Timeout | null = null;

	constructor(sources: readonly RecordSource[], log: Log) {
		this.sources = sources;
		this.log = log;
		this.told = sources.map(() => 0);
	}

	start(): void {
		this.timer ??= setInterval(() => this.turn(), INTERVAL_MS);
	}

	stop(): void {
		if (this.timer !== null) clearInterval(this.timer);
		this.timer = null;
	}

	/** Takes what there is, up to the turn's share; answers whether entries are left. */
	turn(): boolean {
		let left = MAX_PER_TURN;
		for (const source of this.sources) {
			for (;;) {
				if (left === 0 || this.log.blocked) return true;
				const entry = source.next();
				if (entry === null) break;
				left -= 1;
				if ('access' in entry) this.log.access(entry.access);
				else this.log.event(entry.log);
			}
		}
		this.tellDropped();
		return false;
	}

	/** Takes all there is, as long as the log's reader keeps up and the time lasts. */
	async finish(withinMs: number): Promise<void> {
		this.stop();
		const deadline = Date.now() + withinMs;
		while (this.turn() && Date.now() < deadline) await this.log.flush(Math.min(100, deadline - Date.now()));
		await this.log.flush(Math.max(0, deadline - Date.now()));
	}

	private tellDropped(): void {
		this.sources.forEach((source, worker) => {
			const { dropped } = source;
			const count = dropped - (this.told[worker] ?? 0);
			if (count <= 0) return;
			this.told[worker] = dropped;
			this.log.warn('records dropped', { worker, count });
		});
		const count = this.log.takeLost();
		if (count > 0) this.log.warn('records dropped', { worker: null, count });
	}
}
