import t from 'tap';
import { backoffMs } from '../../src/policy/retry.ts';

t.test('the delay doubles up to its bound, between half and all of it', async (t) => {
	const policy = { attempts: 9, backoffMs: 100, maxBackoffMs: 1_000 };
	const cases: readonly [failures: number, random: number, want: number][] = [
		[1, 0, 50],
		[1, 1, 100],
		[2, 0, 100],
		[3, 0.5, 300],
		[4, 1, 800],
		[5, 1, 1_000],
		[500, 0, 500],
	];
	for (const [failures, random, want] of cases) t.equal(backoffMs(policy, failures, random), want, `${failures}`);
});
