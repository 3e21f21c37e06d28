import { RATE_CELL_WORDS } from './layout.ts';

/**
 * Where things lie in a client table. Heads (key, count, age; 32 bytes each) stand in sets next to each
 * other, so that a search touches few cache lines; bodies (ledger shares, buckets and rate cells) are dealt out in
 * the order in which heads are first used, so that a large table commits only the memory of the clients it
 * has seen.
 */

/** Words of the table's header. */
export const CAPACITY = 0;
export const RATE_CELLS = 1;
export const WORKERS = 2;
export const SEED = 3;
/** Bodies dealt out so far. */
export const BODIES = 4;
/** Newcomers that were put on the shared overflow entry. */
export const OVERFLOWED = 5;
/** Idle entries that had to go for newcomers. */
export const EVICTED = 6;
const HEADER_WORDS = 64;

/** Entries in a set; a client may be in either of two sets. */
export const WAYS = 16;

/** Words of a head: 0 to 3 are the client's masked address. */
export const HEAD_WORDS = 8;
/** Sessions held; -(worker + 1) while that worker writes a new client's head. */
export const HEAD_ACTIVE = 4;
/** When last taken, in `ageOf` units. */
export const HEAD_AGE = 5;
/** Even and not 0: in use. Rises by two with every client. */
export const HEAD_GENERATION = 6;
/** Number of its body from 1; 0 before the head's first use. */
export const HEAD_BODY = 7;

/** A worker that dies while it takes a body loses one; so many may be lost. */
const SPARE_BODIES = 256;
/** The entry that newcomers share when there is no room. */
export const OVERFLOW_ENTRY = 0;

export interface ClientLayout {
	readonly capacity: number;
	readonly sets: number;
	readonly workers: number;
	/** One lock word per set: worker + 1 while that worker inserts a client whose first set this is. */
	readonly locksAt: number;
	readonly headsAt: number;
	readonly bodiesAt: number;
	readonly bodyWords: number;
	readonly maxBodies: number;
	/** Of a body, after the shares: the instants of the client's upload and download buckets. */
	readonly bucketsOffset: number;
	readonly ratesOffset: number;
	readonly totalWords: number;
}

const even = (words: number): number => words + (words % 2);

export function clientLayout(capacity: number, rateCells: number, workers: number): ClientLayout {
	const sets = Math.ceil(capacity / WAYS);
	const bucketsOffset = even(workers);
	const ratesOffset = bucketsOffset + 2;
	const bodyWords = ratesOffset + rateCells * RATE_CELL_WORDS;
	const maxBodies = capacity + 1 + SPARE_BODIES;
	const headsAt = HEADER_WORDS + even(sets);
	const bodiesAt = headsAt + (capacity + 1) * HEAD_WORDS;
	return {
		capacity,
		sets,
		workers,
		locksAt: HEADER_WORDS,
		headsAt,
		bodiesAt,
		bodyWords,
		maxBodies,
		bucketsOffset,
		ratesOffset,
		totalWords: bodiesAt + maxBodies * bodyWords,
	};
}

/** A new table with nothing in it but the overflow entry. `seed` keeps outsiders from choosing their set. */
export function createClientTable(
	capacity: number,
	rateCells: number,
	workers: number,
	seed: number,
): SharedArrayBuffer {
	const layout = clientLayout(capacity, rateCells, workers);
	const buffer = new SharedArrayBuffer(layout.totalWords * 4);
	const words = new Int32Array(buffer);
	words[CAPACITY] = capacity;
	words[RATE_CELLS] = rateCells;
	words[WORKERS] = workers;
	words[SEED] = seed;
	words[BODIES] = 1;
	words[layout.headsAt + HEAD_GENERATION] = 2;
	words[layout.headsAt + HEAD_BODY] = 1;
	return buffer;
}

/** Coarse age, about 17 ms a step; comes round after two years. */
export const ageOf = (nowNs: number): number => Math.floor(nowNs / (1 << 24)) | 0;

/** Mixes four words and a seed (the finalizer of MurmurHash3, once per word); 32 unsigned bits. */
export function hashKey(a: number, b: number, c: number, d: number, seed: number): number {
	return mix(mix(mix(mix(seed ^ a) ^ b) ^ c) ^ d) >>> 0;
}

export function mix(value: number): number {
	let h = value | 0;
	h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
	h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
	return h ^ (h >>> 16);
}
