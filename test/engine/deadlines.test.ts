import fc from 'fast-check';
import t from 'tap';
import { type DeadlineEntry, Deadlines, idleEntry } from '../../src/engine/deadlines.ts';

const NEVER = Number.POSITIVE_INFINITY;

interface Named extends DeadlineEntry {
	readonly name: string;
}

const named = (name: string): Named => ({ ...idleEntry(), name });

/** Names of all that is due, in the order in which they are taken. */
function takeAll(deadlines: Deadlines<Named>, nowNs: number): string[] {
	const names: string[] = [];
	for (let due = deadlines.takeDue(nowNs); due !== null; due = deadlines.takeDue(nowNs)) names.push(due.name);
	return names;
}

t.test('the earliest comes first, and nothing before its time', async (t) => {
	const deadlines = new Deadlines<Named>();
	for (const [name, due] of [
		['c', 30],
		['a', 10],
		['b', 20],
		['d', 40],
	] as const)
		deadlines.set(named(name), due);
	t.equal(deadlines.nextNs, 10);
	t.same(takeAll(deadlines, 9), []);
	t.same(takeAll(deadlines, 30), ['a', 'b', 'c']);
	t.same([deadlines.size, deadlines.nextNs], [1, 40]);
});

t.test('a deadline may move later, earlier, to never, and away', async (t) => {
	const deadlines = new Deadlines<Named>();
	const [a, b, c] = [named('a'), named('b'), named('c')];
	deadlines.set(a, 10);
	deadlines.set(b, 20);
	deadlines.set(c, 30);
	deadlines.set(a, 25);
	t.equal(deadlines.nextNs, 10, 'early, not late: a later deadline is found out when it comes up');
	t.same(takeAll(deadlines, 24), ['b']);
	deadlines.set(c, 5);
	t.same(takeAll(deadlines, 24), ['c']);
	deadlines.set(a, NEVER);
	t.same(takeAll(deadlines, 1_000), []);
	t.same([deadlines.size, deadlines.nextNs], [0, NEVER]);
	deadlines.set(a, 7);
	deadlines.remove(a);
	deadlines.remove(a);
	t.same(takeAll(deadlines, 1_000), []);
});

t.test('whatever is set and removed, exactly what is due is taken', async (t) => {
	const step = fc.record({
		entry: fc.nat(15),
		what: fc.constantFrom('set', 'set', 'set', 'never', 'remove', 'take'),
		time: fc.nat(1_000),
	});
	fc.assert(
		fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
			const deadlines = new Deadlines<Named>();
			const entries = Array.from({ length: 16 }, (_, i) => named(`${i}`));
			const model = new Map<string, number>();
			for (const { entry, what, time } of steps) {
				const subject = entries[entry];
				if (subject === undefined) throw new RangeError('no such entry');
				if (what === 'take') {
					const due = [...model].filter(([, at]) => at <= time).map(([name]) => name);
					if (takeAll(deadlines, time).sort().join() !== due.sort().join()) return false;
					for (const name of due) model.delete(name);
				} else if (what === 'remove') {
					deadlines.remove(subject);
					model.delete(subject.name);
				} else {
					const at = what === 'set' ? time : NEVER;
					deadlines.set(subject, at);
					if (at === NEVER) model.delete(subject.name);
					else model.set(subject.name, at);
				}
				if (deadlines.nextNs > Math.min(NEVER, ...model.values())) return false;
			}
			return takeAll(deadlines, 1_000).length === model.size && deadlines.size === 0;
		}),
		{ numRuns: 500, seed: 1 },
	);
	t.pass('500 runs');
});
