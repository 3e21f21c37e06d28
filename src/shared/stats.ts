import { OUTCOMES, type Outcome } from '../core/outcome.ts';

/*
 * What each worker counts for itself, whatever the place: one block of Float64 per worker. Only that worker writes
 * it, without atomics; a reader sums the blocks. What belongs to a place (a listener, a backend) stands in its slot.
 */

/** Totals since the process started; they survive the worker that counted them. */
export const COUNTERS = [
	/** Connects to a backend after one that failed. */
	'retries',
	/** Sessions placed in another than the first pool of their route. */
	'spills',
	/** Sessions that waited in a pool's queue, and for how long. */
	'queued',
	'queuedSeconds',
	/** Time in which a bucket held a session back. */
	'throttledSeconds',
	/** Handshakes with clients that were finished, those of them that resumed a session, and those that failed. */
	'tlsHandshakes',
	'tlsResumptions',
	'tlsFailures',
	'upstreamTlsHandshakes',
	'upstreamTlsFailures',
] as const;
export type Counter = (typeof COUNTERS)[number];

/** How things are now; gone with the worker. */
export const GAUGES = [
	/** Longest time of late between two turns of the loop beyond what it meant to wait. */
	'loopDelaySeconds',
	/** Pipes in use for splicing. */
	'pipes',
	/** Sessions that a bucket held back when they were last gone through. */
	'throttledSessions',
] as const;
export type Gauge = (typeof GAUGES)[number];

/** Upper bounds of the buckets; one more is for what is above. */
export const HISTOGRAMS = {
	connectSeconds: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
	sessionSeconds: [0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400],
} as const;
export type Histogram = keyof typeof HISTOGRAMS;

/** What a histogram has come to: `counts` by bucket, not summed up, the last one for what is above all bounds. */
export interface HistogramTotals {
	readonly counts: readonly number[];
	readonly sum: number;
}

const LETTERS = 26;
const CODE_A = 65;
/** A place for each pair of letters, and one for unknown. */
const COUNTRIES = LETTERS * LETTERS + 1;

const OUTCOMES_AT = COUNTERS.length;
const CONNECT_AT = OUTCOMES_AT + OUTCOMES.length;
const SESSION_AT = CONNECT_AT + HISTOGRAMS.connectSeconds.length + 2;
const GAUGES_AT = SESSION_AT + HISTOGRAMS.sessionSeconds.length + 2;
const COUNTRIES_AT = GAUGES_AT + GAUGES.length;
const CELLS = COUNTRIES_AT + COUNTRIES;
const HISTOGRAM_AT: Readonly<Record<Histogram, number>> = { connectSeconds: CONNECT_AT, sessionSeconds: SESSION_AT };

const COUNTER_AT = new Map<Counter, number>(COUNTERS.map((name, at) => [name, at]));
const GAUGE_AT = new Map<Gauge, number>(GAUGES.map((name, at) => [name, GAUGES_AT + at]));
const OUTCOME_AT = new Map<Outcome, number>(OUTCOMES.map((name, at) => [name, OUTCOMES_AT + at]));

/** One worker's block, all zero. */
export const createStats = (): SharedArrayBuffer => new SharedArrayBuffer(CELLS * Float64Array.BYTES_PER_ELEMENT);

/** A worker's own block, as it writes it. */
export class StatsWriter {
	readonly #cells: Float64Array;

	constructor(block: SharedArrayBuffer) {
		this.#cells = new Float64Array(block);
	}

	add(counter: Counter, amount: number): void {
		this.#addAt(COUNTER_AT.get(counter) ?? 0, amount);
	}

	outcome(outcome: Outcome): void {
		this.#addAt(OUTCOME_AT.get(outcome) ?? 0, 1);
	}

	observe(histogram: Histogram, value: number): void {
		const bounds = HISTOGRAMS[histogram];
		const at = HISTOGRAM_AT[histogram];
		let bucket = 0;
		while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket += 1;
		this.#addAt(at + bucket, 1);
		this.#addAt(at + bounds.length + 1, value);
	}

	/** Sessions of this country now; null is unknown. */
	country(country: string | null, change: 1 | -1): void {
		this.#addAt(COUNTRIES_AT + countryIndex(country), change);
	}

	set(gauge: Gauge, value: number): void {
		this.#cells[GAUGE_AT.get(gauge) ?? 0] = value;
	}

	#addAt(at: number, amount: number): void {
		this.#cells[at] = (this.#cells[at] ?? 0) + amount;
	}
}

/** All workers' blocks, as anybody reads them. */
export class StatsReader {
	readonly #blocks: readonly Float64Array[];

	constructor(blocks: readonly SharedArrayBuffer[]) {
		this.#blocks = blocks.map((block) => new Float64Array(block));
	}

	total(counter: Counter): number {
		return this.#sum(COUNTER_AT.get(counter) ?? 0);
	}

	outcomes(): ReadonlyMap<Outcome, number> {
		return new Map(OUTCOMES.map((outcome, at) => [outcome, this.#sum(OUTCOMES_AT + at)]));
	}

	histogram(histogram: Histogram): HistogramTotals {
		const at = HISTOGRAM_AT[histogram];
		const buckets = HISTOGRAMS[histogram].length + 1;
		return {
			counts: Array.from({ length: buckets }, (_, bucket) => this.#sum(at + bucket)),
			sum: this.#sum(at + buckets),
		};
	}

	/** One worker's. */
	gauge(worker: number, gauge: Gauge): number {
		return this.#blocks[worker]?.[GAUGE_AT.get(gauge) ?? 0] ?? 0;
	}

	/** Sessions now, by country; null is unknown. None that are zero. */
	countries(): ReadonlyMap<string | null, number> {
		const active = new Map<string | null, number>();
		for (let index = 0; index < COUNTRIES; index++) {
			const count = this.#sum(COUNTRIES_AT + index);
			if (count > 0) active.set(countryOf(index), count);
		}
		return active;
	}

	/** The worker is gone, and its sessions with it. Only while no thread has its number. */
	forget(worker: number): void {
		this.#blocks[worker]?.fill(0, GAUGES_AT);
	}

	#sum(at: number): number {
		let sum = 0;
		for (const block of this.#blocks) sum += block[at] ?? 0;
		return sum;
	}
}

/** Unknown stands last, and so does whatever is not two capital letters. */
function countryIndex(country: string | null): number {
	if (country === null || country.length !== 2) return COUNTRIES - 1;
	const first = country.charCodeAt(0) - CODE_A;
	const second = country.charCodeAt(1) - CODE_A;
	const known = first >= 0 && first < LETTERS && second >= 0 && second < LETTERS;
	return known ? first * LETTERS + second : COUNTRIES - 1;
}

const countryOf = (index: number): string | null =>
	index === COUNTRIES - 1
		? null
		: String.fromCharCode(CODE_A + Math.floor(index / LETTERS), CODE_A + (index % LETTERS));
