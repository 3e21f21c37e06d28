import type { IpAddress } from '../core/address.ts';
import { type Desk, type Granted, type HoldingKind, type QueueDesk, TAKEN, type TakeResult } from '../core/desk.ts';
import type { RelayGates } from '../core/session-io.ts';
import type { Limited, PerClientLimits, PoolSnapshot, RateLimit, SlotRef } from '../core/snapshot.ts';
import { type ClientAccounts, Gate, type GatePath } from './gate.ts';
import type { WorkerBoard } from './worker-board.ts';

const KINDS: readonly HoldingKind[] = ['process', 'listener', 'region', 'backend'];
/** Of `KINDS`. */
const BACKEND = 3;
/** Bit and time of the client's place, after those of `KINDS`. */
const CLIENT = KINDS.length;

const NO_RATES: readonly RateLimit[] = [];

/** A session's turn in a queue. */
export interface Ticket {
	readonly session: object;
}

/** The queues as one worker's sessions use them; `policy/worker-queues.ts` is the one that ships. */
export interface Queues {
	/** Null: the queue is full. */
	join(pool: PoolSnapshot, session: object, nowNs: number): Ticket | null;
	/** The backend's place is the worker's from now on; null: not its turn. */
	claim(ticket: Ticket, nowNs: number): Granted | null;
	/** Give up the ticket, and what was granted for it. */
	leave(ticket: Ticket, nowNs: number): void;
	/** Give back a backend's place of this worker, to a session that waits or to all. */
	giveBack(backend: SlotRef, nowNs: number): void;
}

/**
 * What one session holds on the scoreboard: at most one place of each kind. Everything is given back once,
 * however often it is asked for. The session ends with `releaseAll`.
 */
export class Holdings implements Desk, QueueDesk {
	readonly #board: WorkerBoard;
	readonly #queues: Queues | null;
	#ticket: Ticket | null = null;
	/** Of each kind, the slot and the rates alone: a session may outlive the snapshot its places were taken by. */
	readonly #slots: (SlotRef | null)[] = [null, null, null, null];
	readonly #rates: (readonly RateLimit[])[] = [NO_RATES, NO_RATES, NO_RATES, NO_RATES];
	/** When each kind was taken; finds its rate counts again. */
	readonly #takenNs: number[] = [0.5, 0.5, 0.5, 0.5, 0.5];
	#limits: PerClientLimits | null = null;
	#entry = -1;
	#entryGeneration = 0;
	/** A bit per kind: a place is held. */
	#held = 0;
	/** A bit per kind: its rates are counted and may be refunded. */
	#counted = 0;

	/** Without `queues` no pool has one. */
	constructor(board: WorkerBoard, queues: Queues | null = null) {
		this.#board = board;
		this.#queues = queues;
	}

	/** True while a place of this kind is held. */
	holds(kind: HoldingKind | 'client'): boolean {
		return (this.#held & this.#bit(kind)) !== 0;
	}

	/** A place of this kind that is still held is given back first: retrying on another backend needs no release. */
	take(kind: HoldingKind, place: Limited, nowNs: number, expected: number): TakeResult {
		this.release(kind, nowNs);
		const result = this.#board.take(place, nowNs, expected);
		if (result !== TAKEN) return result;
		const index = indexOf(kind);
		this.#slots[index] = place.slot;
		this.#rates[index] = place.rates;
		this.#mark(index, nowNs);
		return TAKEN;
	}

	takeClient(limits: PerClientLimits, client: IpAddress, nowNs: number): TakeResult {
		this.release('client', nowNs);
		const table = this.#board.scoreboard.clientTables[limits.table];
		if (table === undefined) return TAKEN;
		const result = table.take(this.#board.worker, limits, client, nowNs);
		if (result !== TAKEN) return result;
		this.#limits = limits;
		this.#entry = table.takenEntry;
		this.#entryGeneration = table.takenGeneration;
		this.#mark(CLIENT, nowNs);
		return TAKEN;
	}

	refundRates(): void {
		for (let index = 0; index < KINDS.length; index++) {
			const slot = this.#slots[index];
			if ((this.#counted & (1 << index)) === 0 || !slot) continue;
			this.#board.refund(slot, this.#rates[index] ?? NO_RATES, this.#takenNs[index] ?? 0);
		}
		// A client's entry may be another's once it is let go, so its rates come back only while it is held.
		if ((this.#counted & this.#held & (1 << CLIENT)) !== 0 && this.#limits !== null) {
			const table = this.#board.scoreboard.clientTables[this.#limits.table];
			table?.refund(this.#entry, this.#entryGeneration, this.#limits, this.#takenNs[CLIENT] ?? 0);
		}
		this.#counted = 0;
	}

	/** The place only; its rate counts stay, and (but for the client's) can be refunded until the next take of the kind. */
	release(kind: HoldingKind | 'client', nowNs: number): void {
		const bit = this.#bit(kind);
		if ((this.#held & bit) === 0) return;
		this.#held &= ~bit;
		if (kind === 'client') {
			if (this.#limits === null) return;
			const table = this.#board.scoreboard.clientTables[this.#limits.table];
			table?.release(this.#board.worker, this.#entry, this.#entryGeneration);
			return;
		}
		const slot = this.#slots[indexOf(kind)];
		if (!slot) return;
		if (kind === 'backend' && this.#queues !== null) this.#queues.giveBack(slot, nowNs);
		else this.#board.giveBack(slot);
	}

	enqueue(pool: PoolSnapshot, session: object, nowNs: number): boolean {
		this.leaveQueue(nowNs);
		this.#ticket = this.#queues?.join(pool, session, nowNs) ?? null;
		return this.#ticket !== null;
	}

	/** A granted place's rates are counted already; they are not refunded. */
	claim(nowNs: number): Granted | null {
		if (this.#ticket === null) return null;
		const granted = this.#queues?.claim(this.#ticket, nowNs) ?? null;
		if (granted === null) return null;
		this.#ticket = null;
		this.#slots[BACKEND] = granted.backend.slot;
		this.#held |= 1 << BACKEND;
		this.#counted &= ~(1 << BACKEND);
		return granted;
	}

	leaveQueue(nowNs: number): void {
		const ticket = this.#ticket;
		this.#ticket = null;
		if (ticket !== null) this.#queues?.leave(ticket, nowNs);
	}

	releaseAll(nowNs: number): void {
		this.leaveQueue(nowNs);
		if (this.#held === 0) return;
		for (const kind of KINDS) this.release(kind, nowNs);
		this.release('client', nowNs);
	}

	/** The gates of this session's relay; to be asked for after every place is taken. */
	gates(path: GatePath): RelayGates {
		const { scoreboard } = this.#board;
		const client = this.#clientAccounts();
		return {
			upload: new Gate(scoreboard, path, 'upload', client),
			download: new Gate(scoreboard, path, 'download', client),
		};
	}

	#clientAccounts(): ClientAccounts | null {
		const table = this.#limits === null ? undefined : this.#board.scoreboard.clientTables[this.#limits.table];
		if (table === undefined || !this.holds('client')) return null;
		const at = table.bucketsAt(this.#entry);
		return at === null ? null : { words: table.cells.words, at };
	}

	#bit(kind: HoldingKind | 'client'): number {
		return 1 << indexOf(kind);
	}

	#mark(index: number, nowNs: number): void {
		this.#held |= 1 << index;
		this.#counted |= 1 << index;
		this.#takenNs[index] = nowNs;
	}
}

/** Comparisons, since a look-up by a name that varies is what the runtime does slowly. */
function indexOf(kind: HoldingKind | 'client'): number {
	switch (kind) {
		case 'process':
			return 0;
		case 'listener':
			return 1;
		case 'region':
			return 2;
		case 'backend':
			return BACKEND;
		case 'client':
			return CLIENT;
	}
}
