import t from 'tap';
import { makeRandom } from '../../../src/policy/balancing/random.ts';
import { backendsOf, countPicks, FakeView, seededRandom, unfairness } from '../../support/balance-view.ts';

t.test('idle backends are drawn by weight', (t) => {
	for (const weights of [[1, 1, 1, 1], [1, 2, 3, 4, 0, 5], new Array<number>(100).fill(3)]) {
		const backends = backendsOf(weights);
		const view = new FakeView(backends, 5);
		const pick = makeRandom(backends);
		const counts = countPicks(weights.length, 20_000, () => pick(view));
		t.ok(unfairness(counts, weights) < 5, `${unfairness(counts, weights)}`);
	}
	t.end();
});

t.test('of two, the one with fewer connections for its weight is always picked', (t) => {
	const cases = [
		{ weights: [1, 1], active: [1, 0], picked: 1 },
		{ weights: [1, 3], active: [1, 2], picked: 1 },
		{ weights: [1, 3], active: [1, 4], picked: 0 },
	];
	for (const { weights, active, picked } of cases) {
		const backends = backendsOf(weights);
		const view = new FakeView(backends);
		view.connections.splice(0, 2, ...active);
		const pick = makeRandom(backends);
		for (let i = 0; i < 50; i++) t.equal(pick(view), picked);
	}
	t.end();
});

t.test('the busiest of several is never picked while two others are open', (t) => {
	const backends = backendsOf([1, 1, 1, 1]);
	const view = new FakeView(backends);
	view.connections.splice(0, 4, 9, 3, 5, 3);
	const pick = makeRandom(backends);
	const counts = countPicks(4, 6_000, () => pick(view));
	t.equal(counts[0], 0);
	t.ok(unfairness(counts, [0, 5, 2, 5]) < 5, `${counts}: 2 wins only the pair {0, 2}, of six`);
	t.end();
});

t.test('kept connections stay much closer together than with one choice', (t) => {
	const backends = backendsOf(new Array<number>(100).fill(1));
	const two = new FakeView(backends);
	const one = seededRandom(9);
	const single = new Array<number>(100).fill(0);
	const pick = makeRandom(backends);
	for (let i = 0; i < 10_000; i++) {
		const index = pick(two);
		two.connections[index] = two.active(index) + 1;
		const other = Math.floor(one() * 100);
		single[other] = (single[other] ?? 0) + 1;
	}
	t.ok(Math.max(...two.connections) <= 104, `${Math.max(...two.connections)}`);
	t.ok(Math.max(...single) >= 115, `${Math.max(...single)}`);
	t.end();
});

t.test('closed backends leave their share to all others by weight, also when nearly all are closed', (t) => {
	const weights = Array.from({ length: 1000 }, (_, i) => 1 + (i % 3));
	const backends = backendsOf(weights);
	const view = new FakeView(backends);
	view.openOnly([0, 400, 401, 999]);
	const pick = makeRandom(backends);
	const counts = countPicks(1000, 10_000, () => pick(view));
	const shares = weights.map((weight, i) => (view.closed[i] ? 0 : weight));
	t.ok(unfairness(counts, shares) < 5);
	t.end();
});
