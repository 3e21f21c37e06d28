import t from 'tap';
import { NONE } from '../../../src/policy/balancing/contract.ts';
import { makeFirst } from '../../../src/policy/balancing/first.ts';
import { backendsOf, FakeView } from '../../support/balance-view.ts';

const cases: readonly (readonly [open: readonly number[], picked: number])[] = [
	[[0, 1, 2, 3], 0],
	[[1, 2, 3], 1],
	[[3], 3],
	[[3, 1], 1],
	[[], NONE],
];

for (const [open, picked] of cases) {
	t.test(`with [${open}] open, ${picked} is picked, whatever the weights and connections`, (t) => {
		const view = new FakeView(backendsOf([1, 1, 9, 9]));
		view.connections[0] = 100;
		view.openOnly(open);
		const pick = makeFirst();
		t.equal(pick(view), picked);
		t.equal(pick(view), picked);
		t.end();
	});
}
