import type { ScoreboardMemory } from '../core/messages.ts';
import { MAX_RATES, type SlotRef } from '../core/snapshot.ts';
import type { AtomicOps } from './atomics.ts';
import { createClientTable, mix } from './client-layout.ts';
import { ACTIVE, GENERATION, MAX_WORKERS, PAGE_BYTES, pageOf, SLOT_WORDS, slotBase } from './layout.ts';
import { createQueue } from './queue-layout.ts';
import { createRing, DEFAULT_RING_BYTES } from './ring-layout.ts';
import { Scoreboard } from './scoreboard.ts';
import { createStats } from './stats.ts';
import { createWakes } from './wake.ts';

export type SlotKind = 'process' | 'listener' | 'region' | 'pool' | 'backend';

export interface RegistryOptions {
	/** 1 to `MAX_WORKERS`, for the life of the process. */
	readonly workers: number;
	/** Keys the client tables' hash. */
	readonly seed: number;
	/** Of each worker's record ring; a power of two. */
	readonly ringBytes?: number;
	readonly ops?: AtomicOps;
}

/** A slot, client table or queue, and who needs it. */
interface Owned {
	key: string;
	readonly number: number;
	/** Snapshots that name it. */
	readonly snapshots: Set<number>;
	/** Claimed since the last `retain`: a snapshot that names it is being built. */
	fresh: boolean;
}

interface OwnedTable extends Owned {
	readonly shape: string;
}

/**
 * The main thread's side of the scoreboard: allocates it, and says which slot is whose. The same key gets the
 * same slot, so counters and health of what stays are kept over a reload; a slot is given to another key
 * only when nothing is held there and no live snapshot names it.
 */
export class SlotRegistry {
	readonly scoreboard: Scoreboard;
	readonly #seed: number;
	readonly #workers: number;
	readonly #pages: SharedArrayBuffer[] = [];
	readonly #tableBuffers: SharedArrayBuffer[] = [];
	readonly #rings: SharedArrayBuffer[];
	readonly #stats: SharedArrayBuffer[];
	readonly #wakes: SharedArrayBuffer;
	readonly #queueBuffers: SharedArrayBuffer[] = [];
	readonly #slots: Owned[] = [];
	readonly #slotOf = new Map<string, Owned>();
	readonly #tables: OwnedTable[] = [];
	readonly #queues: Owned[] = [];

	constructor(options: RegistryOptions) {
		const { workers } = options;
		if (!Number.isInteger(workers) || workers < 1 || workers > MAX_WORKERS) {
			throw new RangeError(`workers: ${workers} is not a whole number from 1 to ${MAX_WORKERS}`);
		}
		this.#workers = workers;
		this.#seed = options.seed | 0;
		this.#rings = Array.from({ length: workers }, () => createRing(options.ringBytes ?? DEFAULT_RING_BYTES));
		this.#stats = Array.from({ length: workers }, createStats);
		this.#wakes = createWakes(workers);
		this.#pages.push(new SharedArrayBuffer(PAGE_BYTES));
		this.scoreboard = new Scoreboard(this.memory, options.ops);
	}

	/** All there is now, to be posted to workers. */
	get memory(): ScoreboardMemory {
		return {
			pages: [...this.#pages],
			clientTables: [...this.#tableBuffers],
			queues: [...this.#queueBuffers],
			wakes: this.#wakes,
			rings: this.#rings,
			stats: this.#stats,
		};
	}

	/** The slot of this key; a new one when it has none. Safe from reuse until the next `retain` and while retained. */
	claim(kind: SlotKind, name: string, address: string): SlotRef {
		const key = JSON.stringify([kind, name, address]);
		const slot = this.#slotOf.get(key) ?? this.#reuseSlot(key) ?? this.#newSlot(key);
		slot.fresh = true;
		return { index: slot.number, generation: this.#wordOf(slot, GENERATION) };
	}

	/**
	 * The number of this listener's client table: kept while the key and the shape stay. Safe from reuse as a
	 * slot is. `ratesCount` at most `MAX_RATES`.
	 */
	clientTable(listenerKey: string, tableSize: number, ratesCount: number): number {
		const capacity = Math.max(1, Math.floor(tableSize));
		const rates = Math.min(ratesCount, MAX_RATES);
		const shape = `${capacity} ${rates}`;
		const same = this.#tables.find((table) => table.key === listenerKey && table.shape === shape);
		const table = same ?? this.#reuseTable(listenerKey, shape) ?? this.#newTable(listenerKey, shape, capacity, rates);
		table.fresh = true;
		return table.number;
	}

	/** The number of this pool's queue, whatever its size: kept while anyone waits there. Safe from reuse as a slot is. */
	queue(poolKey: string): number {
		const same = this.#queues.find((queue) => queue.key === poolKey);
		const queue = same ?? this.#reuseQueue(poolKey) ?? this.#newQueue(poolKey);
		queue.fresh = true;
		return queue.number;
	}

	/** A snapshot is about to go to the workers that names these slots, client tables and queues. */
	retain(
		snapshotId: number,
		slots: readonly SlotRef[],
		tables: readonly number[] = [],
		queues: readonly number[] = [],
	): void {
		for (const { index } of slots) this.#slots[index]?.snapshots.add(snapshotId);
		for (const number of tables) this.#tables[number]?.snapshots.add(snapshotId);
		for (const number of queues) this.#queues[number]?.snapshots.add(snapshotId);
		for (const owned of this.#all()) owned.fresh = false;
	}

	/** No worker uses this snapshot any more. */
	releaseSnapshot(snapshotId: number): void {
		for (const owned of this.#all()) owned.snapshots.delete(snapshotId);
	}

	*#all(): Generator<Owned> {
		yield* this.#slots;
		yield* this.#tables;
		yield* this.#queues;
	}

	#newSlot(key: string): Owned {
		const number = this.#slots.length;
		if (pageOf(number) === this.#pages.length) {
			this.#pages.push(new SharedArrayBuffer(PAGE_BYTES));
			this.scoreboard.attach(this.memory);
		}
		const slot: Owned = { key, number, snapshots: new Set(), fresh: true };
		this.#slots.push(slot);
		return this.#open(slot);
	}

	#reuseSlot(key: string): Owned | null {
		const slot = this.#slots.find((owned) => isFree(owned) && this.#wordOf(owned, ACTIVE) === 0);
		if (slot === undefined) return null;
		this.#slotOf.delete(slot.key);
		slot.key = key;
		return this.#open(slot);
	}

	/** Everything in the slot starts from nothing, under a generation of its own. */
	#open(slot: Owned): Owned {
		this.#slotOf.set(slot.key, slot);
		const page = this.scoreboard.pages[pageOf(slot.number)];
		if (page === undefined) throw new RangeError(`slot ${slot.number} has no page`);
		const base = slotBase(slot.number);
		const generation = this.#wordOf(slot, GENERATION) + 1;
		page.words.fill(0, base, base + SLOT_WORDS);
		this.scoreboard.ops.store(page.words, base + GENERATION, generation);
		this.scoreboard.clearTotals(slot.number);
		return slot;
	}

	#reuseTable(key: string, shape: string): OwnedTable | null {
		const table = this.#tables.find((owned) => isFree(owned) && owned.shape === shape && this.#isIdle(owned.number));
		if (table === undefined) return null;
		this.scoreboard.clientTables[table.number]?.clear();
		table.key = key;
		return table;
	}

	#newTable(key: string, shape: string, capacity: number, rates: number): OwnedTable {
		const number = this.#tables.length;
		const seed = mix(this.#seed + number);
		this.#tableBuffers.push(createClientTable(capacity, rates, this.#workers, seed));
		this.scoreboard.attach(this.memory);
		const table: OwnedTable = { key, number, shape, snapshots: new Set(), fresh: true };
		this.#tables.push(table);
		return table;
	}

	#reuseQueue(key: string): Owned | null {
		const queue = this.#queues.find((owned) => isFree(owned) && this.scoreboard.queues[owned.number]?.isIdle());
		if (queue === undefined) return null;
		queue.key = key;
		return queue;
	}

	#newQueue(key: string): Owned {
		const queue: Owned = { key, number: this.#queues.length, snapshots: new Set(), fresh: true };
		this.#queueBuffers.push(createQueue());
		this.scoreboard.attach(this.memory);
		this.#queues.push(queue);
		return queue;
	}

	#isIdle(table: number): boolean {
		return this.scoreboard.clientTables[table]?.isIdle() ?? false;
	}

	#wordOf(slot: Owned, offset: number): number {
		const page = this.scoreboard.pages[pageOf(slot.number)];
		return page === undefined ? 0 : this.scoreboard.ops.load(page.words, slotBase(slot.number) + offset);
	}
}

const isFree = (owned: Owned): boolean => !owned.fresh && owned.snapshots.size === 0;
