import type { IpAddress } from '../../core/address.ts';

/**
 * What an algorithm may look at. It sees one tier of one pool; `open(i)` is the only say on who may be
 * picked (usable, not tried before, weight above 0, room under its cap and rates).
 */
export interface BalanceView {
	/** Backends of the pool; indexes run from 0. */
	readonly size: number;
	open(index: number): boolean;
	/** At least 1 for an open backend. */
	weight(index: number): number;
	/** Connections held now, by all workers. */
	active(index: number): number;
	/** The client's address, or null (unix socket): then `keySeed` alone is the key. */
	readonly key: IpAddress | null;
	/** Hash of the listener's name: the key of clients without an address. */
	readonly keySeed: number;
	/** The pool's next turn, counted once for all workers, from 0. */
	nextTurn(): number;
	/** Uniform in [0, 1). */
	random(): number;
}

/** Answers the index of an open backend, or `NONE` when none is open. Pure but for caches of its own. */
export type Balancer = (view: BalanceView) => number;

export const NONE = -1;

/** What a balancer is built from, once per snapshot and worker. */
export interface BalancedBackend {
	readonly name: string;
	readonly weight: number;
}

export type BalancerFactory = (backends: readonly BalancedBackend[]) => Balancer;
