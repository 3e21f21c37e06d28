import { mix32 } from '../hash.ts';
import type { Balancer, BalanceView } from './contract.ts';
import { NONE } from './contract.ts';

/** Up to this many backends a pick looks at all of them. */
export const LOOK_AT_ALL = 64;

/** In a larger pool a pick looks at this many, drawn with equal chances (one may be drawn twice). */
export const SAMPLE = 64;

/** One random number is drawn for a pick; all further chance comes from it by steps of 2^32 / phi and mixing. */
const GOLDEN = 0x9e3779b9;

/**
 * The open backend with the fewest connections for its weight. Among equals one is drawn by weight, so that a
 * pool whose sessions are too short to be counted is still shared by weight. When no backend of a sample
 * is open, all are looked at: an open backend is always found.
 */
export const makeLeastConnections = (): Balancer => pickLeast;

function pickLeast(view: BalanceView): number {
	const sampled = view.size > LOOK_AT_ALL ? leastOf(view, SAMPLE, true) : NONE;
	return sampled === NONE ? leastOf(view, view.size, false) : sampled;
}

function leastOf(view: BalanceView, looks: number, drawn: boolean): number {
	let best = NONE;
	let bestActive = 0;
	let bestWeight = 1;
	let tiedWeight = 0;
	let scatter = (view.random() * 2 ** 32) | 0;
	for (let look = 0; look < looks; look++) {
		scatter = mix32((scatter + GOLDEN) | 0);
		const i = drawn ? Math.floor(((scatter >>> 0) / 2 ** 32) * view.size) : look;
		if (!view.open(i)) continue;
		const active = view.active(i);
		const weight = view.weight(i);
		const order = best === NONE ? -1 : active * bestWeight - bestActive * weight;
		if (order > 0) continue;
		tiedWeight = order < 0 ? weight : tiedWeight + weight;
		if (order === 0 && ((mix32(scatter) >>> 0) / 2 ** 32) * tiedWeight >= weight) continue;
		best = i;
		bestActive = active;
		bestWeight = weight;
	}
	return best;
}
