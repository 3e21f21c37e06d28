import type { IpAddress } from './address.ts';
import type { BackendSnapshot, Limited, PerClientLimits, PoolSnapshot, SlotRef } from './snapshot.ts';

/** Kinds of places a session holds at most one of each. */
export type HoldingKind = 'process' | 'listener' | 'region' | 'backend';

/** The place and its rates were taken. */
export const TAKEN = -1;
/** Refused: `maxConnections` is reached. A result of 0 or more is the index of the rate that refused. */
export const AT_CAP = -2;
/** Not taken: the active count was not the expected one; look again. */
export const CONTENDED = -3;
export type TakeResult = number;

/**
 * Where places are taken. A session's is real (the scoreboard, with a ledger behind it); that of `explain`
 * only looks. Nothing is taken when the result is not `TAKEN`.
 */
export interface Desk {
	/** `expected`: take only while the place's active count is still this one (-1: whatever it is). */
	take(kind: HoldingKind, place: Limited, nowNs: number, expected: number): TakeResult;
	takeClient(limits: PerClientLimits, client: IpAddress, nowNs: number): TakeResult;
	/** Give back every rate count taken by this session: refused attempts do not count. */
	refundRates(): void;
	/** Give back one place; a second call does nothing. A backend's may go to a session that waits for it. */
	release(kind: HoldingKind | 'client', nowNs: number): void;
}

/** A place at a backend that a queue granted. */
export interface Granted {
	readonly pool: PoolSnapshot;
	readonly backend: BackendSnapshot;
}

/** Where sessions wait for a place; a session waits in one queue at most. */
export interface QueueDesk {
	/** Wait in the pool's queue behind all others. False: it is full. `session` is whom the engine tells of its turn. */
	enqueue(pool: PoolSnapshot, session: object, nowNs: number): boolean;
	/** Take what was granted: the backend's place is held from now on. Null: it is not this session's turn. */
	claim(nowNs: number): Granted | null;
	/** Wait no longer; what was granted and not claimed passes on. Does nothing when not in a queue. */
	leaveQueue(nowNs: number): void;
}

/** Backend states as the control plane sets them. */
export type Health = 'up' | 'unknown' | 'down';

/** Live state that decisions read. */
export interface LiveState {
	active(slot: SlotRef): number;
	/** Room under the cap and every rate, as far as a look can tell. */
	hasRoom(place: Limited, nowNs: number): boolean;
	health(slot: SlotRef): Health;
	/** Changes whenever the health of any place has. */
	healthEpoch(): number;
	/** Sessions that wait in this queue. */
	waiting(queue: number): number;
	/** The pool's round-robin turn; takes it. `explain` gives an implementation that only looks. */
	nextTurn(pool: SlotRef): number;
}
