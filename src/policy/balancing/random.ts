import type { BalancedBackend, Balancer, BalanceView } from './contract.ts';
import { NONE } from './contract.ts';
import { openAtShare } from './weights.ts';

/** Draws that may fall on a closed backend before all are looked at. */
const MAX_DRAWS = 16;

/**
 * The power of two choices (Mitzenmacher 2001): two different open backends drawn by weight, and of these the one
 * with fewer connections for its weight; of equals the first drawn. Its cost hardly depends on the pool's size.
 */
export function makeRandom(backends: readonly BalancedBackend[]): Balancer {
	const ends = cumulativeWeights(backends);
	return (view: BalanceView): number => {
		const one = draw(view, ends, NONE);
		if (one === NONE || view.size === 1) return one;
		const other = draw(view, ends, one);
		if (other === NONE) return one;
		return view.active(other) * view.weight(one) < view.active(one) * view.weight(other) ? other : one;
	};
}

/** For every backend the sum of the weights up to and with its own. */
function cumulativeWeights(backends: readonly BalancedBackend[]): Float64Array {
	let sum = 0;
	return Float64Array.from(backends, (backend) => {
		sum += backend.weight;
		return sum;
	});
}

function draw(view: BalanceView, ends: Float64Array, except: number): number {
	const total = ends[ends.length - 1] ?? 0;
	for (let tries = 0; tries < MAX_DRAWS; tries++) {
		const i = firstAbove(ends, view.random() * total);
		if (i < view.size && i !== except && view.open(i)) return i;
	}
	return openAtShare(view, view.random(), except);
}

/** The first place whose value is above `x`; the length when there is none. */
function firstAbove(ends: Float64Array, x: number): number {
	let low = 0;
	let high = ends.length;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if ((ends[middle] ?? 0) > x) high = middle;
		else low = middle + 1;
	}
	return low;
}
