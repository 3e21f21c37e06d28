import { AT_CAP, CONTENDED, type Granted, type Health, type LiveState, TAKEN } from '../../src/core/desk.ts';
import type { RelayGate, RelayGates } from '../../src/core/session-io.ts';
import type { BackendSnapshot, Limited, PerClientLimits, PoolSnapshot, SlotRef } from '../../src/core/snapshot.ts';
import type { SessionDesk } from '../../src/session/context.ts';
import type { GatePath } from '../../src/shared/gate.ts';

/** Lets everything pass. */
export const OPEN_GATE: RelayGate = { readyNs: 0, ask: (want) => want, unused: () => {}, rest: () => {} };

/** One turn in a queue of a `FakeBoard`. */
interface Turn {
	readonly pool: PoolSnapshot;
	readonly session: object;
	granted: BackendSnapshot | null;
}

/** A scoreboard of plain maps, for tests of decisions; rates refuse when a test says so. */
export class FakeBoard implements LiveState {
	readonly counts = new Map<number, number>();
	readonly states = new Map<number, Health>();
	/** Slots whose first rate is used up. */
	readonly rateSpent = new Set<number>();
	clientsActive = 0;
	refunds = 0;
	readonly gatesAsked: GatePath[] = [];
	/** By number; oldest first. */
	readonly queues = new Map<number, Turn[]>();
	private turn = 0;
	private epoch = 0;

	active(slot: SlotRef): number {
		return this.counts.get(slot.index) ?? 0;
	}

	hasRoom(place: Limited): boolean {
		if (this.rateSpent.has(place.slot.index)) return false;
		return place.maxConnections === null || this.active(place.slot) < place.maxConnections;
	}

	health(slot: SlotRef): Health {
		return this.states.get(slot.index) ?? 'up';
	}

	/** Tests change states as they like: there is always something new. */
	healthEpoch(): number {
		return this.epoch++;
	}

	waiting(queue: number): number {
		return (this.queues.get(queue) ?? []).filter((turn) => turn.granted === null).length;
	}

	/** Gives a place at this backend to the oldest that waits; its session has still to be told. */
	grant(queue: number, backend: BackendSnapshot): void {
		const turn = this.queues.get(queue)?.find((candidate) => candidate.granted === null);
		if (turn === undefined) throw new Error(`nobody waits in queue ${queue}`);
		turn.granted = backend;
		this.add(backend.slot, 1);
	}

	nextTurn(): number {
		return this.turn++;
	}

	add(slot: SlotRef, n: number): void {
		this.counts.set(slot.index, this.active(slot) + n);
	}

	get total(): number {
		return [...this.counts.values()].reduce((sum, n) => sum + n, this.clientsActive);
	}
}

export class FakeDesk implements SessionDesk {
	private readonly board: FakeBoard;
	private readonly held = new Map<string, SlotRef | null>();
	private turn: Turn | null = null;

	constructor(board: FakeBoard) {
		this.board = board;
	}

	take(kind: string, place: Limited, _nowNs: number, expected: number): number {
		const active = this.board.active(place.slot);
		if (expected >= 0 && active !== expected) return CONTENDED;
		if (place.maxConnections !== null && active >= place.maxConnections) return AT_CAP;
		if (this.board.rateSpent.has(place.slot.index)) return 0;
		this.board.add(place.slot, 1);
		this.held.set(kind, place.slot);
		return TAKEN;
	}

	takeClient(limits: PerClientLimits): number {
		if (limits.maxConnections !== null && this.board.clientsActive >= limits.maxConnections) return AT_CAP;
		this.board.clientsActive += 1;
		this.held.set('client', null);
		return TAKEN;
	}

	refundRates(): void {
		this.board.refunds += 1;
	}

	release(kind: string): void {
		const slot = this.held.get(kind);
		if (slot === undefined) return;
		this.held.delete(kind);
		if (slot === null) this.board.clientsActive -= 1;
		else this.board.add(slot, -1);
	}

	gates(path: GatePath): RelayGates {
		this.board.gatesAsked.push(path);
		return { upload: OPEN_GATE, download: OPEN_GATE };
	}

	enqueue(pool: PoolSnapshot, session: object): boolean {
		if (pool.queue === null || this.board.waiting(pool.queue.number) >= pool.queue.size) return false;
		this.turn = { pool, session, granted: null };
		const turns = this.board.queues.get(pool.queue.number) ?? [];
		this.board.queues.set(pool.queue.number, [...turns, this.turn]);
		return true;
	}

	claim(): Granted | null {
		const turn = this.turn;
		if (turn === null || turn.granted === null) return null;
		this.held.set('backend', turn.granted.slot);
		this.forgetTurn(turn);
		return { pool: turn.pool, backend: turn.granted };
	}

	leaveQueue(): void {
		if (this.turn === null) return;
		if (this.turn.granted !== null) this.board.add(this.turn.granted.slot, -1);
		this.forgetTurn(this.turn);
	}

	private forgetTurn(turn: Turn): void {
		this.turn = null;
		const number = turn.pool.queue?.number ?? -1;
		this.board.queues.set(
			number,
			(this.board.queues.get(number) ?? []).filter((other) => other !== turn),
		);
	}

	releaseAll(): void {
		this.leaveQueue();
		for (const kind of [...this.held.keys()]) this.release(kind);
	}
}
