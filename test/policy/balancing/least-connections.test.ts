import t from 'tap';
import { LOOK_AT_ALL, makeLeastConnections, SAMPLE } from '../../../src/policy/balancing/least-connections.ts';
import { backendsOf, countPicks, FakeView, unfairness } from '../../support/balance-view.ts';

const cases: readonly {
	readonly weights: readonly number[];
	readonly active: readonly number[];
	readonly closed?: number;
	readonly picked: number;
}[] = [
	{ weights: [1, 1, 1], active: [3, 1, 2], picked: 1 },
	{ weights: [1, 1, 1], active: [3, 1, 2], closed: 1, picked: 2 },
	{ weights: [1, 2], active: [2, 3], picked: 1 },
	{ weights: [1, 2], active: [1, 3], picked: 0 },
	{ weights: [3, 7], active: [3, 6], picked: 1 },
	{ weights: [1, 1000], active: [1, 999], picked: 1 },
	{ weights: [1, 1000], active: [1, 1001], picked: 0 },
	{ weights: [1, 1_000_000], active: [0, 1], picked: 0 },
];

for (const { weights, active, closed, picked } of cases) {
	const without = closed === undefined ? '' : ` and ${closed} closed`;
	t.test(`weights [${weights}] with [${active}] connections${without}: ${picked} has the least`, (t) => {
		const view = new FakeView(backendsOf(weights));
		for (const [i, count] of active.entries()) view.connections[i] = count;
		if (closed !== undefined) view.closed[closed] = true;
		const pick = makeLeastConnections();
		for (let i = 0; i < 20; i++) t.equal(pick(view), picked);
		t.end();
	});
}

t.test('among equals the picks go by weight, wherever they are in the file', (t) => {
	for (const weights of [
		[1, 1, 1, 1],
		[1, 2, 3, 4],
		[9, 0, 0, 1, 1],
		new Array<number>(64).fill(1),
		[1, 1, ...new Array<number>(98).fill(2)],
	]) {
		const view = new FakeView(backendsOf(weights), 3);
		const pick = makeLeastConnections();
		const counts = countPicks(weights.length, 10_000, () => pick(view));
		t.ok(unfairness(counts, weights) < 5, `${unfairness(counts, weights)}`);
	}
	t.end();
});

t.test('only those with the least are among the equals', (t) => {
	const view = new FakeView(backendsOf([1, 1, 1, 1, 1]), 3);
	view.connections.splice(0, 5, 2, 1, 3, 1, 1);
	const pick = makeLeastConnections();
	const counts = countPicks(5, 3_000, () => pick(view));
	t.ok(unfairness(counts, [0, 1, 0, 1, 1]) < 5, `${counts}`);
	t.equal((counts[0] ?? 0) + (counts[2] ?? 0), 0);
	t.end();
});

t.test('kept connections fill the backends in proportion to their weights', (t) => {
	const weights = [1, 2, 3, 4];
	const view = new FakeView(backendsOf(weights));
	const pick = makeLeastConnections();
	for (let i = 0; i < 1_000; i++) {
		const index = pick(view);
		view.connections[index] = view.active(index) + 1;
	}
	t.strictSame(view.connections, [100, 200, 300, 400]);
	t.end();
});

t.test('up to 64 backends all are looked at once, in larger pools a sample', (t) => {
	t.equal(LOOK_AT_ALL, 64);
	for (const [size, looks] of [
		[64, 64],
		[65, SAMPLE],
		[1000, SAMPLE],
	] as const) {
		const view = new FakeView(backendsOf(new Array<number>(size).fill(1)));
		makeLeastConnections()(view);
		t.equal(view.looks, looks, `${size}`);
		t.equal(view.draws, 1);
	}
	t.end();
});

t.test('in a large pool, kept connections stay close together', (t) => {
	const view = new FakeView(backendsOf(new Array<number>(500).fill(1)));
	const pick = makeLeastConnections();
	for (let i = 0; i < 5_000; i++) {
		const index = pick(view);
		view.connections[index] = view.active(index) + 1;
	}
	t.ok(Math.max(...view.connections) - Math.min(...view.connections) <= 3, 'about 10 each');
	t.end();
});
