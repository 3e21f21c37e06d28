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

/** A mean and the half width of its 95 % interval. */
export interface Estimate {
	readonly mean: number;
	readonly half: number;
}

/** Student's t for 95 %, by degrees of freedom from 1; beyond the list about 2. */
const STUDENT = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14, 2.13];

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of samples that do not depend on each other; of a single one nothing is known but itself. */
export function estimateOf(values: readonly number[]): Estimate {
	const mean = meanOf(values);
	const freedom = values.length - 1;
	if (freedom < 1) return { mean, half: Number.POSITIVE_INFINITY };
	const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / freedom;
	return { mean, half: (STUDENT[freedom - 1] ?? 2) * Math.sqrt(variance / values.length) };
}
