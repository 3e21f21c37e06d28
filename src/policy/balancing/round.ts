/** Most turns of one round, unless there are more backends than that. */
export const MAX_ROUND = 65_536;

/**
 * Whose turn each turn of a round is: sum(weights) / gcd(weights) turns in which each backend has exactly its
 * weight, and in any beginning of the round less than one turn more or less than its share. A function of
 * the weights alone. The k-th turn of a backend (from 0) with share r of the round may not come before turn
 * floor(k / r) and must come before ceil((k + 1) / r); taking the earliest deadline among those that may come
 * always keeps both (Baruah, Cohen, Plaxton and Varvel 1996, proportionate progress). Of equal deadlines the
 * heavier backend comes first, of equal weights the one before in the file.
 *
 * A round of more than `MAX_ROUND` turns is shortened by scaling the weights down, none below 1.
 */
export function makeRound(weights: readonly number[]): Uint32Array {
	const turns = turnsOf(weights);
	const ranked = [...turns.keys()].filter((i) => turns[i] !== 0).sort((x, y) => (turns[y] ?? 0) - (turns[x] ?? 0));
	const ranks = rankTurns(ranked.map((backend) => turns[backend] ?? 0));
	return ranks.map((rank) => ranked[rank] ?? 0);
}

/** The weights divided by their greatest common divisor, and scaled where the round would be too long. */
function turnsOf(weights: readonly number[]): number[] {
	const divisor = weights.reduce(greatestCommonDivisor, 0) || 1;
	const turns = weights.map((weight) => weight / divisor);
	const length = sum(turns);
	const used = turns.filter((count) => count > 0).length;
	if (length <= Math.max(MAX_ROUND, used)) return turns;
	const spare = Math.max(0, MAX_ROUND - used);
	return turns.map((count) => (count === 0 ? 0 : 1 + Math.floor((spare * count) / length)));
}

function greatestCommonDivisor(x: number, y: number): number {
	return y === 0 ? x : greatestCommonDivisor(y, x % y);
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The round for turn counts above 0 in falling order; a rank is a place in `counts`. */
function rankTurns(counts: readonly number[]): Uint32Array {
	const length = sum(counts);
	const round = new Uint32Array(length);
	const taken = new Uint32Array(counts.length);
	const releases = new ReleaseLists(length, counts.length);
	const due = new NumberHeap();
	for (let turn = 0; turn < length; turn++) {
		for (let rank = releases.take(turn); rank >= 0; rank = releases.take(turn)) {
			const deadline = Math.ceil((((taken[rank] ?? 0) + 1) * length) / (counts[rank] ?? 1));
			due.push(deadline * counts.length + rank);
		}
		const rank = due.pop() % counts.length;
		round[turn] = rank;
		const done = (taken[rank] ?? 0) + 1;
		const count = counts[rank] ?? 1;
		taken[rank] = done;
		if (done < count) releases.add(Math.max(turn + 1, Math.floor((done * length) / count)), rank);
	}
	return round;
}

/** Which ranks may have their next turn from which turn on, at first all of them from turn 0. Each is in at most one list. */
class ReleaseLists {
	readonly #first: Int32Array;
	readonly #next: Int32Array;

	constructor(turns: number, ranks: number) {
		this.#first = new Int32Array(turns).fill(-1);
		this.#next = new Int32Array(ranks).fill(-1);
		for (let rank = 0; rank < ranks; rank++) this.add(0, rank);
	}

	add(turn: number, rank: number): void {
		this.#next[rank] = this.#first[turn] ?? -1;
		this.#first[turn] = rank;
	}

	/** Takes one out of the turn's list; -1 when it is empty. */
	take(turn: number): number {
		const rank = this.#first[turn] ?? -1;
		if (rank >= 0) this.#first[turn] = this.#next[rank] ?? -1;
		return rank;
	}
}

/** A binary heap that gives the smallest number first. */
class NumberHeap {
	readonly #items: number[] = [];

	push(value: number): void {
		let at = this.#items.push(value) - 1;
		while (at > 0) {
			const parent = (at - 1) >>> 1;
			if (this.#at(parent) <= value) break;
			this.#items[at] = this.#at(parent);
			at = parent;
		}
		this.#items[at] = value;
	}

	/** `Infinity` when it is empty. */
	pop(): number {
		const smallest = this.#at(0);
		const last = this.#items.pop();
		if (last !== undefined && this.#items.length > 0) this.#sink(last);
		return smallest;
	}

	#sink(value: number): void {
		let at = 0;
		for (;;) {
			let child = at * 2 + 1;
			if (this.#at(child + 1) < this.#at(child)) child++;
			if (this.#at(child) >= value) break;
			this.#items[at] = this.#at(child);
			at = child;
		}
		this.#items[at] = value;
	}

	#at(index: number): number {
		return this.#items[index] ?? Number.POSITIVE_INFINITY;
	}
}
