import { workerData } from 'node:worker_threads';
import { TAKEN } from '../../src/core/desk.ts';
import { ATOMICS, type AtomicOps } from '../../src/shared/atomics.ts';
import { HEAD_ACTIVE } from '../../src/shared/client-layout.ts';
import { ACTIVE, SHARES, slotBase } from '../../src/shared/layout.ts';
import { repairPlace } from '../../src/shared/ledger.ts';
import { Scoreboard } from '../../src/shared/scoreboard.ts';
import { WorkerBoard } from '../../src/shared/worker-board.ts';
import {
	type BatonStart,
	BLOCK_WORDS,
	DEAD,
	DONE,
	GO,
	HELD,
	KEEPER,
	KILLED,
	ORDERS,
	PROGRAM,
	PROGRAMS,
	ROUNDS,
	STATE,
	STEPPING,
	VARIANT,
	VARIANTS,
	type Variant,
	VICTIM,
	WAITING,
	WORKERS,
} from './baton-protocol.ts';
import { v4 } from './scoreboards.ts';

/** A thread that takes an atomic step only when the controller says so, and dies where it is told to. */
const { thread, control, memory, place, limits } = workerData as BatonStart;
const block = thread * BLOCK_WORDS;

class Killed extends Error {}

function report(state: number): void {
	Atomics.store(control, block + STATE, state);
	Atomics.notify(control, block + STATE);
}

function awaitBaton(): void {
	report(WAITING);
	while (Atomics.load(control, block + STATE) === WAITING) Atomics.wait(control, block + STATE, WAITING);
	if (Atomics.load(control, block + STATE) === KILLED) throw new Killed();
}

const stepped: AtomicOps = {
	load: (words, index) => {
		awaitBaton();
		return ATOMICS.load(words, index);
	},
	store: (words, index, value) => {
		awaitBaton();
		ATOMICS.store(words, index, value);
	},
	add: (words, index, value) => {
		awaitBaton();
		return ATOMICS.add(words, index, value);
	},
	sub: (words, index, value) => {
		awaitBaton();
		return ATOMICS.sub(words, index, value);
	},
	compareExchange: (words, index, expected, next) => {
		awaitBaton();
		if (ignoresLocks && isLock(words, index)) return 0;
		return ATOMICS.compareExchange(words, index, expected, next);
	},
	compareExchangeWide: (wide, index, expected, next) => {
		awaitBaton();
		return ATOMICS.compareExchangeWide(wide, index, expected, next);
	},
	pause: awaitBaton,
};

const scoreboard = new Scoreboard(memory, stepped);
const [page] = scoreboard.pages;
const [table] = scoreboard.clientTables;
if (page === undefined || table === undefined) throw new Error('no slot page or no client table');
const board = thread === KEEPER ? null : new WorkerBoard(memory, thread, stepped);
const { words } = page;
const base = slotBase(place.slot.index);
const activeAt = base + ACTIVE;
const shareAt = base + SHARES + thread;
const cap = place.maxConnections ?? 0;

let ignoresLocks = false;
const lockWords = table.cells.words;
const { locksAt, sets } = table.layout;
const isLock = (of: Int32Array, index: number): boolean =>
	of === lockWords && index >= locksAt && index < locksAt + sets;

/** The real thing, or a faulty twin of it. */
function take(variant: Variant): boolean {
	if (variant === 'count before share') {
		if (!addUnder(cap)) return false;
		stepped.add(words, shareAt, 1);
		return true;
	}
	if (variant === 'no mark in flight') {
		stepped.add(words, shareAt, 1);
		if (addUnder(cap)) return true;
		stepped.sub(words, shareAt, 1);
		return false;
	}
	const limit = variant === 'cap off by one' ? { ...place, maxConnections: cap + 1 } : place;
	return board?.take(limit, 0, -1) === TAKEN;
}

function addUnder(limit: number): boolean {
	for (;;) {
		const seen = stepped.load(words, activeAt);
		if (seen >= limit) return false;
		if (stepped.compareExchange(words, activeAt, seen, seen + 1) === seen) return true;
	}
}

function giveBack(variant: Variant): void {
	if (variant === 'correct' || variant === 'cap off by one') {
		board?.giveBack(place.slot);
		return;
	}
	stepped.sub(words, activeAt, 1);
	if (variant !== 'share forgotten') stepped.sub(words, shareAt, 1);
}

function runSlots(variant: Variant): void {
	for (let round = 0; round < ROUNDS; round++) {
		if (!take(variant)) continue;
		Atomics.add(control, block + HELD, 1);
		// The controller may let others go first between these two.
		stepped.load(words, activeAt);
		Atomics.sub(control, block + HELD, 1);
		giveBack(variant);
	}
}

/** Three clients for two entries, so that workers meet at one client and want each other's entries. */
function runClients(): void {
	for (let round = 0; round < ROUNDS; round++) {
		const result = table?.take(thread, limits, v4(100 + ((thread + 2 * round) % 3)), 1e9 * round);
		if (result === TAKEN && table !== undefined) table.release(thread, table.takenEntry, table.takenGeneration);
	}
}

/** What `Repair` does, for the places of this test alone. */
function runKeeper(): void {
	if (table === undefined) return;
	const dead = new Set([VICTIM]);
	table.repair(VICTIM);
	while (repairPlace(stepped, words, activeAt, base + SHARES, WORKERS, dead) === null);
	for (let entry = 0; entry <= table.layout.capacity; entry++) {
		const sharesAt = table.sharesAt(entry);
		if (sharesAt === null) continue;
		const entryActiveAt = table.headAt(entry) + HEAD_ACTIVE;
		while (repairPlace(stepped, table.cells.words, entryActiveAt, sharesAt, WORKERS, dead) === null);
	}
}

function runOnce(): number {
	const variant = VARIANTS[Atomics.load(control, ORDERS + VARIANT)] ?? 'correct';
	ignoresLocks = variant === 'lock ignored';
	try {
		if (thread === KEEPER) runKeeper();
		else if (PROGRAMS[Atomics.load(control, ORDERS + PROGRAM)] === 'clients') runClients();
		else runSlots(variant);
		return DONE;
	} catch (error) {
		if (error instanceof Killed) return DEAD;
		throw error;
	}
}

for (let runs = 0; ; runs++) {
	while (Atomics.load(control, block + GO) === runs) Atomics.wait(control, block + GO, runs);
	if (Atomics.load(control, block + STATE) !== STEPPING) throw new Error('started in the wrong state');
	report(runOnce());
}
