import type { IpAddress } from '../core/address.ts';
import { AT_CAP, type Health, type LiveState, TAKEN, type TakeResult } from '../core/desk.ts';
import type { ScoreboardMemory } from '../core/messages.ts';
import type { Limited, PerClientLimits, SlotRef } from '../core/snapshot.ts';
import { ATOMICS, type AtomicOps } from './atomics.ts';
import { ClientTable } from './client-table.ts';
import {
	ACTIVE,
	type Cells,
	cellsOf,
	GENERATION,
	HEALTH,
	HEALTH_WORDS,
	pageOf,
	RATES,
	slotBase,
	TOTAL_INDEX,
	TOTALS,
	TOTALS_BYTE_OFFSET,
	type Total,
	TURN,
	totalsBase,
} from './layout.ts';
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

	constructor(memory: ScoreboardMemory, ops: AtomicOps = ATOMICS) {
		this.ops = ops;
		this.workers = memory.rings.length;
		this.attach(memory);
	}

	/** Take in the pages and tables that are new in `memory`; it only ever grows. */
	attach(memory: ScoreboardMemory): void {
		for (const buffer of memory.pages.slice(this.#pages.length)) {
			this.#pages.push({ ...cellsOf(buffer), totals: new Float64Array(buffer, TOTALS_BYTE_OFFSET) });
		}
		for (const buffer of memory.clientTables.slice(this.#tables.length)) {
			this.#tables.push(new ClientTable(buffer, this.ops));
		}
	}

	get pages(): readonly Page[] {
		return this.#pages;
	}

	get clientTables(): readonly ClientTable[] {
		return this.#tables;
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

	/** As `look`, for a client of a listener. */
	lookClient(limits: PerClientLimits, client: IpAddress, nowNs: number): TakeResult {
		return this.#tables[limits.table]?.look(limits, client, nowNs) ?? TAKEN;
	}

	health(slot: SlotRef): Health {
		return HEALTH_WORDS[this.#word(slot, HEALTH)] ?? 'unknown';
	}

	setHealth(slot: SlotRef, health: Health): void {
		const page = this.pageFor(slot);
		if (page !== null) this.ops.store(page.words, slotBase(slot.index) + HEALTH, HEALTH_WORDS.indexOf(health));
	}

	nextTurn(pool: SlotRef): number {
		const page = this.pageFor(pool);
		return page === null ? 0 : this.ops.add(page.words, slotBase(pool.index) + TURN, 1) >>> 0;
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
