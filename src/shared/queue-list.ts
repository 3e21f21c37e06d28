import type { AtomicOps } from './atomics.ts';
import {
	ENTRIES,
	entryAt,
	FREE,
	FREE_ENTRIES,
	GRANTED,
	LOCK,
	NEWEST,
	NEXT,
	NEXT_ORDER,
	OLDEST,
	ORDER,
	PREVIOUS,
	SLOT,
	STATE,
	USED,
	WAITING,
	WAITING_COUNT,
	WORKER,
} from './queue-layout.ts';

/** The lock is held for a few microseconds; beyond this its owner was stopped, or died and is about to be repaired. */
const SPINS = 200;
const PAUSES = 40;
const PAUSE_MS = 0.5;

export const NO_ENTRY = -1;

/**
 * The entries of one queue in shared memory, oldest first. Everything but `waiting`, `stateOf` and `lock`
 * is for whoever holds the lock. An entry becomes what it is by its state word alone, written last, so that
 * `rebuild` finds the queue whole wherever a thread died.
 */
export class QueueList {
	readonly #words: Int32Array;
	readonly #ops: AtomicOps;

	constructor(buffer: SharedArrayBuffer, ops: AtomicOps) {
		this.#words = new Int32Array(buffer);
		this.#ops = ops;
	}

	/** Sessions that wait for a place now. */
	get waiting(): number {
		return this.#load(WAITING_COUNT);
	}

	/** Who holds the lock, or -1. */
	get owner(): number {
		return this.#load(LOCK) - 1;
	}

	/** False: somebody else kept it for 20 ms. */
	lock(owner: number): boolean {
		for (let tries = 0; tries < SPINS + PAUSES; tries++) {
			const other = this.#ops.compareExchange(this.#words, LOCK, 0, owner + 1);
			if (other === 0) return true;
			if (tries >= SPINS) this.#ops.pause(this.#words, LOCK, other, PAUSE_MS);
		}
		return false;
	}

	unlock(): void {
		this.#store(LOCK, 0);
	}

	/** Take the lock of an owner that is dead. */
	seize(owner: number): void {
		this.#store(LOCK, owner + 1);
	}

	/** A new entry behind all others, for a session of this worker; answers its ticket, or null when there is no room. */
	append(worker: number): number | null {
		const entry = this.#takeFree();
		if (entry === NO_ENTRY) return null;
		const order = this.#load(NEXT_ORDER);
		this.#store(NEXT_ORDER, (order + 1) | 0);
		const at = entryAt(entry);
		this.#store(at + ORDER, order);
		this.#store(at + WORKER, worker);
		this.#store(at + STATE, WAITING);
		this.#linkLast(entry);
		return ticketOf(entry, order);
	}

	/** The entry of a ticket, or `NO_ENTRY` when it is no longer its. */
	entryOf(ticket: number): number {
		const entry = ticket % ENTRIES;
		const order = Math.floor(ticket / ENTRIES) | 0;
		return this.#load(entryAt(entry) + ORDER) === order ? entry : NO_ENTRY;
	}

	/** Without the lock certain only for whoever holds the ticket. */
	stateOf(ticket: number): number {
		const entry = this.entryOf(ticket);
		return entry === NO_ENTRY ? FREE : this.state(entry);
	}

	state(entry: number): number {
		return this.#load(entryAt(entry) + STATE);
	}

	worker(entry: number): number {
		return this.#load(entryAt(entry) + WORKER);
	}

	/** The slot of the place that was granted. */
	slot(entry: number): number {
		return this.#load(entryAt(entry) + SLOT);
	}

	oldest(): number {
		return this.#load(OLDEST) - 1;
	}

	/** A place at this slot is the waiting entry's from here on. */
	grant(entry: number, slot: number): void {
		this.#store(entryAt(entry) + SLOT, slot);
		this.#store(entryAt(entry) + STATE, GRANTED);
		this.#unlink(entry);
	}

	/** A waiting entry leaves. */
	drop(entry: number): void {
		this.#store(entryAt(entry) + STATE, FREE);
		this.#unlink(entry);
		this.recycle(entry);
	}

	/** A granted entry is over: nobody's place stands behind it any more. `recycle` has to follow. */
	close(entry: number): void {
		this.#store(entryAt(entry) + STATE, FREE);
	}

	/** The entry may be used again. */
	recycle(entry: number): void {
		this.#store(entryAt(entry) + NEXT, this.#load(FREE_ENTRIES));
		this.#store(FREE_ENTRIES, entry + 1);
	}

	/** Entries in this state, in no order. */
	*entries(state: number): Generator<number> {
		const used = this.#load(USED);
		for (let entry = 0; entry < used; entry++) if (this.state(entry) === state) yield entry;
	}

	/** Make links and counts anew, without the waiting entries of these workers. */
	rebuild(dead: ReadonlySet<number>): void {
		const waiting: number[] = [];
		this.#store(FREE_ENTRIES, 0);
		for (let entry = this.#load(USED) - 1; entry >= 0; entry--) {
			if (this.state(entry) === WAITING && dead.has(this.worker(entry))) this.#store(entryAt(entry) + STATE, FREE);
			if (this.state(entry) === WAITING) waiting.push(entry);
			else if (this.state(entry) === FREE) this.recycle(entry);
		}
		const next = this.#load(NEXT_ORDER);
		const age = (entry: number): number => (next - this.#load(entryAt(entry) + ORDER)) | 0;
		this.#store(OLDEST, 0);
		this.#store(NEWEST, 0);
		this.#store(WAITING_COUNT, 0);
		for (const entry of waiting.sort((a, b) => age(b) - age(a))) this.#linkLast(entry);
	}

	#takeFree(): number {
		const free = this.#load(FREE_ENTRIES);
		if (free !== 0) {
			this.#store(FREE_ENTRIES, this.#load(entryAt(free - 1) + NEXT));
			return free - 1;
		}
		const used = this.#load(USED);
		if (used === ENTRIES) return NO_ENTRY;
		this.#store(USED, used + 1);
		return used;
	}

	#linkLast(entry: number): void {
		const last = this.#load(NEWEST);
		this.#store(entryAt(entry) + PREVIOUS, last);
		this.#store(entryAt(entry) + NEXT, 0);
		this.#store(last === 0 ? OLDEST : entryAt(last - 1) + NEXT, entry + 1);
		this.#store(NEWEST, entry + 1);
		this.#store(WAITING_COUNT, this.#load(WAITING_COUNT) + 1);
	}

	#unlink(entry: number): void {
		const at = entryAt(entry);
		const previous = this.#load(at + PREVIOUS);
		const next = this.#load(at + NEXT);
		this.#store(previous === 0 ? OLDEST : entryAt(previous - 1) + NEXT, next);
		this.#store(next === 0 ? NEWEST : entryAt(next - 1) + PREVIOUS, previous);
		this.#store(WAITING_COUNT, this.#load(WAITING_COUNT) - 1);
	}

	#load(at: number): number {
		return this.#ops.load(this.#words, at);
	}

	#store(at: number, value: number): void {
		this.#ops.store(this.#words, at, value);
	}
}

/** An entry, and whose it is: entries are used again, tickets are not. */
const ticketOf = (entry: number, order: number): number => (order >>> 0) * ENTRIES + entry;
