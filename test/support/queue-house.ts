import { QueueKeeper } from '../../src/control/queue-keeper.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { WorkerQueues } from '../../src/policy/worker-queues.ts';
import { at } from '../../src/policy/world.ts';
import type { PoolQueue } from '../../src/shared/pool-queue.ts';
import { type SlotKind, SlotRegistry } from '../../src/shared/registry.ts';
import { Repair } from '../../src/shared/repair.ts';
import { WorkerBoard } from '../../src/shared/worker-board.ts';
import { type PoolSpec, snapshotOf } from './snapshots.ts';

/** A real scoreboard with pools `p0`, `p1`, ... that have queues, two workers, and a keeper; wakes are noted. */
export class QueueHouse {
	readonly registry = new SlotRegistry({ workers: 2, seed: 1 });
	readonly woken: number[] = [];
	readonly keeper = new QueueKeeper(this.registry.scoreboard, (worker) => this.woken.push(worker));
	readonly repair = new Repair(this.registry.scoreboard);
	readonly boards: readonly WorkerBoard[];
	readonly workers: readonly WorkerQueues[];
	snapshot: Snapshot;

	/** A pool is given by its backends. */
	constructor(...pools: readonly NonNullable<PoolSpec['backends']>[]) {
		this.snapshot = this.build(pools);
		this.boards = [0, 1].map((worker) => new WorkerBoard(this.registry.memory, worker));
		this.workers = this.boards.map((board) => new WorkerQueues(board, (worker) => this.woken.push(worker)));
		this.apply(this.snapshot);
	}

	/** As a reload would. `withQueues` false: the pools have none any more. */
	build(pools: readonly NonNullable<PoolSpec['backends']>[], withQueues = true): Snapshot {
		return snapshotOf(
			{
				pools: pools.map((backends, index) => ({
					name: `p${index}`,
					backends,
					queue: withQueues
						? { number: this.registry.queue(`p${index}`), size: 3, timeoutMs: 1_000, first: false }
						: null,
				})),
			},
			(kind, name) => this.registry.claim(kind as SlotKind, name, ''),
		);
	}

	/** In the main thread; workers follow when `workersToo`. */
	apply(snapshot: Snapshot, workersToo = true): void {
		this.snapshot = snapshot;
		this.keeper.apply(snapshot);
		if (workersToo) for (const worker of this.workers) worker.apply(snapshot);
	}

	pool(index = 0) {
		return at(this.snapshot.pools, index);
	}

	backend(index = 0, pool = 0) {
		return at(this.pool(pool).backends, index);
	}

	queue(index = 0): PoolQueue {
		return at(this.registry.scoreboard.queues, index);
	}

	/** The board's own counts are right, and so many are held at the backend. */
	faults(active: number, backend = this.backend()): string[] {
		const count = this.registry.scoreboard.active(backend.slot);
		return [...this.repair.audit(), ...(count === active ? [] : [`${count} held instead of ${active}`])];
	}
}
