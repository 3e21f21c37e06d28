import type { LiveState } from '../core/desk.ts';
import type { BackendSnapshot, Limited, PoolSnapshot } from '../core/snapshot.ts';
import { BUSY, NOBODY, type PoolQueue } from '../shared/pool-queue.ts';
import { isUsable } from './usable.ts';

/** Who grants: under which name it takes the queue's lock, and how it wakes the worker whose session got a place. */
export interface Granter {
	readonly owner: number;
	readonly live: Pick<LiveState, 'health' | 'active'> & {
		/** Room under the newest cap and every rate. */
		canGrant(backend: Limited, nowNs: number): boolean;
	};
	wake(worker: number): void;
}

/** How often others may be faster at what looked free. */
const MAX_MISSED = 8;

/**
 * Give every free place of the pool to those who have waited longest, the least busy backend first. For
 * whoever joins a queue, frees a place that nobody was waiting for a moment ago, or looks after them all:
 * each looks after its own change, so that of two that cross each other one sees both.
 */
export function grantFreePlaces(pool: PoolSnapshot, queue: PoolQueue, granter: Granter, nowNs: number): void {
	for (let missed = 0; queue.waiting > 0 && missed < MAX_MISSED; ) {
		const backend = leastBusy(pool, granter.live, nowNs);
		if (backend === null) return;
		const worker = queue.grantFree(granter.owner, backend, nowNs);
		if (worker === BUSY) return;
		if (worker === NOBODY) missed += 1;
		else granter.wake(worker);
	}
}

function leastBusy(pool: PoolSnapshot, live: Granter['live'], nowNs: number): BackendSnapshot | null {
	let best: BackendSnapshot | null = null;
	let bestLoad = Number.POSITIVE_INFINITY;
	for (const backend of pool.backends) {
		if (!live.canGrant(backend, nowNs) || !isUsable(pool, backend, live)) continue;
		const load = (live.active(backend.slot) + 1) / backend.weight;
		const better =
			best === null || (best.backup && !backend.backup) || (best.backup === backend.backup && load < bestLoad);
		if (!better) continue;
		best = backend;
		bestLoad = load;
	}
	return best;
}
