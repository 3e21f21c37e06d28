import { workerData } from 'node:worker_threads';
import type { ScoreboardMemory } from '../../src/core/messages.ts';
import type { Limited, PerClientLimits } from '../../src/core/snapshot.ts';
import { Holdings } from '../../src/shared/holdings.ts';
import { WorkerBoard } from '../../src/shared/worker-board.ts';
import { v4 } from './scoreboards.ts';

export interface FreeStart {
	readonly worker: number;
	readonly memory: ScoreboardMemory;
	readonly place: Limited;
	readonly limits: PerClientLimits;
	/** Sessions to run; each takes a place and a client, and gives both back. */
	readonly sessions: number;
	/** Word 0: sessions inside the place now, of all workers; 1: most ever; 2: sessions that got in; 3 on: progress by worker. */
	readonly seen: Int32Array;
}

/** A worker that takes and gives back as fast as it can, and notes how many were ever inside at once. */
const { worker, memory, place, limits, sessions, seen } = workerData as FreeStart;
const board = new WorkerBoard(memory, worker);
const open: Holdings[] = [];

function noteInside(): void {
	const inside = Atomics.add(seen, 0, 1) + 1;
	for (let most = Atomics.load(seen, 1); inside > most; most = Atomics.load(seen, 1)) {
		Atomics.compareExchange(seen, 1, most, inside);
	}
	Atomics.add(seen, 2, 1);
}

function leave(session: Holdings | undefined): void {
	if (session === undefined) return;
	if (session.holds('backend')) Atomics.sub(seen, 0, 1);
	session.releaseAll(0);
}

for (let i = 0; i < sessions; i++) {
	const session = new Holdings(board);
	session.takeClient(limits, v4(Math.imul(i, 7919) % 40), i * 1e6);
	session.take('backend', place, i * 1e6, -1);
	if (session.holds('backend')) noteInside();
	open.push(session);
	// Some stay a while, so that the cap is reached.
	if (open.length > 4) leave(open.shift());
	Atomics.store(seen, 3 + worker, i + 1);
}
while (open.length > 0) leave(open.pop());
