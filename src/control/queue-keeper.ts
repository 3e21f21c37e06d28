import type { PoolSnapshot, Snapshot } from '../core/snapshot.ts';
import { type Granter, grantFreePlaces } from '../policy/grants.ts';
import { NO_CAP } from '../shared/ledger.ts';
import { MAIN_THREAD } from '../shared/pool-queue.ts';
import type { Scoreboard } from '../shared/scoreboard.ts';

/** How often free places are looked for that no session gave back. */
export const KEEP_MS = 50;

/**
 * The main thread's part in the queues: tells the scoreboard which queue and which cap each backend has, and
 * grants what becomes free without a session's doing: a backend that is new, or up again, a cap that was
 * raised, a rate's window that moved on, a place given back while a queue was stuck.
 */
export class QueueKeeper {
	private readonly board: Scoreboard;
	private readonly granter: Granter;
	/** The newest form of each queue's pool; a queue that is no longer configured stays while somebody waits. */
	private readonly pools = new Map<number, PoolSnapshot>();
	private snapshot: Snapshot | null = null;
	private assigned = true;

	constructor(board: Scoreboard, wake: (worker: number) => void) {
		this.board = board;
		this.granter = { owner: MAIN_THREAD, live: board, wake };
	}

	/** This snapshot is about to go to the workers: from now on its caps hold for what is granted. */
	apply(snapshot: Snapshot): void {
		const before = this.snapshot;
		this.snapshot = snapshot;
		const staying = new Set(snapshot.pools.flatMap((pool) => pool.backends.map(({ slot }) => slot.index)));
		for (const { backends } of before?.pools ?? []) {
			for (const { slot } of backends) if (!staying.has(slot.index)) this.board.setCap(slot, 0);
		}
		for (const { slot, weight, maxConnections } of snapshot.pools.flatMap((pool) => pool.backends)) {
			this.board.setCap(slot, weight === 0 ? 0 : (maxConnections ?? NO_CAP));
		}
		this.assign(snapshot);
		this.follow(snapshot);
	}

	/** To be called every `KEEP_MS`, and after a repair. */
	tick(nowNs: number): void {
		if (!this.assigned && this.snapshot !== null) this.assign(this.snapshot);
		for (const [number, pool] of this.pools) {
			const queue = this.board.queues[number];
			if (queue !== undefined && queue.waiting > 0) grantFreePlaces(pool, queue, this.granter, nowNs);
		}
	}

	/** After a worker died: whoever has a grant by now hears of it. */
	wakeAll(): void {
		for (let worker = 0; worker < this.board.workers; worker++) this.granter.wake(worker);
	}

	private assign(snapshot: Snapshot): void {
		this.assigned = true;
		for (const { queue, backends } of snapshot.pools) {
			if (queue === null) continue;
			for (const { slot } of backends) this.assigned = this.board.setQueue(slot, queue.number) && this.assigned;
		}
	}

	private follow(snapshot: Snapshot): void {
		for (const [number, old] of this.pools) {
			const { index, generation } = old.slot;
			const newer = snapshot.pools.find(({ slot }) => slot.index === index && slot.generation === generation);
			if (newer !== undefined) this.pools.set(number, newer);
			else if (this.board.queues[number]?.isIdle()) this.pools.delete(number);
		}
		for (const pool of snapshot.pools) if (pool.queue !== null) this.pools.set(pool.queue.number, pool);
	}
}
