import t from 'tap';
import { Baton } from '../support/baton.ts';
import type { Program, Variant } from '../support/baton-protocol.ts';

const baton = new Baton();
t.teardown(() => baton.close());

/** A run for every step at which worker 0 can die, and one in which it does not; all faults, with how to see them again. */
function killEverywhere(program: Program, variant: Variant, seeds: readonly number[], stopAtFault: boolean) {
	const faults: string[] = [];
	let runs = 0;
	for (const seed of seeds) {
		for (let killAt = 0; ; killAt++) {
			const result = baton.run({ program, variant, seed, killAt });
			runs++;
			for (const fault of result.faults) faults.push(`seed ${seed}, killed at ${killAt}: ${fault}`);
			if (!result.killed || (stopAtFault && faults.length > 0)) break;
		}
		if (stopAtFault && faults.length > 0) break;
	}
	return { faults, runs };
}

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

t.test('a worker may die at any step of taking and giving back a place: caps hold, and nothing leaks', async (t) => {
	const { faults, runs } = killEverywhere('slots', 'correct', range(1, 24), false);
	t.same(faults, []);
	t.ok(runs > 24 * 12, `${runs} runs`);
});

t.test(
	'a worker may die at any step of bringing a client into the table: no client twice, and nothing leaks',
	async (t) => {
		const { faults, runs } = killEverywhere('clients', 'correct', range(1, 8), false);
		t.same(faults, []);
		t.ok(runs > 8 * 40, `${runs} runs`);
	},
);

t.test('the same seed gives the same run', async (t) => {
	const run = { program: 'clients', variant: 'correct', seed: 77, killAt: 20 } as const;
	t.equal(baton.run(run).trace, baton.run(run).trace);
	t.not(baton.run(run).trace, baton.run({ ...run, seed: 78 }).trace);
});

for (const variant of ['count before share', 'share forgotten', 'cap off by one', 'no mark in flight'] as const) {
	t.test(`the same look catches a planted fault: ${variant}`, async (t) => {
		const { faults } = killEverywhere('slots', variant, range(1, 40), true);
		t.ok(faults.length > 0, faults[0] ?? 'nothing was seen');
	});
}

t.test('the same look catches a planted fault: two workers insert without the lock', async (t) => {
	const { faults } = killEverywhere('clients', 'lock ignored', range(1, 40), true);
	t.ok(
		faults.some((fault) => fault.includes('a client stands twice')),
		faults[0] ?? 'nothing was seen',
	);
});
