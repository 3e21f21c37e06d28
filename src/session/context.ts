import type { Desk, QueueDesk } from '../core/desk.ts';
import type { Clock, RecordSink } from '../core/ports.ts';
import type { RelayGates } from '../core/session-io.ts';
import type { SlotRef } from '../core/snapshot.ts';
import type { World } from '../policy/world.ts';
import type { GatePath } from '../shared/gate.ts';
import type { StatsWriter } from '../shared/stats.ts';
import type { HeldClients } from './held.ts';

/** A session's desk: also gives back at once whatever the session still holds. */
export interface SessionDesk extends Desk, QueueDesk {
	releaseAll(nowNs: number): void;
	/** What the relay asks before bytes pass; while the session's places are held. */
	gates(path: GatePath): RelayGates;
}

/** Running totals by place; each worker writes its own. */
export interface Tally {
	/** A connect to this backend was tried and came out so. */
	connect(backend: SlotRef, ok: boolean): void;
	/** This backend reset a session before a byte had passed either way. */
	earlyReset(backend: SlotRef): void;
	/** Bytes of a session that goes on have passed these places. */
	moved(places: readonly SlotRef[], uploadBytes: number, downloadBytes: number): void;
	/** A session ended that had been counted at these places; with the bytes that no `moved` told of. */
	ended(places: readonly SlotRef[], uploadBytes: number, downloadBytes: number): void;
	/** A client was turned away at this listener. */
	refused(listener: SlotRef): void;
}

/** What a worker counts whatever the place. */
export type Stats = Pick<StatsWriter, 'add' | 'outcome' | 'observe' | 'country'>;

/** What a worker lends to each of its sessions for as long as it lasts: nothing of a snapshot. */
export interface SessionHost {
	readonly clock: Pick<Clock, 'wallMs'>;
	readonly records: RecordSink;
	readonly tally: Tally;
	readonly stats: Stats;
	readonly held: HeldClients;
	openDesk(): SessionDesk;
	/** Counts up from 1: what sessions of one worker are told apart by. */
	nextNumber(): number;
}

/** What a session begins with. */
export interface SessionContext {
	/** The world of the newest snapshot; a session decides by it until its relay begins. */
	readonly world: World;
	readonly host: SessionHost;
}
