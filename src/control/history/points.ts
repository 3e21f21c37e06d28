import type { PoolView, StatusView } from '../admin/views.ts';

/** One value of each kind for this long. */
export const STEP_MS = 10_000;
/** How long they are kept. */
export const KEPT_MS = 24 * 3_600_000;
/** Things that have a history at once: the process and its first pools. */
export const MAX_SERIES = 128;
/** The series of the process; that of a pool is called `pool NAME`. */
export const PROCESS = 'process';

/** What is kept of one series at one time. */
export interface Point {
	readonly series: string;
	/** Wall clock, the begin of its step. */
	readonly timeMs: number;
	readonly active: number;
	readonly endedPerSecond: number;
	readonly uploadBytesPerSecond: number;
	readonly downloadBytesPerSecond: number;
	readonly queued: number;
}

interface Totals {
	readonly sessions: number;
	readonly uploadBytes: number;
	readonly downloadBytes: number;
}

type Source = Pick<StatusView, 'active' | 'queued' | 'sessions' | 'traffic'>;

/** Makes points out of totals: rates are means since the point before. The first time there is none yet. */
export class PointMaker {
	#before: ReadonlyMap<string, Totals> = new Map();
	#beforeMs = 0;

	/** `nowMs` never goes back; `wallMs` names the points. */
	take(status: Source, pools: readonly PoolView[], nowMs: number, wallMs: number): Point[] {
		const sources: [string, Source][] = [
			[PROCESS, status],
			...pools.map((pool): [string, Source] => [`pool ${pool.name}`, pool]),
		];
		const before = this.#before;
		const seconds = (nowMs - this.#beforeMs) / 1_000;
		const timeMs = Math.floor(wallMs / STEP_MS) * STEP_MS;
		const kept = sources.slice(0, MAX_SERIES);
		this.#before = new Map(kept.map(([series, source]) => [series, totalsOf(source)]));
		this.#beforeMs = nowMs;
		if (seconds <= 0) return [];
		return kept.flatMap(([series, source]) => {
			const earlier = before.get(series);
			if (earlier === undefined) return [];
			const totals = totalsOf(source);
			// A total falls when what it was of is gone, as a listener after a reload.
			const rate = (key: keyof Totals): number => Math.max(0, totals[key] - earlier[key]) / seconds;
			return {
				series,
				timeMs,
				active: source.active,
				endedPerSecond: rate('sessions'),
				uploadBytesPerSecond: rate('uploadBytes'),
				downloadBytesPerSecond: rate('downloadBytes'),
				queued: source.queued,
			};
		});
	}
}

const totalsOf = ({ sessions, traffic: { uploadBytes, downloadBytes } }: Source): Totals => ({
	sessions,
	uploadBytes,
	downloadBytes,
});
