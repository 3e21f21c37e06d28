import type { BalanceView } from './contract.ts';
import { NONE } from './contract.ts';

/**
 * The open backend on which `share`, a number in [0, 1), of the open backends' weight falls; `except` is left out
 * (`NONE`: nobody is). Looks at every backend twice.
 */
export function openAtShare(view: BalanceView, share: number, except: number): number {
	let total = 0;
	for (let i = 0; i < view.size; i++) {
		if (i !== except && view.open(i)) total += view.weight(i);
	}
	let left = share * total;
	let last = NONE;
	for (let i = 0; i < view.size; i++) {
		if (i === except || !view.open(i)) continue;
		last = i;
		left -= view.weight(i);
		if (left < 0) break;
	}
	return last;
}
