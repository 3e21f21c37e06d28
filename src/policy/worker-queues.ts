import type { Granted } from '../core/desk.ts';
import type { BackendSnapshot, PoolSnapshot, SlotRef, Snapshot } from '../core/snapshot.ts';
import type { Queues, Ticket } from '../shared/holdings.ts';
import { BUSY, type PoolQueue } from '../shared/pool-queue.ts';
import type { WorkerBoard } from '../shared/worker-board.ts';
import { type Granter, grantFreePlaces } from './grants.ts';
import { isUsable } from './usable.ts';

/** One queued session. */
interface Waiter extends Ticket {
	readonly queue: PoolQueue;
	/** As the session knows it. */
	readonly pool: PoolSnapshot;
	readonly number: number;
	ticket: number;
}

/** A queue's pool in the newest snapshot. */
interface Served {
	readonly pool: PoolSnapshot;
	/** By slot index. */
	readonly backends: ReadonlyMap<number, BackendSnapshot>;
}

/**
 * One worker's part in the queues: its own queued sessions, oldest first, and what becomes of the places its
 * sessions give back. Grants are told by `lookAfter` alone, never from inside another call.
 */
export class WorkerQueues implements Queues {
	private readonly board: WorkerBoard;
	private readonly granter: Granter;
	private served: ReadonlyMap<number, Served> = new Map();
	/** By queue, then by ticket, in the order of joining. */
	private readonly waiters = new Map<number, Map<number, Waiter>>();
	/** Could not leave because the queue was stuck. */
	private leavers: Waiter[] = [];
	/** Lost their turn to a backend that nobody here knows, and found the queue full or stuck since. */
	private homeless: Waiter[] = [];

	/** `wake` has a worker, maybe this one, call `lookAfter` soon. */
	constructor(board: WorkerBoard, wake: (worker: number) => void) {
		this.board = board;
		this.granter = { owner: board.worker, live: board.scoreboard, wake };
	}

	/** From now on places are granted by this snapshot. */
	apply(snapshot: Snapshot): void {
		const served = new Map<number, Served>();
		for (const pool of snapshot.pools) {
			if (pool.queue === null) continue;
			served.set(pool.queue.number, { pool, backends: new Map(pool.backends.map((b) => [b.slot.index, b])) });
		}
		this.served = served;
	}

	join(pool: PoolSnapshot, session: object, nowNs: number): Waiter | null {
		const queue = pool.queue === null ? undefined : this.board.scoreboard.queues[pool.queue.number];
		if (pool.queue === null || queue === undefined) return null;
		const ticket = queue.enqueue(this.board.worker, pool.queue.size);
		if (ticket === null) return null;
		const waiter: Waiter = { session, queue, pool, number: pool.queue.number, ticket };
		this.add(waiter);
		// A place may have become free after this session looked and before it stood in the queue.
		this.grantFree(waiter, nowNs);
		return waiter;
	}

	claim(ticket: Ticket, nowNs: number): Granted | null {
		const waiter = ticket as Waiter;
		const slot = waiter.queue.claim(this.board.worker, waiter.ticket);
		if (slot === null) return null;
		this.remove(waiter);
		const granted = find(waiter.pool, slot) ?? find(this.served.get(waiter.number)?.pool, slot);
		if (granted !== null) return granted;
		// No snapshot of this worker names that backend yet, or any more.
		this.giveBack(slot, nowNs);
		if (!this.joinAgain(waiter, nowNs)) this.homeless.push(waiter);
		return null;
	}

	leave(ticket: Ticket, nowNs: number): void {
		const waiter = ticket as Waiter;
		this.remove(waiter);
		this.homeless = this.homeless.filter((other) => other !== waiter);
		if (!this.tryLeave(waiter, nowNs)) this.leavers.push(waiter);
	}

	giveBack(slot: SlotRef, nowNs: number): void {
		const number = this.board.scoreboard.queueOf(slot);
		const queue = this.board.scoreboard.queues[number];
		const served = this.served.get(number);
		if (queue !== undefined && served !== undefined && this.handOver(queue, served, slot, nowNs)) return;
		this.board.giveBack(slot);
		// Somebody may have joined the queue meanwhile, who had still seen this place taken.
		if (queue !== undefined && served !== undefined) grantFreePlaces(served.pool, queue, this.granter, nowNs);
	}

	/** Tells every session whose turn it is. True: call again in a few milliseconds, a queue was stuck or had no room. */
	lookAfter(tell: (session: object) => void, nowNs: number): boolean {
		this.leavers = this.leavers.filter((waiter) => !this.tryLeave(waiter, nowNs));
		this.homeless = this.homeless.filter((waiter) => !this.joinAgain(waiter, nowNs));
		for (const waiter of this.granted()) tell(waiter.session);
		return this.leavers.length > 0 || this.homeless.length > 0 || this.granted().length > 0;
	}

	private handOver(queue: PoolQueue, { pool, backends }: Served, slot: SlotRef, nowNs: number): boolean {
		const backend = backends.get(slot.index);
		if (queue.waiting === 0 || backend === undefined || !isUsable(pool, backend, this.board.scoreboard)) return false;
		const worker = queue.handOver(this.board.worker, backend, nowNs);
		if (worker < 0) return false;
		this.granter.wake(worker);
		return true;
	}

	/** A queue grants to its oldest, so this worker's granted sessions come before all that still wait. */
	private granted(): Waiter[] {
		const granted: Waiter[] = [];
		for (const waiters of this.waiters.values()) {
			for (const waiter of waiters.values()) {
				if (!waiter.queue.isGranted(waiter.ticket)) break;
				granted.push(waiter);
			}
		}
		return granted;
	}

	private tryLeave(waiter: Waiter, nowNs: number): boolean {
		const woken = waiter.queue.leave(this.board.worker, waiter.ticket);
		if (woken === BUSY) return false;
		if (woken >= 0) this.granter.wake(woken);
		else this.grantFree(waiter, nowNs);
		return true;
	}

	private joinAgain(waiter: Waiter, nowNs: number): boolean {
		const size = waiter.pool.queue?.size ?? 0;
		const ticket = waiter.queue.enqueue(this.board.worker, size);
		if (ticket === null) return false;
		waiter.ticket = ticket;
		this.add(waiter);
		this.grantFree(waiter, nowNs);
		return true;
	}

	private grantFree({ queue, number, pool }: Waiter, nowNs: number): void {
		grantFreePlaces(this.served.get(number)?.pool ?? pool, queue, this.granter, nowNs);
	}

	private add(waiter: Waiter): void {
		const waiters = this.waiters.get(waiter.number) ?? new Map<number, Waiter>();
		this.waiters.set(waiter.number, waiters.set(waiter.ticket, waiter));
	}

	private remove({ number, ticket }: Waiter): void {
		const waiters = this.waiters.get(number);
		waiters?.delete(ticket);
		if (waiters?.size === 0) this.waiters.delete(number);
	}
}

function find(pool: PoolSnapshot | undefined, slot: SlotRef): Granted | null {
	const backend = pool?.backends.find(
		(candidate) => candidate.slot.index === slot.index && candidate.slot.generation === slot.generation,
	);
	return pool === undefined || backend === undefined ? null : { pool, backend };
}
