/** Of several samples of one measurement: the median, and between which values the samples lie. */
export interface Spread {
	readonly median: number;
	readonly min: number;
	readonly max: number;
}

/** Milliseconds. */
export interface LatencySummary {
	readonly p50Ms: number;
	readonly p99Ms: number;
}

export function median(values: readonly number[]): number {
	const sorted = [...values].sort((x, y) => x - y);
	const middle = sorted.length >> 1;
	const upper = sorted[middle] ?? 0;
	return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

export function spreadOf(values: readonly number[]): Spread {
	return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** Sorts what it is given. */
export function latencySummary(latenciesMs: Float64Array): LatencySummary {
	latenciesMs.sort();
	const at = (share: number): number => latenciesMs[Math.floor(share * (latenciesMs.length - 1))] ?? 0;
	return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
