import { workerData } from 'node:worker_threads';
import { QueueKeeper } from '../../src/control/queue-keeper.ts';
import { TAKEN } from '../../src/core/desk.ts';
import { grantFreePlaces } from '../../src/policy/grants.ts';
import { WorkerQueues } from '../../src/policy/worker-queues.ts';
import { at } from '../../src/policy/world.ts';
import { ATOMICS, type AtomicOps } from '../../src/shared/atomics.ts';
import { Holdings, type Queues, type Ticket } from '../../src/shared/holdings.ts';
import { SLOT_WORDS, slotBase } from '../../src/shared/layout.ts';
import { LOCK } from '../../src/shared/queue-layout.ts';
import { Repair } from '../../src/shared/repair.ts';
import { Scoreboard } from '../../src/shared/scoreboard.ts';
import { WorkerBoard } from '../../src/shared/worker-board.ts';
import {
	BLOCK_WORDS,
	DEAD,
	DONE,
	GO,
	HELD,
	KEEPER,
	KILLED,
	STATE,
	STEPPING,
	VICTIM,
	WAITING,
	WORKERS,
} from './baton-protocol.ts';
import { QUEUE_ORDERS, QUEUE_VARIANTS, type QueueBatonStart } from './queue-baton-protocol.ts';

/**
 * A worker of the queue's interleavings: each of its sessions takes a place, or waits for one until it comes, or
 * gives up after a while; and a keeper that repairs, then looks after the queue. Every access to the queue and to
 * the backend's slot is a step that the controller allows.
 */
const { thread, control, memory, snapshot } = workerData as QueueBatonStart;
const block = thread * BLOCK_WORDS;
const pool = at(snapshot.pools, 0);
const backend = at(pool.backends, 0);
const queueBuffer = at(memory.queues, 0);
const ROUNDS = 2;

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

let lockIgnored = false;
const slotAt = slotBase(backend.slot.index);

/** Waits before a step that another thread could notice; what else `Repair` looks at is nobody's here. */
function step(words: Int32Array, index: number): void {
	if (words.buffer === queueBuffer || (index >= slotAt && index < slotAt + SLOT_WORDS)) awaitBaton();
}

const stepped: AtomicOps = {
	...ATOMICS,
	load: (words, index) => {
		step(words, index);
		return ATOMICS.load(words, index);
	},
	store: (words, index, value) => {
		step(words, index);
		ATOMICS.store(words, index, value);
	},
	add: (words, index, value) => {
		step(words, index);
		return ATOMICS.add(words, index, value);
	},
	sub: (words, index, value) => {
		step(words, index);
		return ATOMICS.sub(words, index, value);
	},
	compareExchange: (words, index, expected, next) => {
		step(words, index);
		if (lockIgnored && words.buffer === queueBuffer && index === LOCK) return 0;
		return ATOMICS.compareExchange(words, index, expected, next);
	},
	pause: awaitBaton,
};

const noWake = (): void => {};

/** What a worker does with its queues, with one precaution left out. */
class Careless implements Queues {
	private readonly board: WorkerBoard;
	private readonly real: WorkerQueues;
	private readonly leftOut: string;

	constructor(board: WorkerBoard, real: WorkerQueues, leftOut: string) {
		this.board = board;
		this.real = real;
		this.leftOut = leftOut;
	}

	join(...args: Parameters<Queues['join']>): Ticket | null {
		const [queue, whole] = [at(this.board.scoreboard.queues, 0), this.leftOut !== 'joiner does not look again'];
		if (whole) return this.real.join(...args);
		const number = queue.enqueue(thread, 99);
		return number === null ? null : Object.assign({ session: args[1] }, { queue, pool, number: 0, ticket: number });
	}

	claim(...args: Parameters<Queues['claim']>): ReturnType<Queues['claim']> {
		return this.real.claim(...args);
	}

	leave(...args: Parameters<Queues['leave']>): void {
		this.real.leave(...args);
	}

	giveBack(): void {
		const queue = at(this.board.scoreboard.queues, 0);
		const granted = queue.handOver(thread, backend, 0) >= 0;
		if (!granted || this.leftOut === 'handed over and given back') this.board.giveBack(backend.slot);
		if (this.leftOut === 'releaser does not look again') return;
		const granter = { owner: thread, live: this.board.scoreboard, wake: noWake };
		grantFreePlaces(pool, queue, granter, 0);
	}
}

function runWorker(variant: string): void {
	const board = new WorkerBoard(memory, thread, stepped);
	const real = new WorkerQueues(board, noWake);
	real.apply(snapshot);
	const queues = variant === 'correct' || variant === 'lock ignored' ? real : new Careless(board, real, variant);
	for (let round = 0; round < ROUNDS; round++) runSession(board, queues, (thread + round) % 3 === 0);
	// A queue that was stuck may have kept somebody from leaving.
	while (real.lookAfter(noWake, 0));
}

function runSession(board: WorkerBoard, queues: Queues, impatient: boolean): void {
	const session = new Holdings(board, queues);
	const direct = board.scoreboard.waiting(0) === 0 && session.take('backend', backend, 0, -1) === TAKEN;
	if (!direct && !waitForPlace(session, impatient)) return session.releaseAll(0);
	Atomics.add(control, block + HELD, 1);
	// The controller may let others go first between these two.
	awaitBaton();
	Atomics.sub(control, block + HELD, 1);
	session.releaseAll(0);
}

/** Unless it is impatient it waits until it has its place, be it forever. */
function waitForPlace(session: Holdings, impatient: boolean): boolean {
	if (!session.enqueue(pool, session, 0)) return false;
	for (let looks = 0; !impatient || looks < 3; looks++) if (session.claim(0) !== null) return true;
	return false;
}

function runKeeper(): void {
	const scoreboard = new Scoreboard(memory, stepped);
	const repair = new Repair(scoreboard);
	while (!repair.repair(VICTIM));
	const keeper = new QueueKeeper(scoreboard, noWake);
	keeper.apply(snapshot);
	const working = (worker: number): boolean => {
		const state = Atomics.load(control, worker * BLOCK_WORDS + STATE);
		return state !== DONE && state !== DEAD;
	};
	while (Array.from({ length: WORKERS }, (_, worker) => worker).some(working)) keeper.tick(0);
}

function runOnce(): number {
	const variant = at(QUEUE_VARIANTS, Atomics.load(control, QUEUE_ORDERS));
	lockIgnored = variant === 'lock ignored';
	try {
		if (thread === KEEPER) runKeeper();
		else runWorker(variant);
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
