import { type IpAddress, isV4 } from '../core/address.ts';
import { AT_CAP, CONTENDED, TAKEN, type TakeResult } from '../core/desk.ts';
import type { BucketLimit, PerClientLimits } from '../core/snapshot.ts';
import type { AtomicOps } from './atomics.ts';
import { levelOf, ticksOf } from './bucket.ts';
import { ClientHeads } from './client-heads.ts';
import {
	ageOf,
	BODIES,
	CAPACITY,
	type ClientLayout,
	clientLayout,
	EVICTED,
	HEAD_ACTIVE,
	HEAD_AGE,
	HEAD_GENERATION,
	OVERFLOW_ENTRY,
	OVERFLOWED,
	RATE_CELLS,
	WORKERS,
} from './client-layout.ts';
import { type Cells, cellsOf } from './layout.ts';
import { acquire, NO_CAP, release } from './ledger.ts';
import { lookAtRates, refundRates, takeRates } from './rate.ts';

/** An entry may be taken by another client between finding it and holding it; so often it is looked for again. */
const MAX_FINDS = 8;

/**
 * The clients of one listener: connections and rates of each, on all workers together, in bounded memory.
 * A client that is held is never forgotten; of the idle ones the least recently seen goes first
 * (approximately: among the two sets where the newcomer may stand). With no room newcomers share one
 * overflow entry, and its limits, and are counted.
 */
export class ClientTable {
	readonly layout: ClientLayout;
	readonly cells: Cells;
	/** The entry of the last `take` by this thread that answered TAKEN, and its generation. */
	takenEntry = -1;
	takenGeneration = 0;
	readonly #ops: AtomicOps;
	readonly #heads: ClientHeads;
	/** The masked key of the call in hand. */
	readonly #key = new Int32Array(4);

	constructor(buffer: SharedArrayBuffer, ops: AtomicOps) {
		this.#ops = ops;
		this.cells = cellsOf(buffer);
		const { words } = this.cells;
		this.layout = clientLayout(words[CAPACITY] ?? 0, words[RATE_CELLS] ?? 0, words[WORKERS] ?? 0);
		this.#heads = new ClientHeads(this.cells.words, this.layout, ops);
	}

	/** How many newcomers had to share the overflow entry. */
	get overflowed(): number {
		return this.#ops.load(this.cells.words, OVERFLOWED) >>> 0;
	}

	/** How many idle clients were forgotten for newcomers. */
	get evicted(): number {
		return this.#ops.load(this.cells.words, EVICTED) >>> 0;
	}

	/** Bodies dealt out: what the table has committed. */
	get bodies(): number {
		return this.#ops.load(this.cells.words, BODIES);
	}

	/** Take a connection and one of each rate for this client; all or nothing. */
	take(worker: number, limits: PerClientLimits, client: IpAddress, nowNs: number): TakeResult {
		maskKey(this.#key, client, limits);
		const { words } = this.cells;
		const cap = limits.maxConnections ?? NO_CAP;
		for (let finds = 0; finds < MAX_FINDS; finds++) {
			const entry = this.#heads.findOrInsert(this.#key, worker, nowNs);
			if (entry === OVERFLOW_ENTRY) break;
			const result = acquire(this.#ops, words, this.headAt(entry) + HEAD_ACTIVE, this.#shareAt(entry, worker), cap, -1);
			if (result === CONTENDED) continue;
			if (this.#heads.matches(entry, this.#key)) return this.#finish(result, entry, worker, limits, nowNs);
			if (result === TAKEN) this.#giveBack(entry, worker);
		}
		this.#ops.add(words, OVERFLOWED, 1);
		return this.#takeOverflow(worker, limits, cap, nowNs);
	}

	/** What `take` would answer now; takes nothing. */
	look(limits: PerClientLimits, client: IpAddress, nowNs: number): TakeResult {
		maskKey(this.#key, client, limits);
		const entry = this.#heads.find(this.#key);
		if (entry < 0) return TAKEN;
		const active = this.#ops.load(this.cells.words, this.headAt(entry) + HEAD_ACTIVE);
		if (limits.maxConnections !== null && active >= limits.maxConnections) return AT_CAP;
		return lookAtRates(this.#ops, this.cells, this.#ratesAt(entry), limits.rates, nowNs);
	}

	/** Give back one connection held by this worker. */
	release(worker: number, entry: number, generation: number): void {
		if (this.#isOf(entry, generation)) this.#giveBack(entry, worker);
	}

	/** Give back one count of each rate, taken at `takenNs`, while the connection is held. */
	refund(entry: number, generation: number, limits: PerClientLimits, takenNs: number): void {
		if (!this.#isOf(entry, generation)) return;
		refundRates(this.#ops, this.cells, this.#ratesAt(entry), limits.rates, takenNs, limits.rates.length);
	}

	/** Sessions held by this client's entry; 0 when it has none. */
	active(limits: PerClientLimits, client: IpAddress): number {
		maskKey(this.#key, client, limits);
		const entry = this.#heads.find(this.#key);
		return entry < 0 ? 0 : Math.max(0, this.#ops.load(this.cells.words, this.headAt(entry) + HEAD_ACTIVE));
	}

	/** Undo what a dead worker had claimed; what it held is undone through its shares. */
	repair(worker: number): void {
		this.#heads.repair(worker);
	}

	/** Forget every client. Only while no worker uses the table. */
	clear(): void {
		this.#heads.clear();
	}

	/** No client holds a connection. */
	isIdle(): boolean {
		for (let entry = 0; entry <= this.layout.capacity; entry++) {
			if (this.#ops.load(this.cells.words, this.headAt(entry) + HEAD_ACTIVE) !== 0) return false;
		}
		return true;
	}

	/** Where an entry's head begins; 0 is the overflow entry, the others run to `layout.capacity`. */
	headAt(entry: number): number {
		return this.#heads.at(entry);
	}

	/** Where an entry's shares begin, null when it was never used. */
	sharesAt(entry: number): number | null {
		const at = this.#heads.bodyAt(entry);
		return at < this.layout.bodiesAt ? null : at;
	}

	/** Where the instants of a client's buckets stand, upload first; null when the entry was never used. */
	bucketsAt(entry: number): number | null {
		const at = this.sharesAt(entry);
		return at === null ? null : at + this.layout.bucketsOffset;
	}

	/** As `look`: bytes of the client's bucket, upload (0) or download (1). A client not seen yet has them all. */
	level(limits: PerClientLimits, client: IpAddress, which: 0 | 1, terms: BucketLimit, nowNs: number): number {
		maskKey(this.#key, client, limits);
		const entry = this.#heads.find(this.#key);
		const at = entry < 0 ? null : this.bucketsAt(entry);
		if (at === null) return terms.burstBytes;
		const { bytesPerSecond, burstBytes } = terms;
		return levelOf(this.#ops, this.cells.words, at + which, ticksOf(nowNs), bytesPerSecond, burstBytes);
	}

	#takeOverflow(worker: number, limits: PerClientLimits, cap: number, nowNs: number): TakeResult {
		const entry = OVERFLOW_ENTRY;
		const activeAt = this.headAt(entry) + HEAD_ACTIVE;
		const result = acquire(this.#ops, this.cells.words, activeAt, this.#shareAt(entry, worker), cap, -1);
		return this.#finish(result, entry, worker, limits, nowNs);
	}

	/** The place is taken or refused; take the rates and remember the entry. */
	#finish(result: TakeResult, entry: number, worker: number, limits: PerClientLimits, nowNs: number): TakeResult {
		const { words } = this.cells;
		this.#ops.store(words, this.headAt(entry) + HEAD_AGE, ageOf(nowNs));
		if (result !== TAKEN) return result;
		const refusal = takeRates(this.#ops, this.cells, this.#ratesAt(entry), limits.rates, nowNs);
		if (refusal !== TAKEN) {
			this.#giveBack(entry, worker);
			return refusal;
		}
		this.takenEntry = entry;
		this.takenGeneration = this.#ops.load(words, this.headAt(entry) + HEAD_GENERATION);
		return TAKEN;
	}

	#giveBack(entry: number, worker: number): void {
		release(this.#ops, this.cells.words, this.headAt(entry) + HEAD_ACTIVE, this.#shareAt(entry, worker));
	}

	#isOf(entry: number, generation: number): boolean {
		return entry >= 0 && this.#ops.load(this.cells.words, this.headAt(entry) + HEAD_GENERATION) === generation;
	}

	#shareAt(entry: number, worker: number): number {
		return this.#heads.bodyAt(entry) + worker;
	}

	#ratesAt(entry: number): number {
		return this.#heads.bodyAt(entry) + this.layout.ratesOffset;
	}
}

/** The client's address without the bits beyond its prefix; IPv4 stands in the last word (core/address.ts). */
function maskKey(key: Int32Array, client: IpAddress, limits: PerClientLimits): void {
	const bits = isV4(client) ? 96 + limits.prefixV4 : limits.prefixV6;
	key[0] = client.a & maskOf(bits);
	key[1] = client.b & maskOf(bits - 32);
	key[2] = client.c & maskOf(bits - 64);
	key[3] = client.d & maskOf(bits - 96);
}

const maskOf = (bits: number): number => (bits >= 32 ? -1 : bits <= 0 ? 0 : -1 << (32 - bits));
