import { TAKEN } from '../core/desk.ts';
import type { Limited, SlotRef } from '../core/snapshot.ts';
import type { AtomicOps } from './atomics.ts';
import {
	ACTIVE,
	CAP,
	GENERATION,
	HEALTH,
	HEALTH_WORDS,
	MAX_WORKERS,
	pageOf,
	QUEUE,
	RATES,
	SHARES,
	slotBase,
} from './layout.ts';
import { acquire, heldBy, moveShare, release, resetShare } from './ledger.ts';
import { GRANTED, WAITING } from './queue-layout.ts';
import { NO_ENTRY, QueueList } from './queue-list.ts';
import { takeRates } from './rate.ts';
import type { Page } from './scoreboard.ts';

/** Owner of the lock for the main thread; workers use their numbers. */
export const MAIN_THREAD = MAX_WORKERS;

/** Nobody was granted anything. Results of 0 or more are the worker to wake. */
export const NOBODY = -1;
/** The lock was not to be had; nothing was changed. */
export const BUSY = -2;

const DOWN = HEALTH_WORDS.indexOf('down');

/** What a queue needs of the scoreboard it is part of. */
export interface QueueHouse {
	readonly ops: AtomicOps;
	readonly workers: number;
	readonly pages: readonly Page[];
}

/** A backend's slot, as words. */
interface Place {
	readonly page: Page;
	readonly index: number;
	readonly base: number;
}

/**
 * Sessions that wait for a place at any backend of one pool, oldest first across workers.
 *
 * A place that was granted and not yet claimed is held by the queue itself: by a share behind those of the
 * workers, which only the lock's owner writes. So the shared count of a place that passes from a session to a
 * waiting one, and on to its worker, never falls, and every step has one word that decides it: the state of
 * the entry. When the owner of the lock dies, what the entries say is made true again (`repair`).
 */
export class PoolQueue {
	readonly list: QueueList;
	readonly #house: QueueHouse;
	readonly #ops: AtomicOps;
	/** What a slot's QUEUE word says when it is this queue's. */
	readonly #mark: number;

	constructor(buffer: SharedArrayBuffer, number: number, house: QueueHouse) {
		this.#house = house;
		this.#ops = house.ops;
		this.#mark = number + 1;
		this.list = new QueueList(buffer, house.ops);
	}

	get waiting(): number {
		return this.list.waiting;
	}

	/** Wait behind all others; answers the ticket, or null when `size` wait already or the queue is stuck. */
	enqueue(worker: number, size: number): number | null {
		if (this.list.waiting >= size || !this.list.lock(worker)) return null;
		const ticket = this.list.waiting < size ? this.list.append(worker) : null;
		this.list.unlock();
		return ticket;
	}

	/** Whether a place stands ready for this ticket. */
	isGranted(ticket: number): boolean {
		return this.list.stateOf(ticket) === GRANTED;
	}

	/** Make the granted place the worker's own. Null: none is granted, or not now (`isGranted` tells). */
	claim(worker: number, ticket: number): SlotRef | null {
		if (!this.isGranted(ticket) || !this.list.lock(worker)) return null;
		const entry = this.list.entryOf(ticket);
		const place = this.#placeAt(this.list.slot(entry));
		const { page, base, index } = place;
		moveShare(this.#ops, page.words, this.#shareAt(place), base + SHARES + worker, () => this.list.close(entry));
		this.list.recycle(entry);
		this.list.unlock();
		return { index, generation: this.#ops.load(page.words, base + GENERATION) };
	}

	/** Give up the ticket; a place granted to it passes on. Answers whom to wake, NOBODY, or BUSY: to be tried again. */
	leave(worker: number, ticket: number): number {
		const state = this.list.stateOf(ticket);
		if (state !== WAITING && state !== GRANTED) return NOBODY;
		if (!this.list.lock(worker)) return BUSY;
		const entry = this.list.entryOf(ticket);
		const granted = this.list.state(entry) === GRANTED;
		if (!granted) this.list.drop(entry);
		const woken = granted ? this.#passOn(entry) : NOBODY;
		this.list.unlock();
		return woken;
	}

	/**
	 * Give the place that this worker holds to whoever has waited longest, unless the newest configuration wants
	 * it back or a rate refuses: then NOBODY, and it is still the worker's.
	 */
	handOver(worker: number, backend: Limited, nowNs: number): number {
		if (this.list.waiting === 0 || !this.list.lock(worker)) return NOBODY;
		const woken = this.#handOverLocked(worker, backend, nowNs);
		this.list.unlock();
		return woken;
	}

	/** Grant a free place of this backend to whoever has waited longest. NOBODY: nobody waits, or no room. */
	grantFree(owner: number, backend: Limited, nowNs: number): number {
		if (this.list.waiting === 0) return NOBODY;
		if (!this.list.lock(owner)) return BUSY;
		const woken = this.#grantFreeLocked(backend, nowNs);
		this.list.unlock();
		return woken;
	}

	/** No entry is in use. */
	isIdle(): boolean {
		for (const state of [WAITING, GRANTED]) for (const _ of this.list.entries(state)) return false;
		return true;
	}

	/**
	 * Take out the sessions of dead workers, and what a dead owner of the lock left half done. Answers the slots
	 * whose counts may be off, or null: somebody alive holds the lock, try again. Main thread only.
	 */
	repair(dead: ReadonlySet<number>): number[] | null {
		const seized = dead.has(this.list.owner);
		if (seized) this.list.seize(MAIN_THREAD);
		else if (!this.list.lock(MAIN_THREAD)) return null;
		this.list.rebuild(dead);
		const suspects = seized ? this.#recount() : [];
		for (const entry of [...this.list.entries(GRANTED)]) if (dead.has(this.list.worker(entry))) this.#passOn(entry);
		this.list.unlock();
		return suspects;
	}

	/** What does not add up while nobody holds the lock, in words. */
	audit(): string[] {
		const faults: string[] = [];
		for (const place of this.#places()) {
			const share = heldBy(this.#ops.load(place.page.words, this.#shareAt(place)));
			const granted = this.#grantedAt(place.index);
			if (share !== granted) faults.push(`slot ${place.index}: ${share} held by its queue, ${granted} granted`);
		}
		const waiting = [...this.list.entries(WAITING)].length;
		if (waiting !== this.waiting) faults.push(`a queue counts ${this.waiting} where ${waiting} wait`);
		return faults;
	}

	#handOverLocked(worker: number, backend: Limited, nowNs: number): number {
		const entry = this.list.oldest();
		const place = this.#placeAt(backend.slot.index);
		if (entry === NO_ENTRY || !this.#mayKeep(place)) return NOBODY;
		const { page, base, index } = place;
		if (takeRates(this.#ops, page, base + RATES, backend.rates, nowNs) !== TAKEN) return NOBODY;
		moveShare(this.#ops, page.words, base + SHARES + worker, this.#shareAt(place), () => this.list.grant(entry, index));
		return this.list.worker(entry);
	}

	#grantFreeLocked(backend: Limited, nowNs: number): number {
		const entry = this.list.oldest();
		const place = this.#placeAt(backend.slot.index);
		if (entry === NO_ENTRY || !this.#isOurs(place)) return NOBODY;
		const { page, base, index } = place;
		const [activeAt, shareAt] = [base + ACTIVE, this.#shareAt(place)];
		const cap = this.#ops.load(page.words, base + CAP);
		if (acquire(this.#ops, page.words, activeAt, shareAt, cap, -1) !== TAKEN) return NOBODY;
		if (takeRates(this.#ops, page, base + RATES, backend.rates, nowNs) !== TAKEN) {
			release(this.#ops, page.words, activeAt, shareAt);
			return NOBODY;
		}
		this.list.grant(entry, index);
		return this.list.worker(entry);
	}

	/** The place of a granted entry goes to the next one, or back. Its rates are counted already. */
	#passOn(entry: number): number {
		const place = this.#placeAt(this.list.slot(entry));
		const next = this.#mayKeep(place) ? this.list.oldest() : NO_ENTRY;
		// Closed before the next is granted: at no instant are there two for one place.
		this.list.close(entry);
		if (next === NO_ENTRY) release(this.#ops, place.page.words, place.base + ACTIVE, this.#shareAt(place));
		else this.list.grant(next, place.index);
		this.list.recycle(entry);
		return next === NO_ENTRY ? NOBODY : this.list.worker(next);
	}

	/** A place in use may go to another session: the newest cap has room for it, and the backend is not down. */
	#mayKeep({ page, base, index }: Place): boolean {
		if (!this.#isOurs({ page, base, index })) return false;
		if (this.#ops.load(page.words, base + HEALTH) === DOWN) return false;
		return this.#ops.load(page.words, base + ACTIVE) <= this.#ops.load(page.words, base + CAP);
	}

	#isOurs({ page, base }: Place): boolean {
		return this.#ops.load(page.words, base + QUEUE) === this.#mark;
	}

	/** After the lock's owner died: the queue's share of each of its slots is what the entries say. */
	#recount(): number[] {
		const suspects: number[] = [];
		for (const place of this.#places()) {
			resetShare(this.#ops, place.page.words, this.#shareAt(place), this.#grantedAt(place.index));
			suspects.push(place.index);
		}
		return suspects;
	}

	#grantedAt(slot: number): number {
		let granted = 0;
		for (const entry of this.list.entries(GRANTED)) if (this.list.slot(entry) === slot) granted += 1;
		return granted;
	}

	*#places(): Generator<Place> {
		for (let index = 0; pageOf(index) < this.#house.pages.length; index++) {
			const place = this.#placeAt(index);
			if (this.#isOurs(place)) yield place;
		}
	}

	#placeAt(index: number): Place {
		const page = this.#house.pages[pageOf(index)];
		if (page === undefined) throw new RangeError(`slot ${index} has no page`);
		return { page, index, base: slotBase(index) };
	}

	#shareAt({ base }: Place): number {
		return base + SHARES + this.#house.workers;
	}
}
