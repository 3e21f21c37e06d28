import t from 'tap';
import { QueueBaton } from '../support/queue-baton.ts';
import type { QueueVariant } from '../support/queue-baton-protocol.ts';

const baton = new QueueBaton();
t.teardown(() => baton.close());

const NEVER = Number.POSITIVE_INFINITY;

function faultsOf(variant: QueueVariant, seeds: number, killAts: (seed: number) => Iterable<number>, enough: number) {
	const faults: string[] = [];
	let runs = 0;
	for (let seed = 1; seed <= seeds; seed++) {
		for (const killAt of killAts(seed)) {
			const result = baton.run({ variant, seed, killAt });
			runs++;
			for (const fault of result.faults) faults.push(`seed ${seed}, killed at ${killAt}: ${fault}`);
			if (faults.length >= enough) return { faults, runs };
			if (!result.killed && killAt !== NEVER) break;
		}
	}
	return { faults, runs };
}

function* every(): Generator<number> {
	for (let killAt = 0; ; killAt++) yield killAt;
}

t.test('three workers and one place: everybody who waits is served, none twice', async (t) => {
	t.same(faultsOf('correct', 150, () => [NEVER], 1).faults, []);
});

t.test('a worker may die at any step of joining, leaving, handing over, granting and claiming', async (t) => {
	const { faults, runs } = faultsOf('correct', 3, every, 1);
	t.same(faults, []);
	t.ok(runs > 3 * 60, `${runs} runs`);
});

for (const variant of [
	'joiner does not look again',
	'releaser does not look again',
	'handed over and given back',
	'lock ignored',
] as const) {
	t.test(`the same look catches a planted fault: ${variant}`, async (t) => {
		const { faults } = faultsOf(variant, 200, () => [NEVER], 1);
		t.ok(faults.length > 0, faults[0] ?? 'nothing was seen');
	});
}
