import type { StatusView } from '../../../control/admin/views.ts';
import { MS_PER_SECOND } from '../../../core/units.ts';

/** How many looks are remembered: a minute. */
const KEPT = 60;
/** Looks that come closer together say nothing about a rate. */
const LEAST_SECONDS = 0.5;

/** What only several looks together tell. */
export interface Track {
	/** Null before the second look. */
	readonly newPerSecond: number | null;
	/** Bytes per second, oldest first. */
	readonly upload: readonly number[];
	readonly download: readonly number[];
	readonly last: { readonly timeMs: number; readonly startedAt: string; readonly begun: number } | null;
}

export const NO_TRACK: Track = { newPerSecond: null, upload: [], download: [], last: null };

/** Goes on with one more look. A balancer that was started anew counts from zero, and so does this. */
export function follow(track: Track, status: StatusView, timeMs: number): Track {
	const { startedAt, traffic } = status;
	const begun = status.sessions + status.active;
	const last = track.last?.startedAt === startedAt ? track.last : null;
	const seconds = last === null ? 0 : (timeMs - last.timeMs) / MS_PER_SECOND;
	if (last !== null && seconds < LEAST_SECONDS) return track;
	return {
		newPerSecond: last === null ? null : Math.max(0, begun - last.begun) / seconds,
		upload: [...track.upload, traffic.uploadBytesPerSecond].slice(-KEPT),
		download: [...track.download, traffic.downloadBytesPerSecond].slice(-KEPT),
		last: { timeMs, startedAt, begun },
	};
}

const BARS = '▁▂▃▄▅▆▇█';

/** The newest `width` values as bars; the highest of them is the full one. */
export function sparkline(values: readonly number[], width: number): string {
	const shown = width > 0 && values.length > 1 ? values.slice(-width) : [];
	const most = Math.max(...shown, 1);
	return shown.map((value) => BARS[Math.min(BARS.length - 1, Math.floor((value / most) * BARS.length))]).join('');
}
