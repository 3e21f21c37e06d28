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
 */
export function makeIpHash(backends: readonly BalancedBackend[]): Balancer {
	const firstHashes = Uint32Array.from(backends, (backend) => hashString(backend.name));
	const secondHashes = Uint32Array.from(backends, (backend) => hashString(backend.name, SECOND_SEED));
	const weights = Float64Array.from(backends, (backend) => backend.weight);
	return (view: BalanceView): number => {
		const key = view.key === null ? view.keySeed : hashAddress(view.key, 0);
		let best = NONE;
		let bestScore = -1;
		for (let i = 0; i < view.size; i++) {
			if (!view.open(i)) continue;
			const u = uniform(hashPair(key, firstHashes[i] ?? 0), hashPair(key, secondHashes[i] ?? 0));
			const score = -(weights[i] ?? 0) / Math.log(u);
			if (score <= bestScore) continue;
			best = i;
			bestScore = score;
		}
		return best;
	};
}

/** Inside (0, 1), both ends excluded: all 32 bits of `high` and 20 of `low`. */
const uniform = (high: number, low: number): number => (high * 2 ** 20 + (low >>> 12) + 0.5) / 2 ** 52;
