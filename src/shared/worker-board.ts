import { AT_CAP, TAKEN, type TakeResult } from '../core/desk.ts';
import type { ScoreboardMemory } from '../core/messages.ts';
import type { Limited, RateLimit, SlotRef } from '../core/snapshot.ts';
import type { AtomicOps } from './atomics.ts';
import { ACTIVE, MAX_WORKERS, RATES, SHARES, slotBase, TOTAL_INDEX, type Total, totalsBase } from './layout.ts';
import { acquire, NO_CAP, release } from './ledger.ts';
import { refundRates, takeRates } from './rate.ts';
import { Scoreboard } from './scoreboard.ts';

/**
 * The scoreboard as one worker writes it: what it takes is entered in its own ledger. At most one thread at
 * a time has a worker's number; a replacement starts after `Repair.repair` has answered true.
 */
export class WorkerBoard {
	readonly scoreboard: Scoreboard;
	readonly worker: number;
	readonly #ops: AtomicOps;

	constructor(memory: ScoreboardMemory, worker: number, ops?: AtomicOps) {
		if (worker < 0 || worker >= Math.min(memory.rings.length, MAX_WORKERS)) {
			throw new RangeError(`worker ${worker}: the scoreboard has ledgers for ${memory.rings.length}`);
		}
		this.scoreboard = new Scoreboard(memory, ops);
		this.worker = worker;
		this.#ops = this.scoreboard.ops;
	}

	/** Take one place under the cap, then one of each rate; all or nothing. See `Desk.take`. */
	take(place: Limited, nowNs: number, expected: number): TakeResult {
		const page = this.scoreboard.pageFor(place.slot);
		if (page === null) return AT_CAP;
		const base = slotBase(place.slot.index);
		const shareAt = base + SHARES + this.worker;
		const cap = place.maxConnections ?? NO_CAP;
		const result = acquire(this.#ops, page.words, base + ACTIVE, shareAt, cap, expected);
		if (result !== TAKEN || place.rates.length === 0) return result;
		const refusal = takeRates(this.#ops, page, base + RATES, place.rates, nowNs);
		if (refusal !== TAKEN) release(this.#ops, page.words, base + ACTIVE, shareAt);
		return refusal;
	}

	/** Give back one place taken by this worker. */
	giveBack(slot: SlotRef): void {
		const page = this.scoreboard.pageFor(slot);
		if (page === null) return;
		const base = slotBase(slot.index);
		release(this.#ops, page.words, base + ACTIVE, base + SHARES + this.worker);
	}

	/** Give back one count of each rate, taken at `takenNs`. */
	refund(slot: SlotRef, rates: readonly RateLimit[], takenNs: number): void {
		const page = this.scoreboard.pageFor(slot);
		if (page === null) return;
		refundRates(this.#ops, page, slotBase(slot.index) + RATES, rates, takenNs, rates.length);
	}

	/** A session that has passed this place ended; with the bytes that were not told of before. */
	addSession(slot: SlotRef, uploadBytes: number, downloadBytes: number): void {
		const page = this.scoreboard.pageFor(slot);
		if (page === null) return;
		const { totals } = page;
		const base = totalsBase(this.worker, slot.index);
		totals[base + TOTAL_INDEX.sessions] = (totals[base + TOTAL_INDEX.sessions] ?? 0) + 1;
		totals[base + TOTAL_INDEX.uploadBytes] = (totals[base + TOTAL_INDEX.uploadBytes] ?? 0) + uploadBytes;
		totals[base + TOTAL_INDEX.downloadBytes] = (totals[base + TOTAL_INDEX.downloadBytes] ?? 0) + downloadBytes;
	}

	/** Add to this worker's own part of a total. */
	add(slot: SlotRef, total: Total, amount: number): void {
		const page = this.scoreboard.pageFor(slot);
		if (page === null) return;
		const at = totalsBase(this.worker, slot.index) + TOTAL_INDEX[total];
		page.totals[at] = (page.totals[at] ?? 0) + amount;
	}
}
