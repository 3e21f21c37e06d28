import type { Feature } from './contenders/contender.ts';
import type { LoadJob } from './load/load.ts';
import type { TlsTerms } from './tls-files.ts';

/** What a workload counts, and how it is shown. */
export interface Unit {
	/** Per proxy CPU second, e.g. `GB`. */
	readonly label: string;
	/** How many of the job's units make one of these. */
	readonly size: number;
}

/** One load, the same for every contender. */
export interface Workload {
	/** In results: `bulk-down-4`. */
	readonly name: string;
	/** In tables: `bulk down, 4 streams`. */
	readonly title: string;
	readonly unit: Unit;
	readonly job: LoadJob;
	/** The clients speak TLS to the proxy, which terminates it; absent: plain TCP. */
	readonly tls?: TlsTerms;
	/** On top of the baseline; null: none. */
	readonly feature: Feature | null;
	/** What counts: work per proxy CPU second (more is better), p99, or memory (less is better). */
	readonly metric: 'work' | 'p99' | 'memory';
	/** What the plan asks for, beside the better of the peers; null: nothing. See `goalMet`. */
	readonly goal: number | null;
	/** Part of the quick mode. */
	readonly quick: boolean;
}

/** One file of the bench: what is asked, and the loads that answer it. */
export interface Question {
	readonly asks: string;
	readonly workloads: readonly Workload[];
}

export const GIGABYTES: Unit = { label: 'GB', size: 1e9 };
export const THOUSANDS: Unit = { label: '1000', size: 1e3 };
