import { type ListenerSnapshot, type Shaped, type SlotRef, type Snapshot, UNSHAPED } from '../core/snapshot.ts';
import type { Direction } from '../core/units.ts';
import { fillBucket, forgetDebt, setTerms, settleBucket, ticksOf } from '../shared/bucket.ts';
import { BUCKET_KINDS, type BucketKind, bucketAt, SHAPING_EPOCH, SLOTS_PER_PAGE } from '../shared/layout.ts';
import type { Scoreboard } from '../shared/scoreboard.ts';

const DIRECTIONS: readonly Direction[] = ['upload', 'download'];

/** How often `settle` is due. */
export const SETTLE_MS = 60_000;

/**
 * The main thread's care for the token buckets: writes their terms when a snapshot is put in force, tells live
 * sessions of it by the shaping epoch, and keeps the instants of idle buckets from coming round.
 */
export class BucketKeeper {
	private readonly board: Scoreboard;
	/** Slots that have a limit, by index and generation. */
	private shaped = new Map<string, SlotRef>();
	/** Client tables that have or once had buckets; a table given to another listener still is one. */
	private readonly tables = new Set<number>();

	constructor(board: Scoreboard) {
		this.board = board;
	}

	/** Puts a snapshot's limits in force; those of places that it no longer has are lifted. */
	applyTerms(snapshot: Snapshot, nowNs: number): void {
		const before = this.shaped;
		this.shaped = new Map();
		const places = [...snapshot.regions, ...snapshot.pools, ...snapshot.pools.flatMap((pool) => pool.backends)];
		let changes = 0;
		for (const { slot, shaping } of places) changes += this.apply(slot, 'own', shaping, nowNs);
		for (const listener of snapshot.listeners) changes += this.applyListener(listener, nowNs);
		for (const [key, slot] of before) if (!this.shaped.has(key)) changes += this.lift(slot, nowNs);
		const [page] = this.board.pages;
		if (changes > 0 && page !== undefined) this.board.ops.add(page.words, SHAPING_EPOCH, 1);
	}

	/** To be called every `SETTLE_MS`. */
	settle(nowNs: number): void {
		const { ops } = this.board;
		const nowTicks = ticksOf(nowNs);
		for (const { words } of this.board.pages) {
			for (let index = 0; index < SLOTS_PER_PAGE; index++) {
				for (const direction of DIRECTIONS) settleBucket(ops, words, bucketAt(index, 'own', direction), nowTicks);
			}
		}
		for (const table of this.tables) this.eachClient(table, (words, at) => settleBucket(ops, words, at, nowTicks));
	}

	private applyListener({ slot, shaping, perClient }: ListenerSnapshot, nowNs: number): number {
		const changes = this.apply(slot, 'client', shaping.client, nowNs);
		const clientsHaveBuckets = shaping.client.upload !== null || shaping.client.download !== null;
		if (perClient !== null && clientsHaveBuckets) this.openClients(perClient.table, changes > 0, nowNs);
		return (
			changes +
			this.apply(slot, 'own', shaping.listener, nowNs) +
			this.apply(slot, 'connection', shaping.connection, nowNs)
		);
	}

	/** The accounts of clients seen so far: opened when there were none, freed of debt when their terms changed. */
	private openClients(table: number, changed: boolean, nowNs: number): void {
		const { ops } = this.board;
		const nowTicks = ticksOf(nowNs);
		const known = this.tables.has(table);
		this.tables.add(table);
		if (!known) this.eachClient(table, (words, at) => fillBucket(ops, words, at, nowTicks));
		else if (changed) this.eachClient(table, (words, at) => forgetDebt(ops, words, at, nowTicks));
	}

	private eachClient(table: number, account: (words: Int32Array, at: number) => void): void {
		const clients = this.board.clientTables[table];
		if (clients === undefined) return;
		for (let entry = 0; entry <= clients.layout.capacity; entry++) {
			const at = clients.bucketsAt(entry);
			if (at === null) continue;
			account(clients.cells.words, at);
			account(clients.cells.words, at + 1);
		}
	}

	private lift(slot: SlotRef, nowNs: number): number {
		return BUCKET_KINDS.reduce((changes, kind) => changes + this.apply(slot, kind, UNSHAPED, nowNs), 0);
	}

	/** Answers how many of the two limits changed. */
	private apply(slot: SlotRef, kind: BucketKind, shaping: Shaped, nowNs: number): number {
		const page = this.board.pageFor(slot);
		if (page === null) return 0;
		let changes = 0;
		for (const direction of DIRECTIONS) {
			const limit = shaping[direction];
			if (limit !== null) this.shaped.set(`${slot.index}.${slot.generation}`, slot);
			const at = bucketAt(slot.index, kind, direction);
			if (setTerms(this.board.ops, page.words, at, limit, nowNs)) changes += 1;
		}
		return changes;
	}
}
