import { mix32 } from '../hash.ts';
import type { BalancedBackend, Balancer, BalanceView } from './contract.ts';
import { NONE } from './contract.ts';
import { makeRound } from './round.ts';
import { openAtShare } from './weights.ts';

/** Turns that may fall on closed backends before all are looked at. */
const MAX_SKIPS = 128;

/**
 * Smooth weighted round robin that goes round once for all workers: turn number t of the pool belongs to a fixed
 * backend (see `makeRound`). A closed backend's turn is passed by taking the pool's next one, so what it leaves is
 * shared as the weights say and not by its successor alone. After a whole round of closed ones, or `MAX_SKIPS`, the
 * turn's number is scattered over the open backends by weight instead.
 */
export function makeRoundRobin(backends: readonly BalancedBackend[]): Balancer {
	const round = makeRound(backends.map((backend) => backend.weight));
	const tries = Math.min(round.length, MAX_SKIPS);
	return (view: BalanceView): number => {
		let turn = 0;
		for (let taken = 0; taken < tries; taken++) {
			turn = view.nextTurn();
			const backend = round[turn % round.length] ?? NONE;
			if (backend !== NONE && view.open(backend)) return backend;
		}
		return openAtShare(view, (mix32(turn) >>> 0) / 2 ** 32, NONE);
	};
}
