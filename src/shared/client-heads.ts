import type { AtomicOps } from './atomics.ts';
import { fillBucket, ticksOf } from './bucket.ts';
import {
	ageOf,
	BODIES,
	type ClientLayout,
	EVICTED,
	HEAD_ACTIVE,
	HEAD_AGE,
	HEAD_BODY,
	HEAD_GENERATION,
	HEAD_WORDS,
	hashKey,
	mix,
	OVERFLOW_ENTRY,
	SEED,
	WAYS,
} from './client-layout.ts';
import { RATE_CELL_WORDS } from './layout.ts';

/** A lock is held for under a microsecond; then its owner was stopped, or died and is about to be repaired. */
const SPINS = 200;
const PAUSES = 40;
const PAUSE_MS = 0.5;
/** Victims taken by others in front of us before we give up. */
const MAX_CLAIMS = 4;

/**
 * The hash table of a client table: finds the entry of a key, and makes room for a new one.
 *
 * A key may stand in its first set or in its second. Two workers that insert the same key meet at the lock
 * of its first set, so a key never stands twice. Workers with different keys may want the same entry: it is
 * claimed by exchanging its count, 0 for -(worker + 1), which also keeps entries with sessions. Whoever
 * finds an entry must look at the key again once it holds it. The main thread undoes the claims and locks
 * of a worker that died (`repair`).
 */
export class ClientHeads {
	readonly #words: Int32Array;
	readonly #layout: ClientLayout;
	readonly #ops: AtomicOps;
	readonly #seed: number;

	constructor(words: Int32Array, layout: ClientLayout, ops: AtomicOps) {
		this.#words = words;
		this.#layout = layout;
		this.#ops = ops;
		this.#seed = words[SEED] ?? 0;
	}

	/** Where an entry's head begins. Entry 0 is the overflow entry; set s begins at entry 1 + s * WAYS. */
	at(entry: number): number {
		return this.#layout.headsAt + entry * HEAD_WORDS;
	}

	bodyAt(entry: number): number {
		const body = this.#ops.load(this.#words, this.at(entry) + HEAD_BODY);
		return this.#layout.bodiesAt + (body - 1) * this.#layout.bodyWords;
	}

	/** True while the entry is this key's. Certain only while the entry is held. */
	matches(entry: number, key: Int32Array): boolean {
		const at = this.at(entry);
		if (!inUse(this.#ops.load(this.#words, at + HEAD_GENERATION))) return false;
		for (let i = 0; i < 4; i++) if (this.#ops.load(this.#words, at + i) !== key[i]) return false;
		return true;
	}

	/** The key's entry, or -1. */
	find(key: Int32Array): number {
		const first = this.#firstSet(key);
		const inFirst = this.#findIn(first, key);
		if (inFirst >= 0) return inFirst;
		const second = this.#secondSet(first, key);
		return second === first ? -1 : this.#findIn(second, key);
	}

	/** The key's entry, a new one when it has none, or the overflow entry when there is no room. */
	findOrInsert(key: Int32Array, worker: number, nowNs: number): number {
		const found = this.find(key);
		if (found >= 0) return found;
		const first = this.#firstSet(key);
		const lockAt = this.#layout.locksAt + first;
		if (!this.#lock(lockAt, worker)) return OVERFLOW_ENTRY;
		const meanwhile = this.find(key);
		const entry = meanwhile >= 0 ? meanwhile : this.#insert(first, key, worker, nowNs);
		this.#ops.store(this.#words, lockAt, 0);
		return entry;
	}

	#findIn(set: number, key: Int32Array): number {
		const end = this.#endOf(set);
		for (let entry = 1 + set * WAYS; entry < end; entry++) {
			const at = this.at(entry);
			if (this.#ops.load(this.#words, at + 3) !== key[3] || !this.matches(entry, key)) continue;
			// Being given to another client: this key's entry is gone.
			if (this.#ops.load(this.#words, at + HEAD_ACTIVE) >= 0) return entry;
		}
		return -1;
	}

	#endOf(set: number): number {
		return 1 + Math.min((set + 1) * WAYS, this.#layout.capacity);
	}

	#lock(lockAt: number, worker: number): boolean {
		for (let tries = 0; tries < SPINS + PAUSES; tries++) {
			const owner = this.#ops.compareExchange(this.#words, lockAt, 0, worker + 1);
			if (owner === 0) return true;
			if (tries >= SPINS) this.#ops.pause(this.#words, lockAt, owner, PAUSE_MS);
		}
		return false;
	}

	#insert(first: number, key: Int32Array, worker: number, nowNs: number): number {
		for (let claims = 0; claims < MAX_CLAIMS; claims++) {
			const victim = this.#victim(first, this.#secondSet(first, key), nowNs);
			if (victim < 0) return OVERFLOW_ENTRY;
			const activeAt = this.at(victim) + HEAD_ACTIVE;
			if (this.#ops.compareExchange(this.#words, activeAt, 0, -(worker + 1)) !== 0) continue;
			return this.#fill(victim, key, nowNs);
		}
		return OVERFLOW_ENTRY;
	}

	/** An unused entry of the two sets, else the idle one that was seen longest ago, else -1. */
	#victim(first: number, second: number, nowNs: number): number {
		const inFirst = this.#oldestIn(first, nowNs);
		if (second === first) return inFirst;
		const inSecond = this.#oldestIn(second, nowNs);
		if (inFirst < 0 || inSecond < 0) return Math.max(inFirst, inSecond);
		const firstIdle = this.#idleFor(inFirst, nowNs);
		const secondIdle = this.#idleFor(inSecond, nowNs);
		if (firstIdle !== secondIdle) return secondIdle > firstIdle ? inSecond : inFirst;
		return this.#usedIn(second) < this.#usedIn(first) ? inSecond : inFirst;
	}

	/** Filling the emptier of two sets keeps all of them about equally full. */
	#usedIn(set: number): number {
		let used = 0;
		const end = this.#endOf(set);
		for (let entry = 1 + set * WAYS; entry < end; entry++) {
			if (inUse(this.#ops.load(this.#words, this.at(entry) + HEAD_GENERATION))) used++;
		}
		return used;
	}

	#oldestIn(set: number, nowNs: number): number {
		let oldest = -1;
		let longest = -1;
		const end = this.#endOf(set);
		for (let entry = 1 + set * WAYS; entry < end; entry++) {
			if (this.#ops.load(this.#words, this.at(entry) + HEAD_ACTIVE) !== 0) continue;
			const idle = this.#idleFor(entry, nowNs);
			if (idle <= longest) continue;
			longest = idle;
			oldest = entry;
		}
		return oldest;
	}

	/** In `ageOf` units; an unused entry has been idle for ever. */
	#idleFor(entry: number, nowNs: number): number {
		const at = this.at(entry);
		if (!inUse(this.#ops.load(this.#words, at + HEAD_GENERATION))) return Number.POSITIVE_INFINITY;
		return Math.max(0, (ageOf(nowNs) - this.#ops.load(this.#words, at + HEAD_AGE)) | 0);
	}

	/** Write a new client into an entry this worker has claimed, and open it. */
	#fill(entry: number, key: Int32Array, nowNs: number): number {
		const at = this.at(entry);
		const generation = this.#ops.load(this.#words, at + HEAD_GENERATION);
		if (inUse(generation)) this.#ops.add(this.#words, EVICTED, 1);
		const writing = generation | 1;
		this.#ops.store(this.#words, at + HEAD_GENERATION, writing);
		const hasBody = this.#ops.load(this.#words, at + HEAD_BODY) !== 0 || this.#dealBody(at);
		if (hasBody) {
			this.#clearRates(entry);
			this.#fillBuckets(entry, nowNs);
			for (let i = 0; i < 4; i++) this.#ops.store(this.#words, at + i, key[i] ?? 0);
			this.#ops.store(this.#words, at + HEAD_AGE, ageOf(nowNs));
			this.#ops.store(this.#words, at + HEAD_GENERATION, (writing + 1) | 0);
		}
		this.#ops.store(this.#words, at + HEAD_ACTIVE, 0);
		return hasBody ? entry : OVERFLOW_ENTRY;
	}

	#dealBody(at: number): boolean {
		if (this.#ops.load(this.#words, BODIES) >= this.#layout.maxBodies) return false;
		const body = this.#ops.add(this.#words, BODIES, 1) + 1;
		if (body > this.#layout.maxBodies) return false;
		this.#ops.store(this.#words, at + HEAD_BODY, body);
		return true;
	}

	/** Plain writes: nobody reads the body of a claimed entry, and opening it orders them. */
	#clearRates(entry: number): void {
		const from = this.bodyAt(entry) + this.#layout.ratesOffset;
		const rateWords = this.#layout.bodyWords - this.#layout.ratesOffset;
		if (rateWords >= RATE_CELL_WORDS) this.#words.fill(0, from, from + rateWords);
	}

	/** A new client's buckets are full, whatever their terms. */
	#fillBuckets(entry: number, nowNs: number): void {
		const at = this.bodyAt(entry) + this.#layout.bucketsOffset;
		fillBucket(this.#ops, this.#words, at, ticksOf(nowNs));
		fillBucket(this.#ops, this.#words, at + 1, ticksOf(nowNs));
	}

	#firstSet(key: Int32Array): number {
		return hashKey(key[0] ?? 0, key[1] ?? 0, key[2] ?? 0, key[3] ?? 0, this.#seed) % this.#layout.sets;
	}

	/** Another set than the first where there is more than one. */
	#secondSet(first: number, key: Int32Array): number {
		const { sets } = this.#layout;
		if (sets === 1) return first;
		const hash = mix(hashKey(key[3] ?? 0, key[2] ?? 0, key[1] ?? 0, key[0] ?? 0, ~this.#seed)) >>> 0;
		return (first + 1 + (hash % (sets - 1))) % sets;
	}

	/** Forget what a dead worker was writing, and open its locks. Its shares are another matter. */
	repair(worker: number): void {
		for (let entry = 1; entry <= this.#layout.capacity; entry++) {
			const at = this.at(entry);
			if (this.#ops.load(this.#words, at + HEAD_ACTIVE) !== -(worker + 1)) continue;
			this.#close(at);
			this.#ops.store(this.#words, at + HEAD_ACTIVE, 0);
		}
		for (let set = 0; set < this.#layout.sets; set++) {
			this.#ops.compareExchange(this.#words, this.#layout.locksAt + set, worker + 1, 0);
		}
	}

	/** Forget every client. Only while no worker uses the table. */
	clear(): void {
		for (let entry = 1; entry <= this.#layout.capacity; entry++) this.#close(this.at(entry));
	}

	/** An odd generation is nobody's. */
	#close(at: number): void {
		const generation = this.#ops.load(this.#words, at + HEAD_GENERATION);
		if (inUse(generation)) this.#ops.store(this.#words, at + HEAD_GENERATION, generation | 1);
	}
}

/** 0 before its first client, odd while nobody's. */
const inUse = (generation: number): boolean => generation !== 0 && (generation & 1) === 0;
