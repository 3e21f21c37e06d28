import type { Balancer, BalanceView } from './contract.ts';
import { NONE } from './contract.ts';

/** The first open backend in file order: fills one before it uses the next. */
export const makeFirst = (): Balancer => pickFirst;

function pickFirst(view: BalanceView): number {
	for (let i = 0; i < view.size; i++) {
		if (view.open(i)) return i;
	}
	return NONE;
}
