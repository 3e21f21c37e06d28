import type { IpAddress } from '../../src/core/address.ts';
import type { Rng } from '../../src/core/ports.ts';
import type { BalancedBackend, BalanceView } from '../../src/policy/balancing/contract.ts';

/** A uniform generator in [0, 1) that gives the same stream for the same seed (mulberry32, public domain). */
export function seededRandom(seed: number): Rng {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let x = Math.imul(state ^ (state >>> 15), state | 1);
		x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
		return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
	};
}

export const backendsOf = (weights: readonly number[]): BalancedBackend[] =>
	weights.map((weight, index) => ({ name: `b${index}`, weight }));

/** A pool whose state a test sets as it likes. A backend of weight 0 is never open. */
export class FakeView implements BalanceView {
	readonly size: number;
	readonly closed: boolean[];
	readonly connections: number[];
	key: IpAddress | null = null;
	keySeed = 0;
	turns = 0;
	/** How often a backend was asked whether it is open. */
	looks = 0;
	/** How many random numbers were drawn. */
	draws = 0;
	readonly #rng: Rng;
	readonly #weights: readonly number[];

	constructor(backends: readonly BalancedBackend[], seed = 1) {
		this.size = backends.length;
		this.#weights = backends.map((backend) => backend.weight);
		this.closed = backends.map(() => false);
		this.connections = backends.map(() => 0);
		this.#rng = seededRandom(seed);
	}

	open(index: number): boolean {
		this.looks++;
		return this.closed[index] === false && (this.#weights[index] ?? 0) > 0;
	}

	weight(index: number): number {
		return this.#weights[index] ?? 0;
	}

	active(index: number): number {
		return this.connections[index] ?? 0;
	}

	nextTurn(): number {
		return this.turns++;
	}

	random(): number {
		this.draws++;
		return this.#rng();
	}

	/** Only these are open. */
	openOnly(indexes: readonly number[]): void {
		for (let i = 0; i < this.size; i++) this.closed[i] = !indexes.includes(i);
	}
}

/** How often each of `size` indexes is among the picks. */
export function countPicks(size: number, picks: number, pick: () => number): number[] {
	const counts = new Array<number>(size).fill(0);
	for (let i = 0; i < picks; i++) {
		const index = pick();
		counts[index] = (counts[index] ?? 0) + 1;
	}
	return counts;
}

/**
 * How far counts are from their shares, in standard deviations of Pearson's statistic. A fair draw is within
 * 5 but once in some hundred thousand seeds; a seeded test cannot fluctuate.
 */
export function unfairness(counts: readonly number[], shares: readonly number[]): number {
	const total = counts.reduce((sum, count) => sum + count, 0);
	const whole = shares.reduce((sum, share) => sum + share, 0);
	const used = shares.flatMap((share, i) =>
		share > 0 ? [{ count: counts[i] ?? 0, expected: (total * share) / whole }] : [],
	);
	const statistic = used.reduce((sum, { count, expected }) => sum + (count - expected) ** 2 / expected, 0);
	const freedom = Math.max(1, used.length - 1);
	return (statistic - freedom) / Math.sqrt(2 * freedom);
}
