import { randomInt } from 'node:crypto';
import type { ScoreboardMemory } from '../core/messages.ts';
import type { Clock } from '../core/ports.ts';
import type { SlotRef, Snapshot } from '../core/snapshot.ts';
import { SlotRegistry } from '../shared/registry.ts';
import { Repair } from '../shared/repair.ts';
import type { Scoreboard } from '../shared/scoreboard.ts';
import { StatsReader } from '../shared/stats.ts';
import { wakeWorker } from '../shared/wake.ts';
import { BucketKeeper, SETTLE_MS } from './bucket-keeper.ts';
import { Claims } from './claims.ts';
import { KEEP_MS, QueueKeeper } from './queue-keeper.ts';
import type { MakeSnapshot } from './snapshot-sources.ts';

export interface SharedStateOptions {
	/** How many there may ever be; what nobody writes to takes no memory. */
	readonly workers: number;
	/** Of each worker's record ring; a power of two. */
	readonly ringBytes?: number | undefined;
	readonly clock: Clock;
	/** Have a worker look at its wake word where it does not see it by itself. */
	ring(worker: number): void;
	/** Nobody uses that snapshot any more, or it could not be made. */
	gone(snapshot: number): void;
}

/** A ledger cannot be repaired while another worker stands between two of its writes; that takes moments. */
const REPAIR_AGAIN_MS = 5;

/**
 * The shared memory that all workers work on, and the main thread's care for it: who has which slot, what is due by
 * the clock, and what dead workers held.
 */
export class SharedState {
	readonly repairs: Repair;
	readonly scoreboard: Scoreboard;
	readonly wakes: Int32Array;
	readonly stats: StatsReader;
	private readonly clock: Clock;
	private readonly gone: (snapshot: number) => void;
	private readonly registry: SlotRegistry;
	private readonly queues: QueueKeeper;
	private readonly buckets: BucketKeeper;
	private readonly timers: readonly NodeJS.Timeout[];
	private lastId = 0;

	constructor({ workers, ringBytes, clock, ring, gone }: SharedStateOptions) {
		this.clock = clock;
		this.gone = gone;
		this.registry = new SlotRegistry({
			workers,
			seed: randomInt(2 ** 32),
			...(ringBytes === undefined ? {} : { ringBytes }),
		});
		this.scoreboard = this.registry.scoreboard;
		this.repairs = new Repair(this.scoreboard);
		this.wakes = new Int32Array(this.memory.wakes);
		this.stats = new StatsReader(this.memory.stats);
		this.queues = new QueueKeeper(this.scoreboard, (worker) => {
			wakeWorker(this.wakes, worker);
			ring(worker);
		});
		this.buckets = new BucketKeeper(this.scoreboard);
		this.timers = [
			setInterval(() => this.buckets.settle(clock.nowNs()), SETTLE_MS).unref(),
			setInterval(() => this.queues.tick(clock.nowNs()), KEEP_MS).unref(),
		];
	}

	get memory(): ScoreboardMemory {
		return this.registry.memory;
	}

	/**
	 * Makes the next snapshot, whose limits hold from now on; every slot it claims is kept from reuse until `release`.
	 * @throws what `make` throws, with nothing changed.
	 */
	snapshot(make: MakeSnapshot, nowNs: number): Snapshot {
		const claims = new Claims(this.registry);
		this.lastId += 1;
		const snapshot = this.made(make, claims);
		claims.retain(snapshot.id);
		this.queues.apply(snapshot);
		this.buckets.applyTerms(snapshot, nowNs);
		return snapshot;
	}

	/** No worker uses this snapshot any more. */
	release(snapshot: number): void {
		this.registry.releaseSnapshot(snapshot);
		this.gone(snapshot);
	}

	/** How many of a place's connections are this worker's. */
	activeOf(worker: number, slot: SlotRef): number {
		return this.scoreboard.activeOf(worker, slot);
	}

	/** Gives back what a worker held whose thread has ended; its number is free when this resolves. */
	async restore(worker: number): Promise<void> {
		while (!this.repairs.repair(worker)) await new Promise((resolve) => setTimeout(resolve, REPAIR_AGAIN_MS));
		this.stats.forget(worker);
		this.queues.tick(this.clock.nowNs());
		this.queues.wakeAll();
	}

	stop(): void {
		for (const timer of this.timers) clearInterval(timer);
	}

	private made(make: MakeSnapshot, claims: Claims): Snapshot {
		try {
			return make(this.lastId, claims);
		} catch (error) {
			this.gone(this.lastId);
			throw error;
		}
	}
}
