import t from 'tap';
import { makeRoundRobin } from '../../../src/policy/balancing/round-robin.ts';
import { backendsOf, countPicks, FakeView, unfairness } from '../../support/balance-view.ts';

t.test('equal backends take turns in file order', (t) => {
	const backends = backendsOf([1, 1, 1]);
	const view = new FakeView(backends);
	const pick = makeRoundRobin(backends);
	t.strictSame(
		Array.from({ length: 7 }, () => pick(view)),
		[0, 1, 2, 0, 1, 2, 0],
	);
	t.end();
});

t.test('two workers that share the turns go round once together', (t) => {
	const backends = backendsOf([3, 2, 1]);
	const alone = new FakeView(backends);
	const shared = new FakeView(backends);
	const one = makeRoundRobin(backends);
	const other = makeRoundRobin(backends);
	for (let i = 0; i < 60; i++) t.equal((i % 7 < 3 ? one : other)(shared), one(alone));
	t.end();
});

t.test('each round gives everyone exactly its weight', (t) => {
	const backends = backendsOf([5, 0, 2, 1]);
	const view = new FakeView(backends);
	const pick = makeRoundRobin(backends);
	for (let round = 0; round < 5; round++)
		t.strictSame(
			countPicks(4, 8, () => pick(view)),
			[5, 0, 2, 1],
		);
	t.end();
});

t.test('what a closed backend leaves is shared by weight, not taken by the next one', (t) => {
	const backends = backendsOf([1, 1, 1, 1]);
	const view = new FakeView(backends);
	view.closed[1] = true;
	const pick = makeRoundRobin(backends);
	t.strictSame(
		countPicks(4, 300, () => pick(view)),
		[100, 0, 100, 100],
	);
	t.end();
});

t.test('a closed backend of great weight leaves the others their shares', (t) => {
	const backends = backendsOf([1000, 1, 2, 1]);
	const view = new FakeView(backends);
	view.closed[0] = true;
	const pick = makeRoundRobin(backends);
	const counts = countPicks(4, 4_000, () => pick(view));
	t.ok(unfairness(counts, [0, 1, 2, 1]) < 5, `${counts}`);
	t.end();
});

t.test('a long run of closed backends does not favour the one after it', (t) => {
	const backends = backendsOf(new Array<number>(1000).fill(1));
	const view = new FakeView(backends);
	view.openOnly([10, 700, 701, 702]);
	const pick = makeRoundRobin(backends);
	const counts = countPicks(1000, 4_000, () => pick(view));
	const open = [10, 700, 701, 702].map((i) => counts[i] ?? 0);
	t.ok(
		open.every((count) => count > 700),
		`${open}`,
	);
	t.end();
});

t.test('the work of a pick is bounded, however many turns belong to closed backends', (t) => {
	for (const weights of [new Array<number>(1000).fill(1), [60_000, 1]]) {
		const backends = backendsOf(weights);
		const view = new FakeView(backends);
		view.openOnly([weights.length - 1]);
		t.equal(makeRoundRobin(backends)(view), weights.length - 1);
		t.ok(view.turns <= 128, `${view.turns} turns`);
		t.ok(view.looks <= 128 + 2 * weights.length, `${view.looks} looks`);
	}
	t.end();
});

t.test('when none is open, one round of turns at most is taken', (t) => {
	const backends = backendsOf([1, 1]);
	const view = new FakeView(backends);
	view.openOnly([]);
	makeRoundRobin(backends)(view);
	t.equal(view.turns, 2);
	t.end();
});
