import type { IpAddress } from '../core/address.ts';
import { AT_CAP, type Health, type LiveState, TAKEN, type TakeResult } from '../core/desk.ts';
import type { ScoreboardMemory } from '../core/messages.ts';
import type { BucketLimit, Limited, PerClientLimits, SlotRef } from '../core/snapshot.ts';
import type { Direction } from '../core/units.ts';
import { ATOMICS, type AtomicOps } from './atomics.ts';
import { levelOf, ticksOf } from './bucket.ts';
import { ClientTable } from './client-table.ts';
import {
	ACTIVE,
	bucketAt,
	CAP,
	type Cells,
	cellsOf,
	GENERATION,
	HEALTH,
	HEALTH_EPOCH,
	HEALTH_WORDS,
	pageOf,
	QUEUE,
	RATES,
	SHARES,
	slotBase,
	TOTAL_INDEX,
	TOTALS,
	TOTALS_BYTE_OFFSET,
	type Total,
	TURN,
	totalsBase,
} from './layout.ts';
import { heldBy } from './ledger.ts';
import { MAIN_THREAD, PoolQueue } from './pool-queue.ts';
import { lookAtRates } from './rate.ts';

/** One slot page under its views. */
export interface Page extends Cells {
	readonly totals: Float64Array;
}

/**
 * The live state of the whole process in shared memory, as one thread sees it. Any thread may read it and
 * set health; places are taken through a `WorkerBoard`. It grows by `attach`, and never moves.
 */
export class Scoreboard implements LiveState {
	readonly ops: AtomicOps;
	/** How many workers have a ledger here. */
	readonly workers: number;
	readonly #pages: Page[] = [];
	readonly #tables: ClientTable[] = [];
	readonly #queues: PoolQueue[] = [];

	constructor(memory: ScoreboardMemory, ops: AtomicOps = ATOMICS) {
		this.ops = ops;
		this.workers = memory.rings.length;
		this.attach(memory);
	}

	/** Take in the pages, tables and queues that are new in `memory`; it only ever grows. */
	attach(memory: ScoreboardMemory): void {
		for (const buffer of memory.pages.slice(this.#pages.length)) {
			this.#pages.push({ ...cellsOf(buffer), totals: new Float64Array(buffer, TOTALS_BYTE_OFFSET) });
		}
		for (const buffer of memory.clientTables.slice(this.#tables.length)) {
			this.#tables.push(new ClientTable(buffer, this.ops));
		}
		for (const buffer of memory.queues.slice(this.#queues.length)) {
			this.#queues.push(new PoolQueue(buffer, this.#queues.length, this));
		}
	}

	get pages(): readonly Page[] {
		return this.#pages;
	}

	get clientTables(): readonly ClientTable[] {
		return this.#tables;
	}

	get queues(): readonly PoolQueue[] {
		return this.#queues;
	}

	/** The page that has the slot while its generation is the one named, else null: the slot is another's now. */
	pageFor(slot: SlotRef): Page | null {
		const page = this.#pages[pageOf(slot.index)];
		if (page === undefined) return null;
		return this.ops.load(page.words, slotBase(slot.index) + GENERATION) === slot.generation ? page : null;
	}

	active(slot: SlotRef): number {
		return this.#word(slot, ACTIVE);
	}

	/** How many of a place's connections are this worker's. */
	activeOf(worker: number, slot: SlotRef): number {
		return heldBy(this.#word(slot, SHARES + worker));
	}

	hasRoom(place: Limited, nowNs: number): boolean {
		return this.look(place, nowNs) === TAKEN;
	}

	/** What a take would answer now; takes nothing. */
	look(place: Limited, nowNs: number): TakeResult {
		const page = this.pageFor(place.slot);
		if (page === null) return AT_CAP;
		const base = slotBase(place.slot.index);
		if (place.maxConnections !== null && this.ops.load(page.words, base + ACTIVE) >= place.maxConnections)
			return AT_CAP;
		return lookAtRates(this.ops, page, base + RATES, place.rates, nowNs);
	}

	/** Whether a queue may grant a free place here: as `look`, under the newest cap. */
	canGrant(backend: Limited, nowNs: number): boolean {
		const page = this.pageFor(backend.slot);
		if (page === null) return false;
		const base = slotBase(backend.slot.index);
		if (this.ops.load(page.words, base + ACTIVE) >= this.ops.load(page.words, base + CAP)) return false;
		return lookAtRates(this.ops, page, base + RATES, backend.rates, nowNs) === TAKEN;
	}

	/** As `look`, for a client of a listener. */
	lookClient(limits: PerClientLimits, client: IpAddress, nowNs: number): TakeResult {
		return this.#tables[limits.table]?.look(limits, client, nowNs) ?? TAKEN;
	}

	health(slot: SlotRef): Health {
		return HEALTH_WORDS[this.#word(slot, HEALTH)] ?? 'unknown';
	}

	setHealth(slot: SlotRef, health: Health): void {
		const page = this.pageFor(slot);
		if (page === null) return;
		this.ops.store(page.words, slotBase(slot.index) + HEALTH, HEALTH_WORDS.indexOf(health));
		const first = this.#pages[0];
		if (first !== undefined) this.ops.add(first.words, HEALTH_EPOCH, 1);
	}

	healthEpoch(): number {
		const first = this.#pages[0];
		return first === undefined ? 0 : this.ops.load(first.words, HEALTH_EPOCH);
	}

	waiting(queue: number): number {
		return this.#queues[queue]?.waiting ?? 0;
	}

	/** Number of the queue in which sessions wait for this backend, or -1. */
	queueOf(backend: SlotRef): number {
		return this.#word(backend, QUEUE) - 1;
	}

	/** The cap that grants are held to; 0 ends them here. Main thread only. */
	setCap(backend: SlotRef, cap: number): void {
		const page = this.pageFor(backend);
		if (page !== null) this.ops.store(page.words, slotBase(backend.index) + CAP, cap);
	}

	/**
	 * Say which queue grants this backend's places. False: the queue that did before is being changed by
	 * somebody just now, try again. Main thread only.
	 */
	setQueue(backend: SlotRef, queue: number): boolean {
		const page = this.pageFor(backend);
		const before = this.queueOf(backend);
		if (page === null || before === queue) return true;
		const old = this.#queues[before];
		if (old !== undefined && !old.list.lock(MAIN_THREAD)) return false;
		this.ops.store(page.words, slotBase(backend.index) + QUEUE, queue + 1);
		old?.list.unlock();
		return true;
	}

	nextTurn(pool: SlotRef): number {
		const page = this.pageFor(pool);
		return page === null ? 0 : this.ops.add(page.words, slotBase(pool.index) + TURN, 1) >>> 0;
	}

	/** Bytes that this place's own bucket would let pass now; negative: promised to those who wait. */
	bucketLevel(slot: SlotRef, direction: Direction, terms: BucketLimit, nowNs: number): number {
		const page = this.pageFor(slot);
		if (page === null) return 0;
		const at = bucketAt(slot.index, 'own', direction);
		return levelOf(this.ops, page.words, at, ticksOf(nowNs), terms.bytesPerSecond, terms.burstBytes);
	}

	/** As `bucketLevel`, for a client of a listener. */
	clientLevel(
		limits: PerClientLimits,
		client: IpAddress,
		direction: Direction,
		terms: BucketLimit,
		nowNs: number,
	): number {
		const table = this.#tables[limits.table];
		return table?.level(limits, client, direction === 'upload' ? 0 : 1, terms, nowNs) ?? terms.burstBytes;
	}

	/** The turn that `nextTurn` would answer; leaves it. */
	peekTurn(pool: SlotRef): number {
		return this.#word(pool, TURN) >>> 0;
	}

	/** Sum over all workers since the slot was claimed; 0 when it has been given to another since. */
	total(slot: SlotRef, total: Total): number {
		const page = this.pageFor(slot);
		if (page === null) return 0;
		let sum = 0;
		for (let worker = 0; worker < this.workers; worker++) {
			sum += page.totals[totalsBase(worker, slot.index) + TOTAL_INDEX[total]] ?? 0;
		}
		return sum;
	}

	/** Zero every worker's part of a slot's totals. Only while nobody names the slot. */
	clearTotals(index: number): void {
		const totals = this.#pages[pageOf(index)]?.totals;
		for (let worker = 0; worker < this.workers; worker++) {
			const base = totalsBase(worker, index);
			totals?.fill(0, base, base + TOTALS.length);
		}
	}

	#word(slot: SlotRef, offset: number): number {
		const page = this.pageFor(slot);
		return page === null ? 0 : this.ops.load(page.words, slotBase(slot.index) + offset);
	}
}
