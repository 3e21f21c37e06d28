import { hashAddress, hashPair, hashString } from '../hash.ts';
import type { BalancedBackend, Balancer, BalanceView } from './contract.ts';
import { NONE } from './contract.ts';

/** The name's second hash: 32 bits alone would make two of 1,000 names alike once in 10,000 pools. */
const SECOND_SEED = 0x5bd1e995;

/**
 * Weighted rendezvous hashing (Thaler and Ravishankar 1998; the logarithm: Schindelhauer and Schomaker 2005).
 * Every backend has a score from the key and its own name and weight alone; the highest open one wins. So the
 * order in the file does not matter, a backend that goes takes only its own keys with it, and a change of
 * weight moves no more keys than it must. Time grows with the number of backends: meant for up to some hundred.
 * As -ln(u) >= 1 - u, most are seen to be below the best from the first hash, without the second and the logarithm.
 */
export function makeIpHash(backends: readonly BalancedBackend[]): Balancer {
	// Signed integers throughout: with others, `?? 0` makes a number that may be put on the heap, for every backend.
	const firstHashes = Int32Array.from(backends, (backend) => hashString(backend.name));
	const secondHashes = Int32Array.from(backends, (backend) => hashString(backend.name, SECOND_SEED));
	const weights = Int32Array.from(backends, (backend) => backend.weight);
	return (view: BalanceView): number => {
		const key = view.key === null ? view.keySeed : hashAddress(view.key, 0);
		let best = NONE;
		let bestScore = Number.NEGATIVE_INFINITY;
		for (let i = 0; i < view.size; i++) {
			const weight = weights[i] ?? 0;
			const high = hashPair(key, firstHashes[i] ?? 0);
			// Few are left after this: only those are worth a look whether they are open.
			if (weight <= bestScore * (1 - ((high >>> 0) + 1) / 2 ** 32) || !view.open(i)) continue;
			const low = hashPair(key, secondHashes[i] ?? 0);
			// 52 random bits to the middle of their step, never 0 or 1.
			const u = ((high >>> 0) * 2 ** 20 + (low >>> 12) + 0.5) / 2 ** 52;
			const score = -weight / Math.log(u);
			if (score <= bestScore) continue;
			best = i;
			bestScore = score;
		}
		return best;
	};
}
