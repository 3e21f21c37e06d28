import { workerData } from 'node:worker_threads';
import { TAKEN } from '../../src/core/desk.ts';
import type { ScoreboardMemory } from '../../src/core/messages.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { WorkerQueues } from '../../src/policy/worker-queues.ts';
import { at } from '../../src/policy/world.ts';
import { Holdings } from '../../src/shared/holdings.ts';
import { wakeAt, wakeWorker } from '../../src/shared/wake.ts';
import { WorkerBoard } from '../../src/shared/worker-board.ts';

export interface QueueFreeStart {
	readonly worker: number;
	readonly memory: ScoreboardMemory;
	/** One pool of one backend, with a queue. */
	readonly snapshot: Snapshot;
	readonly sessions: number;
	/** How many of them want a place at the same time. */
	readonly atOnce: number;
	/** Word 0: sessions inside now, of all workers; 1: most ever; 2: served, after waiting; 3 on: progress by worker. */
	readonly seen: Int32Array;
}

/** A worker whose sessions want one backend as fast as they can, and wait for their turn without a clock. */
const { worker, memory, snapshot, sessions, atOnce, seen } = workerData as QueueFreeStart;
const pool = at(snapshot.pools, 0);
const backend = at(pool.backends, 0);
const board = new WorkerBoard(memory, worker);
const wakes = new Int32Array(memory.wakes);
const queues = new WorkerQueues(board, (other) => wakeWorker(wakes, other));
queues.apply(snapshot);

const inside: Holdings[] = [];
const waiting = new Set<Holdings>();

function enter(session: Holdings): void {
	waiting.delete(session);
	inside.push(session);
	const now = Atomics.add(seen, 0, 1) + 1;
	for (let most = Atomics.load(seen, 1); now > most; most = Atomics.load(seen, 1)) {
		Atomics.compareExchange(seen, 1, most, now);
	}
}

function leave(): void {
	const session = inside.shift();
	if (session === undefined) return;
	Atomics.sub(seen, 0, 1);
	session.releaseAll(0);
	Atomics.add(seen, 3 + worker, 1);
}

function arrive(): void {
	const session = new Holdings(board, queues);
	if (board.scoreboard.waiting(0) === 0 && session.take('backend', backend, 0, -1) === TAKEN) return enter(session);
	if (session.enqueue(pool, session, 0)) waiting.add(session);
}

function lookAfter(): boolean {
	return queues.lookAfter((told) => {
		const session = told as Holdings;
		if (session.claim(0) === null) return;
		Atomics.add(seen, 2, 1);
		enter(session);
	}, 0);
}

let arrived = 0;
while (arrived < sessions || inside.length + waiting.size > 0) {
	const wake = Atomics.load(wakes, wakeAt(worker));
	const stuck = lookAfter();
	while (arrived < sessions && inside.length + waiting.size < atOnce) {
		arrived += 1;
		arrive();
		// Some change their mind, granted or not.
		const [first] = waiting;
		if (arrived % 7 !== 0 || first === undefined) continue;
		waiting.delete(first);
		first.releaseAll(0);
	}
	if (inside.length > 0) leave();
	// Nothing to do but to be woken: a wake-up that is lost is a standstill here.
	else if (waiting.size > 0 && !stuck) Atomics.wait(wakes, wakeAt(worker), wake);
}
