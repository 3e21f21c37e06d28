import { Worker } from 'node:worker_threads';
import { QueueKeeper } from '../../src/control/queue-keeper.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { at } from '../../src/policy/world.ts';
import { seededRng } from '../../src/rng.ts';
import { ACTIVE, SHARES, slotBase } from '../../src/shared/layout.ts';
import { entryAt, LOCK, USED } from '../../src/shared/queue-layout.ts';
import { type SlotKind, SlotRegistry } from '../../src/shared/registry.ts';
import { Repair } from '../../src/shared/repair.ts';
import {
	BLOCK_WORDS,
	DEAD,
	GO,
	HELD,
	IDLE,
	KEEPER,
	KILLED,
	STATE,
	STEPPING,
	VICTIM,
	WAITING,
	WORKERS,
} from './baton-protocol.ts';
import {
	QUEUE_CONTROL_WORDS,
	QUEUE_ORDERS,
	QUEUE_VARIANTS,
	type QueueBatonStart,
	type QueueVariant,
} from './queue-baton-protocol.ts';
import { snapshotOf } from './snapshots.ts';

const CAP = 1;
/** A run that takes more steps than this has come to a standstill. */
const MAX_STEPS = 30_000;

export interface QueueRun {
	readonly variant: QueueVariant;
	readonly seed: number;
	/** The step of worker 0 at which it dies instead. */
	readonly killAt: number;
}

export interface QueueRunResult {
	readonly faults: readonly string[];
	/** False when worker 0 came to its end before `killAt`. */
	readonly killed: boolean;
	readonly steps: number;
}

/**
 * Three workers with sessions that want the one place of a backend, and a keeper for after a death, in real threads
 * of which one at a time takes one atomic step, as a seed says. What must always hold is looked at after each.
 */
export class QueueBaton {
	readonly #registry = new SlotRegistry({ workers: WORKERS, seed: 1 });
	readonly #snapshot: Snapshot;
	readonly #repair: Repair;
	readonly #control = new Int32Array(new SharedArrayBuffer(QUEUE_CONTROL_WORDS * 4));
	readonly #queueWords: Int32Array;
	#threads: Worker[] = [];
	#errors: string[] = [];

	constructor() {
		const queue = { number: this.#registry.queue('p'), size: 99, timeoutMs: 1, first: false };
		const claim = (kind: string, name: string) => this.#registry.claim(kind as SlotKind, name, '');
		this.#snapshot = snapshotOf({ pools: [{ name: 'p', queue, backends: [{ maxConnections: CAP }] }] }, claim);
		this.#repair = new Repair(this.#registry.scoreboard);
		this.#queueWords = new Int32Array(at(this.#registry.memory.queues, 0));
		new QueueKeeper(this.#registry.scoreboard, () => {}).apply(this.#snapshot);
		this.#spawn();
	}

	async close(): Promise<void> {
		await Promise.all(this.#threads.map((thread) => thread.terminate()));
	}

	run({ variant, seed, killAt }: QueueRun): QueueRunResult {
		this.#reset(variant);
		const faults = new Set<string>();
		const random = seededRng(seed);
		let steps = 0;
		let victimSteps = 0;
		for (let thread = 0; thread < WORKERS; thread++) this.#start(thread);
		for (let ready = this.#waiting(); ready.length > 0; ready = this.#waiting()) {
			const thread = at(ready, Math.floor(random() * ready.length));
			if (++steps > MAX_STEPS) return this.#standstill(faults, steps);
			if (thread === VICTIM && victimSteps++ === killAt) {
				this.#hand(thread, KILLED);
				this.#start(KEEPER);
			} else this.#hand(thread, STEPPING);
			this.#lookAtAll(faults);
		}
		this.#lookAtTheEnd(faults);
		return { faults: [...faults], killed: this.#stateOf(VICTIM) === DEAD, steps };
	}

	/** Threads that would wait forever are ended as if killed, so that the next run finds them idle. */
	#standstill(faults: Set<string>, steps: number): QueueRunResult {
		faults.add('somebody waits forever');
		for (let ready = this.#waiting(); ready.length > 0; ready = this.#waiting()) this.#hand(at(ready, 0), KILLED);
		return { faults: [...faults], killed: true, steps };
	}

	#spawn(): void {
		this.#threads = Array.from({ length: WORKERS + 1 }, (_, thread) => {
			const { memory } = this.#registry;
			const start: QueueBatonStart = { thread, control: this.#control, memory, snapshot: this.#snapshot };
			const url = new URL('./queue-baton-thread.ts', import.meta.url);
			const worker = new Worker(url, { workerData: start, execArgv: [] });
			worker.on('error', (error) => this.#errors.push(String(error)));
			return worker;
		});
	}

	get #backendAt(): number {
		return slotBase(at(at(this.#snapshot.pools, 0).backends, 0).slot.index);
	}

	get #slotWords(): Int32Array {
		return at(this.#registry.scoreboard.pages, 0).words;
	}

	#reset(variant: QueueVariant): void {
		const base = this.#backendAt;
		this.#slotWords[base + ACTIVE] = 0;
		this.#slotWords.fill(0, base + SHARES, base + SHARES + WORKERS + 1);
		this.#queueWords.fill(0, 0, entryAt((this.#queueWords[USED] ?? 0) + 1));
		for (let thread = 0; thread <= WORKERS; thread++) {
			this.#control[thread * BLOCK_WORDS + STATE] = IDLE;
			this.#control[thread * BLOCK_WORDS + HELD] = 0;
		}
		this.#control[QUEUE_ORDERS] = QUEUE_VARIANTS.indexOf(variant);
	}

	#start(thread: number): void {
		const block = thread * BLOCK_WORDS;
		Atomics.store(this.#control, block + STATE, STEPPING);
		Atomics.add(this.#control, block + GO, 1);
		Atomics.notify(this.#control, block + GO);
		this.#awaitStep(thread);
	}

	#hand(thread: number, state: number): void {
		Atomics.store(this.#control, thread * BLOCK_WORDS + STATE, state);
		Atomics.notify(this.#control, thread * BLOCK_WORDS + STATE);
		this.#awaitStep(thread);
	}

	#awaitStep(thread: number): void {
		for (;;) {
			const state = this.#stateOf(thread);
			if (state !== STEPPING && state !== KILLED) return;
			const outcome = Atomics.wait(this.#control, thread * BLOCK_WORDS + STATE, state, 10_000);
			if (outcome === 'timed-out') throw new Error(`thread ${thread} does not answer: ${this.#errors.join('; ')}`);
		}
	}

	#stateOf(thread: number): number {
		return Atomics.load(this.#control, thread * BLOCK_WORDS + STATE);
	}

	#waiting(): number[] {
		return [0, 1, 2, KEEPER].filter((thread) => this.#stateOf(thread) === WAITING);
	}

	/** Holds between any two steps. */
	#lookAtAll(faults: Set<string>): void {
		const active = this.#slotWords[this.#backendAt + ACTIVE] ?? 0;
		let held = 0;
		for (let thread = 0; thread < WORKERS; thread++) {
			if (this.#stateOf(thread) !== DEAD) held += this.#control[thread * BLOCK_WORDS + HELD] ?? 0;
		}
		if (active > CAP) faults.add('the count exceeds the cap');
		if (held > CAP) faults.add('more are held than the cap');
		if (held > active) faults.add('more are held than counted');
	}

	/** All that lived has given back; what died has been repaired. */
	#lookAtTheEnd(faults: Set<string>): void {
		for (const fault of this.#repair.audit()) faults.add(fault);
		if (!this.#repair.isZero()) faults.add('something is still held, or somebody still waits');
		if (this.#queueWords[LOCK] !== 0) faults.add('the lock is still held');
	}
}
