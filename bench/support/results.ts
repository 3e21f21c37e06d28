import type { LoadResult } from './load/load.ts';
import type { Machine } from './machine.ts';
import type { Workload } from './question.ts';
import { median, type Spread, spreadOf } from './stats.ts';

/** One contender on one workload. */
export interface Measurement {
	readonly contender: string;
	readonly workers: number;
	readonly samples: number;
	/** What counts: units per proxy CPU second, p99 in milliseconds, or bytes per idle session. */
	readonly value: Spread;
	/** Units per second of the clock. */
	readonly perSecond: number;
	readonly p50Ms: number | null;
	readonly p99Ms: number | null;
	/** Busy processors: of the proxy, of client and backend together. */
	readonly proxyCores: number;
	readonly loadCores: number;
	/** The load's processors were full while the proxy's were not. */
	readonly loadBound: boolean;
	readonly errors: number;
	/** `value` by that of the better peer with as many workers (of the worse for p99); null for peers, and without any. */
	readonly ratio: number | null;
}

export interface WorkloadResult {
	readonly name: string;
	readonly title: string;
	/** As the columns are headed, e.g. `GB per CPU s`. */
	readonly unit: string;
	readonly metric: Workload['metric'];
	readonly feature: string | null;
	readonly goal: number | null;
	/** Messages a second, for latency. */
	readonly rate: number | null;
	readonly measurements: readonly Measurement[];
	/** Who was not measured, and why. */
	readonly absent: Readonly<Record<string, string>>;
}

/** What is kept of a run. No host names, no paths. */
export interface Results {
	readonly mode: string;
	readonly machine: Machine;
	readonly versions: Readonly<Record<string, string>>;
	readonly settings: {
		readonly rounds: number;
		readonly warmMs: number;
		readonly windowMs: number;
		/** Processors by number of workers, in words. */
		readonly placement: Readonly<Record<string, string>>;
	};
	readonly workloads: readonly WorkloadResult[];
}

/** A contender's samples, with what is needed to judge them. */
export interface Taken {
	readonly contender: string;
	readonly workers: number;
	readonly isPeer: boolean;
	readonly samples: readonly LoadResult[];
	/** Processors of the load; null when it shares the proxy's. */
	readonly loadCores: number | null;
}

const FULL = 0.95;
const UNITS = { p99: 'ms', memory: 'bytes' } as const;

export function unitOf({ metric, unit }: Workload): string {
	return metric === 'work' ? `${unit.label} per CPU s` : UNITS[metric];
}

export function summarize(
	workload: Workload,
	rate: number | null,
	taken: readonly Taken[],
	absent: Readonly<Record<string, string>>,
): WorkloadResult {
	const values = new Map(taken.map((one) => [one.contender, median(one.samples.map((s) => figureOf(workload, s)))]));
	return {
		name: workload.name,
		title: workload.title,
		unit: unitOf(workload),
		metric: workload.metric,
		feature: workload.feature,
		goal: workload.goal,
		rate,
		measurements: taken.map((one) => measurementOf(workload, one, ratioOf(workload, one, taken, values))),
		absent,
	};
}

function figureOf({ metric, unit }: Workload, sample: LoadResult): number {
	if (metric === 'p99') return sample.latency?.p99Ms ?? 0;
	if (metric === 'memory') return sample.bytesPerSession ?? 0;
	return sample.work / unit.size / Math.max(sample.proxyCpuSeconds, Number.EPSILON);
}

/** Against the better peer; for p99 the plan asks for no more than the worse one. */
function ratioOf(
	{ metric }: Workload,
	one: Taken,
	taken: readonly Taken[],
	values: ReadonlyMap<string, number>,
): number | null {
	if (one.isPeer) return null;
	const peers = taken.filter((other) => other.isPeer && other.workers === one.workers);
	const theirs = peers.map((peer) => values.get(peer.contender) ?? 0);
	if (theirs.length === 0) return null;
	const against = metric === 'memory' ? Math.min(...theirs) : Math.max(...theirs);
	return rounded((values.get(one.contender) ?? 0) / against);
}

function measurementOf(workload: Workload, one: Taken, ratio: number | null): Measurement {
	const of = (pick: (sample: LoadResult) => number): number => rounded(median(one.samples.map(pick)));
	const value = spreadOf(one.samples.map((sample) => figureOf(workload, sample)));
	const proxyCores = of((s) => s.proxyCpuSeconds / s.seconds);
	const loadCores = of((s) => (s.clientCpuSeconds + s.backendCpuSeconds) / s.seconds);
	const full = one.loadCores !== null && loadCores > FULL * one.loadCores;
	const hasLatency = workload.metric === 'p99';
	return {
		contender: one.contender,
		workers: one.workers,
		samples: one.samples.length,
		value: { median: rounded(value.median), min: rounded(value.min), max: rounded(value.max) },
		perSecond: of((s) => s.work / workload.unit.size / s.seconds),
		p50Ms: hasLatency ? of((s) => s.latency?.p50Ms ?? 0) : null,
		p99Ms: hasLatency ? of((s) => s.latency?.p99Ms ?? 0) : null,
		proxyCores,
		loadCores,
		loadBound: full && proxyCores < FULL * one.workers,
		errors: one.samples.reduce((sum, sample) => sum + sample.errors, 0),
		ratio,
	};
}

/** To four digits: more would be noise. */
const rounded = (value: number): number => Number(value.toPrecision(4));

/** Whether Sluice meets the plan's goal here; null where there is none, nobody to compare with, or it is another's figure. */
export function goalMet(workload: WorkloadResult, measurement: Measurement): boolean | null {
	if (workload.goal === null || !measurement.contender.startsWith('sluice')) return null;
	if (workload.metric === 'memory') return measurement.value.median <= workload.goal;
	if (measurement.ratio === null) return null;
	return workload.metric === 'p99' ? measurement.ratio <= workload.goal : measurement.ratio >= workload.goal;
}
