import type { LiveState } from '../core/desk.ts';
import type { GeoLookup, Rng } from '../core/ports.ts';
import type { ListenerSnapshot, PoolSnapshot, Snapshot } from '../core/snapshot.ts';
import type { Balancer } from './balancing/contract.ts';
import { makeBalancer } from './balancing/index.ts';
import { hashString } from './hash.ts';
import { Standing } from './standing.ts';

/**
 * All that decisions are made from: one snapshot with what a worker prepares of it once, and the live
 * state. Replaced whole when the snapshot is; never changed.
 */
export interface World {
	readonly snapshot: Snapshot;
	readonly live: LiveState;
	readonly geo: GeoLookup;
	readonly rng: Rng;
	balancerOf(pool: PoolSnapshot): Balancer;
	standingOf(pool: PoolSnapshot): Standing;
	/** Hash of the listener's name: the key of clients that have no address. */
	keySeedOf(listener: ListenerSnapshot): number;
}

export interface WorldParts {
	readonly live: LiveState;
	readonly geo: GeoLookup;
	readonly rng: Rng;
}

export function makeWorld(snapshot: Snapshot, parts: WorldParts): World {
	const balancers = snapshot.pools.map((pool) => makeBalancer(pool.balance, pool.backends));
	const standings = snapshot.pools.map((pool) => new Standing(pool, parts.live));
	const seeds = snapshot.listeners.map((listener) => hashString(listener.name));
	return {
		snapshot,
		live: parts.live,
		geo: parts.geo,
		rng: parts.rng,
		balancerOf: (pool) => at(balancers, pool.index),
		standingOf: (pool) => at(standings, pool.index),
		keySeedOf: (listener) => at(seeds, listener.index),
	};
}

/** An element that the snapshot's own indexes promise to be there. */
export function at<T>(list: readonly T[], index: number): T {
	const item = list[index];
	if (item === undefined) throw new RangeError(`no element ${index} in a list of ${list.length}`);
	return item;
}
