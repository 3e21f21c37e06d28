import { AT_CAP, CONTENDED, type Health, type LiveState, TAKEN } from '../../src/core/desk.ts';
import type { Limited, PerClientLimits, SlotRef } from '../../src/core/snapshot.ts';
import type { SessionDesk } from '../../src/session/context.ts';

/** A scoreboard of plain maps, for tests of decisions; rates refuse when a test says so. */
export class FakeBoard implements LiveState {
	readonly counts = new Map<number, number>();
	readonly states = new Map<number, Health>();
	/** Slots whose first rate is used up. */
	readonly rateSpent = new Set<number>();
	clientsActive = 0;
	refunds = 0;
	private turn = 0;

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

	releaseAll(): void {
		for (const kind of [...this.held.keys()]) this.release(kind);
	}
}
