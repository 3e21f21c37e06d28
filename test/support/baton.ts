import { Worker } from 'node:worker_threads';
import { BODIES, HEAD_ACTIVE, HEAD_GENERATION } from '../../src/shared/client-layout.ts';
import { ACTIVE, SHARES, slotBase } from '../../src/shared/layout.ts';
import { heldBy } from '../../src/shared/ledger.ts';
import { SlotRegistry } from '../../src/shared/registry.ts';
import { Repair } from '../../src/shared/repair.ts';
import {
	type BatonStart,
	BLOCK_WORDS,
	CONTROL_WORDS,
	DEAD,
	GO,
	HELD,
	IDLE,
	KEEPER,
	KILLED,
	ORDERS,
	PROGRAM,
	PROGRAMS,
	type Program,
	STATE,
	STEPPING,
	VARIANT,
	VARIANTS,
	type Variant,
	VICTIM,
	WAITING,
	WORKERS,
} from './baton-protocol.ts';
import { clientLimits, limited } from './scoreboards.ts';

const CAP = 2;
const TABLE_SIZE = 2;
/** A run that takes more steps than this has come to a standstill. */
const MAX_STEPS = 20_000;

export interface Run {
	readonly program: Program;
	readonly variant: Variant;
	readonly seed: number;
	/** The step of worker 0 at which it dies instead; null lets it live. */
	readonly killAt: number | null;
}

export interface RunResult {
	readonly faults: string[];
	/** False when worker 0 came to its end before `killAt`. */
	readonly killed: boolean;
	/** Which thread took each step. */
	readonly trace: string;
}

/**
 * Three workers and a keeper in real threads, of which one at a time takes one atomic step, as a seed says.
 * What must always hold is looked at after every step.
 */
export class Baton {
	readonly #registry = new SlotRegistry({ workers: WORKERS, seed: 1 });
	readonly #place = limited(this.#registry.claim('backend', 'b', ''), CAP);
	readonly #limits = clientLimits(this.#registry.clientTable('l', TABLE_SIZE, 0), { maxConnections: CAP });
	readonly #repair = new Repair(this.#registry.scoreboard);
	readonly #control = new Int32Array(new SharedArrayBuffer(CONTROL_WORDS * 4));
	readonly #threads: Worker[];
	readonly #tableAtStart: Int32Array;
	#errors: string[] = [];

	constructor() {
		this.#tableAtStart = this.#table.cells.words.slice();
		this.#threads = Array.from({ length: WORKERS + 1 }, (_, thread) => {
			const start: BatonStart = {
				thread,
				control: this.#control,
				memory: this.#registry.memory,
				place: this.#place,
				limits: this.#limits,
			};
			const worker = new Worker(new URL('./baton-thread.ts', import.meta.url), { workerData: start, execArgv: [] });
			worker.on('error', (error) => this.#errors.push(String(error)));
			return worker;
		});
	}

	async close(): Promise<void> {
		await Promise.all(this.#threads.map((thread) => thread.terminate()));
	}

	run({ program, variant, seed, killAt }: Run): RunResult {
		this.#reset(program, variant);
		const faults = new Set<string>();
		const random = mulberry(seed);
		const trace: number[] = [];
		let victimSteps = 0;
		for (let thread = 0; thread < WORKERS; thread++) this.#start(thread);
		for (;;) {
			const ready = this.#waiting();
			const thread = ready[Math.floor(random() * ready.length)];
			if (thread === undefined) break;
			if (trace.push(thread) > MAX_STEPS)
				throw new Error(`standstill: ${JSON.stringify({ program, variant, seed, killAt })}`);
			if (thread === VICTIM && victimSteps++ === killAt) {
				this.#hand(thread, KILLED);
				this.#start(KEEPER);
			} else {
				this.#hand(thread, STEPPING);
			}
			this.#lookAtAll(faults);
		}
		this.#lookAtTheEnd(faults);
		const killed = this.#stateOf(VICTIM) === DEAD;
		return { faults: [...faults], killed, trace: trace.join('') };
	}

	get #table() {
		const table = this.#registry.scoreboard.clientTables[this.#limits.table];
		if (table === undefined) throw new Error('no client table');
		return table;
	}

	get #page() {
		const [page] = this.#registry.scoreboard.pages;
		if (page === undefined) throw new Error('no slot page');
		return page;
	}

	#reset(program: Program, variant: Variant): void {
		const base = slotBase(this.#place.slot.index);
		this.#page.words[base + ACTIVE] = 0;
		this.#page.words.fill(0, base + SHARES, base + SHARES + WORKERS);
		this.#table.cells.words.set(this.#tableAtStart);
		for (let thread = 0; thread <= WORKERS; thread++) {
			this.#control[thread * BLOCK_WORDS + STATE] = IDLE;
			this.#control[thread * BLOCK_WORDS + HELD] = 0;
		}
		this.#control[ORDERS + PROGRAM] = PROGRAMS.indexOf(program);
		this.#control[ORDERS + VARIANT] = VARIANTS.indexOf(variant);
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
		const active = this.#page.words[slotBase(this.#place.slot.index) + ACTIVE] ?? 0;
		if (active > CAP) faults.add('the count exceeds the cap');
		if (active < 0) faults.add('the count is negative');
		let held = 0;
		for (let thread = 0; thread < WORKERS; thread++) {
			if (this.#stateOf(thread) !== DEAD) held += this.#control[thread * BLOCK_WORDS + HELD] ?? 0;
		}
		if (held > CAP) faults.add('more are held than the cap');
		if (held > active) faults.add('more are held than counted');
		for (let entry = 0; entry <= TABLE_SIZE; entry++) {
			const count = this.#table.cells.words[this.#table.headAt(entry) + HEAD_ACTIVE] ?? 0;
			if (count > CAP) faults.add('a client exceeds its cap');
		}
		const keys = this.#openKeys();
		if (new Set(keys).size !== keys.length) faults.add('a client stands twice');
	}

	/** Keys of entries in use and not being given to another. */
	#openKeys(): string[] {
		const { words } = this.#table.cells;
		const keys: string[] = [];
		for (let entry = 1; entry <= TABLE_SIZE; entry++) {
			const at = this.#table.headAt(entry);
			const generation = words[at + HEAD_GENERATION] ?? 0;
			const active = words[at + HEAD_ACTIVE] ?? 0;
			if (generation > 0 && generation % 2 === 0 && active >= 0) keys.push(words.slice(at, at + 4).join('.'));
		}
		return keys;
	}

	/** All that lived has given back; what died has been repaired. */
	#lookAtTheEnd(faults: Set<string>): void {
		for (const fault of this.#repair.audit()) faults.add(fault);
		if (!this.#repair.isZero()) faults.add('something is still held');
		const base = slotBase(this.#place.slot.index);
		for (let worker = 0; worker < WORKERS; worker++) {
			if (heldBy(this.#page.words[base + SHARES + worker] ?? 0) !== 0) faults.add(`worker ${worker} still has a share`);
		}
		const { cells, layout } = this.#table;
		for (let set = 0; set < layout.sets; set++) {
			if (cells.words[layout.locksAt + set] !== 0) faults.add('a lock is still held');
		}
		if ((cells.words[BODIES] ?? 0) > TABLE_SIZE + 2) faults.add('more than one body is lost');
	}
}

/** Mulberry32 (Tommy Ettinger, public domain): uniform in [0, 1). */
function mulberry(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
	};
}
