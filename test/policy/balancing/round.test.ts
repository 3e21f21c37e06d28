import fc from 'fast-check';
import t from 'tap';
import { MAX_ROUND, makeRound } from '../../../src/policy/balancing/round.ts';

const tables: readonly (readonly [weights: readonly number[], round: readonly number[]])[] = [
	[[], []],
	[[0], []],
	[[1], [0]],
	[[7], [0]],
	[
		[1, 1, 1],
		[0, 1, 2],
	],
	[
		[4, 4],
		[0, 1],
	],
	[[0, 3, 0], [1]],
	[
		[1, 2],
		[1, 1, 0],
	],
	[
		[1, 1, 2],
		[2, 0, 2, 1],
	],
	[
		[30, 20, 10],
		[0, 1, 0, 1, 0, 2],
	],
	[
		[5, 1, 1],
		[0, 0, 0, 1, 0, 0, 2],
	],
];

for (const [weights, round] of tables) {
	t.test(`weights [${weights}] make the round [${round}]`, (t) => {
		t.strictSame([...makeRound(weights)], round);
		t.end();
	});
}

const weights = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 30 });

/** Whether the counts of every beginning of the round are within one turn of the weights' shares. */
function staysWithinOne(round: Uint32Array, shares: readonly number[]): boolean {
	const whole = shares.reduce((sum, share) => sum + share, 0);
	const counts = shares.map(() => 0);
	for (const [turn, backend] of round.entries()) {
		counts[backend] = (counts[backend] ?? 0) + 1;
		if (counts.some((count, i) => Math.abs(count * whole - (turn + 1) * (shares[i] ?? 0)) >= whole)) return false;
	}
	return true;
}

t.test('in a round everyone has exactly its weight, and in any beginning of it its share within one', (t) => {
	fc.assert(
		fc.property(weights, (values) => {
			const round = makeRound(values);
			const counts = values.map((_, i) => round.filter((backend) => backend === i).length);
			const whole = values.reduce((sum, value) => sum + value, 0);
			const exact = counts.every((count, i) => count * whole === (values[i] ?? 0) * round.length);
			return exact && staysWithinOne(round, values);
		}),
		{ numRuns: 500 },
	);
	t.end();
});

t.test('many equal backends and one heavy one stay within one as well', (t) => {
	for (const values of [[100, ...new Array<number>(100).fill(1)], [997, 499, 13, 1], new Array<number>(200).fill(3)]) {
		t.ok(staysWithinOne(makeRound(values), values));
	}
	t.end();
});

t.test('a round too long is shortened, everyone keeping a turn and about its share', (t) => {
	const values = [1_000_000, 500_001, 1, 0];
	const round = makeRound(values);
	t.ok(round.length <= MAX_ROUND && round.length > MAX_ROUND / 2);
	const counts = values.map((_, i) => round.filter((backend) => backend === i).length);
	t.equal(counts[2], 1);
	t.equal(counts[3], 0);
	t.ok(Math.abs((counts[0] ?? 0) / (counts[1] ?? 1) - 2) < 0.001);
	t.end();
});
