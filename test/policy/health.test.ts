import fc from 'fast-check';
import t from 'tap';
import { type Observed, observe, shownHealth, UNPROBED } from '../../src/policy/health.ts';

const RULES = { rise: 2, fall: 3 };

/** What a row of results makes of a backend: `+` good, `-` bad; answers the health after each. */
function story(results: string, rules = RULES): string {
	let observed: Observed = UNPROBED;
	const seen: string[] = [];
	for (const result of results) {
		observed = observe(observed, result === '+', rules);
		seen.push(observed.health);
	}
	return seen.join(' ');
}

t.test('what probes make of a backend', async (t) => {
	const cases: [name: string, results: string, want: string, rules?: typeof RULES][] = [
		['nothing is known before the first', '', ''],
		['the first decides alone: up', '+', 'up'],
		['the first decides alone: down', '-', 'down'],
		['fall in a row turn it down', '+---', 'up up up down'],
		['a good one between starts the count again', '+--+---', 'up up up up up up down'],
		['rise in a row turn it up', '-++', 'down down up'],
		['a bad one between starts the count again', '-+-++', 'down down down down up'],
		['there and back', '+---++', 'up up up down down up'],
		['with 1 each result decides', '+-+-', 'up down up down', { rise: 1, fall: 1 }],
	];
	for (const [name, results, want, rules] of cases) t.equal(story(results, rules), want, name);
});

t.test('nothing new is the same object', async (t) => {
	const up = observe(UNPROBED, true, RULES);
	t.equal(observe(up, true, RULES), up);
});

t.test('any flip after the first result has rise or fall equal results before it, and none fewer', async () => {
	fc.assert(
		fc.property(
			fc.array(fc.boolean(), { maxLength: 60 }),
			fc.integer({ min: 1, max: 5 }),
			fc.integer({ min: 1, max: 5 }),
			(results, rise, fall) => {
				let observed: Observed = UNPROBED;
				for (const [i, good] of results.entries()) {
					const before = observed;
					observed = observe(before, good, { rise, fall });
					const needed = before.health === 'unknown' ? 1 : good ? rise : fall;
					const same = results.slice(Math.max(0, i + 1 - needed), i + 1).every((result) => result === good);
					const told = good ? 'up' : 'down';
					const enough = i + 1 >= needed && same;
					if (before.health !== told && (observed.health === told) !== enough) return false;
					if (before.health === told && observed.health !== told) return false;
				}
				return true;
			},
		),
	);
});

t.test('an ejected backend is shown as down', async (t) => {
	for (const health of ['up', 'unknown', 'down'] as const) {
		t.equal(shownHealth(health, true), 'down');
		t.equal(shownHealth(health, false), health);
	}
});
