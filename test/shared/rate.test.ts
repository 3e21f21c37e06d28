import fc from 'fast-check';
import t from 'tap';
import { ATOMICS } from '../../src/shared/atomics.ts';
import { type Cells, cellsOf, RATE_CELL_WORDS } from '../../src/shared/layout.ts';
import { MAX_RATE_COUNT, rateHasRoom, refundRate, takeRate, takeRates } from '../../src/shared/rate.ts';
import { rate } from '../support/scoreboards.ts';

const MS = 1e6;
const SECOND = 1e9;
const newCells = (): Cells => cellsOf(new SharedArrayBuffer(4 * RATE_CELL_WORDS * 4));
const take = (cells: Cells, limit = rate(1, 1000), nowNs = 0, at = 0): boolean =>
	takeRate(ATOMICS, cells, at, limit, nowNs);

/** Offers at these times in milliseconds, and whether each is taken. */
const TABLES: { name: string; limit: ReturnType<typeof rate>; steps: [atMs: number, ok: boolean][] }[] = [
	{
		name: 'a burst of count passes at once, then nothing until the window is over',
		limit: rate(3, 1000),
		steps: [
			[0, true],
			[1, true],
			[2, true],
			[3, false],
			[500, false],
			[999, false],
			[1080, true],
			[1081, true],
			[1082, true],
			[1083, false],
		],
	},
	{
		name: 'refused offers do not count',
		limit: rate(1, 1000),
		steps: [
			[100, true],
			[400, false],
			[700, false],
			[1000, false],
			[1099, false],
			[1180, true],
		],
	},
	{
		name: 'places come back one by one as the window slides',
		limit: rate(2, 1000),
		steps: [
			[0, true],
			[600, true],
			[1072, true],
			[1100, false],
			[1680, true],
			[1690, false],
		],
	},
	{
		name: 'after a long idle time there is no more than one burst',
		limit: rate(2, 100),
		steps: [
			[0, true],
			[3_600_000, true],
			[3_600_000, true],
			[3_600_000, false],
		],
	},
	{
		name: 'a reading of the clock that lies a little back is counted all the same',
		limit: rate(2, 1000),
		steps: [
			[5000, true],
			[4950, true],
			[4990, false],
			[5001, false],
		],
	},
];

for (const { name, limit, steps } of TABLES) {
	t.test(name, async (t) => {
		const cells = newCells();
		for (const [atMs, ok] of steps) {
			t.equal(rateHasRoom(ATOMICS, cells, 0, limit, atMs * MS), ok, `look at ${atMs} ms`);
			t.equal(take(cells, limit, atMs * MS), ok, `take at ${atMs} ms`);
		}
	});
}

t.test('a refund gives back exactly one, and only while it still counts', async (t) => {
	const cells = newCells();
	const limit = rate(2, 1000);
	t.ok(take(cells, limit, 0));
	t.ok(take(cells, limit, 300 * MS));
	t.notOk(take(cells, limit, 400 * MS));
	refundRate(ATOMICS, cells, 0, limit, 300 * MS);
	t.ok(take(cells, limit, 400 * MS));
	t.notOk(take(cells, limit, 400 * MS));
	refundRate(ATOMICS, cells, 0, limit, -5 * SECOND);
	t.notOk(take(cells, limit, 401 * MS), 'of an epoch that is no longer kept');
});

t.test('of several rates all are taken or none', async (t) => {
	const cells = newCells();
	const rates = [rate(5, 1000), rate(2, 1000), rate(9, 1000)];
	const takeAll = () => takeRates(ATOMICS, cells, 0, rates, SECOND);
	t.same([takeAll(), takeAll(), takeAll(), takeAll()], [-1, -1, 1, 1]);
	for (let i = 0; i < 3; i++) t.ok(take(cells, rate(5, 1000), SECOND), 'the first rate kept no refused count');
	t.notOk(take(cells, rate(5, 1000), SECOND));
});

t.test('a million in one window fits', async (t) => {
	const cells = newCells();
	const limit = rate(MAX_RATE_COUNT, 1000);
	let taken = 0;
	for (let i = 0; i < MAX_RATE_COUNT + 10; i++) if (take(cells, limit, SECOND)) taken++;
	t.equal(taken, MAX_RATE_COUNT);
});

t.test('a reload that changes the window starts that rate afresh, one that changes the count keeps it', async (t) => {
	const cells = newCells();
	t.ok(take(cells, rate(1, 1000), 60 * SECOND));
	t.notOk(take(cells, rate(1, 1000), 60 * SECOND));
	t.ok(take(cells, rate(2, 1000), 60 * SECOND));
	t.notOk(take(cells, rate(2, 1000), 60 * SECOND));
	t.ok(take(cells, rate(1, 10_000), 60 * SECOND));
	t.notOk(take(cells, rate(1, 10_000), 65 * SECOND));
	t.ok(take(cells, rate(1, 10_000), 71 * SECOND));
});

t.test('times of many years and short windows neither lose nor invent takes', async (t) => {
	for (const years of [0, 1, 9.75, 30]) {
		const nowNs = years * 365 * 86_400 * SECOND;
		for (const windowMs of [1, 100, 60_000, 86_400_000]) {
			const cells = newCells();
			const limit = rate(2, windowMs);
			const step = windowMs * MS;
			t.same(
				[0, 0.1, 0.2, 0.9, 1.08].map((part) => take(cells, limit, nowNs + part * step)),
				[true, true, false, false, true],
				`${windowMs} ms after ${years} years`,
			);
		}
	}
});

/** Most takes in any half-open window, by brute force over the times taken. */
function mostInAnyWindow(taken: readonly number[], windowNs: number): number {
	let most = 0;
	let first = 0;
	for (let last = 0; last < taken.length; last++) {
		while ((taken[last] ?? 0) - (taken[first] ?? 0) >= windowNs) first++;
		most = Math.max(most, last - first + 1);
	}
	return most;
}

t.test('whatever the offers, no window ever holds more than count', async (t) => {
	const offers = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 300 });
	fc.assert(
		fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 2000 }), offers, (count, windowMs, gaps) => {
			const cells = newCells();
			const limit = rate(count, windowMs);
			let nowNs = 12_345 * SECOND;
			const taken: number[] = [];
			for (const gap of gaps) {
				nowNs += gap * gap * 1000 * windowMs * 0.01;
				if (take(cells, limit, nowNs)) taken.push(nowNs);
			}
			return mostInAnyWindow(taken, windowMs * MS) <= count;
		}),
		{ numRuns: 300 },
	);
	t.equal(mostInAnyWindow([0, 1, 2, 9], 5), 3, 'the measure itself');
});

t.test('always asked, at least nine tenths of the rate are taken', async (t) => {
	for (const [count, windowMs] of [
		[1, 1000],
		[5, 10_000],
		[100, 1000],
		[7, 33],
	] as const) {
		const cells = newCells();
		const limit = rate(count, windowMs);
		const windows = 60;
		const stepNs = (windowMs * MS) / 700;
		let taken = 0;
		for (let nowNs = SECOND; nowNs < SECOND + windows * windowMs * MS; nowNs += stepNs) {
			if (take(cells, limit, nowNs)) taken++;
		}
		t.ok(taken >= 0.9 * count * windows, `${taken} of ${count * windows} at ${limit.text}`);
		t.ok(taken <= count * windows, `${taken} of ${count * windows} at ${limit.text}`);
	}
});
