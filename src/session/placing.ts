import type { Granted, LiveState } from '../core/desk.ts';
import type { PoolSnapshot, RouteSnapshot } from '../core/snapshot.ts';
import { isPlacement, type NoPlace, type PlaceRequest, takePlacement } from '../policy/place.ts';
import type { World } from '../policy/world.ts';
import type { SessionDesk } from './context.ts';

/** A place at a backend, a turn in a pool's queue, or neither. */
export type Placed =
	| { readonly granted: Granted }
	| { readonly queuedIn: PoolSnapshot }
	| { readonly refused: NoPlace };

/** Takes a place, or else stands in the queue of the pool that the route names for it. */
export function takeOrQueue(
	world: World,
	route: RouteSnapshot,
	request: PlaceRequest,
	desk: SessionDesk,
	session: object,
	nowNs: number,
): Placed {
	const result = takePlacement(world, route, request, desk, nowNs, null);
	if (isPlacement(result)) return { granted: result };
	const { queue } = result;
	if (queue === null) return { refused: result };
	if (desk.enqueue(queue, session, nowNs)) return { queuedIn: queue };
	if (!request.mayWaitFirst || queue.queue?.first !== true) return { refused: result };
	// A queue that comes first had room a moment ago: spill after all.
	return takeOrQueue(world, route, { ...request, mayWaitFirst: false }, desk, session, nowNs);
}

/** What the record says of a client that found neither a place nor room to wait. */
export function refusalDetail({ pool, queue }: NoPlace, live: Pick<LiveState, 'waiting'>): string | null {
	if (queue?.queue) {
		const { number, size } = queue.queue;
		const waiting = live.waiting(number);
		// Its lock is another thread's, which was stopped or has died.
		if (waiting < size) return `pool ${queue.name}: its queue could not be joined, ${waiting} of ${size} wait`;
		return `pool ${queue.name}: its queue of ${size} is full`;
	}
	return pool === null ? null : `pool ${pool.name}`;
}
