import fc from 'fast-check';
import t from 'tap';
import type { PassiveHealth } from '../../src/core/snapshot.ts';
import { NS_PER_MS } from '../../src/core/units.ts';
import { type EjectionEvent, Ejections, MAX_FACTOR, mostEjected } from '../../src/policy/ejection.ts';

const RULES: PassiveHealth = { failures: 3, withinMs: 1_000, ejectMs: 2_000, maxEjected: 0.5 };
const nobody = (): boolean => false;
const inWords = (event: EjectionEvent): string =>
	event.type === 'ejected'
		? `${event.member} out ${event.forMs}`
		: `${event.member} back ${event.afterMs}${event.early ? ' early' : ''}`;

/** A pool whose time moves when a test says so. */
class Pool {
	readonly ejections = new Ejections();
	nowMs = 1_000_000;

	constructor(names: string, rules: PassiveHealth | null = RULES) {
		this.change(names, rules);
	}

	change(names: string, rules: PassiveHealth | null = RULES): string[] {
		return this.ejections.change([...names], rules, this.nowMs * NS_PER_MS).map(inWords);
	}

	fail(name: string, failures: number): this {
		this.ejections.note(name, failures, this.nowMs * NS_PER_MS);
		return this;
	}

	step(passMs = 0, downAnyway: (name: string) => boolean = nobody): string[] {
		this.nowMs += passMs;
		return this.ejections.step(this.nowMs * NS_PER_MS, downAnyway).map(inWords);
	}
}

t.test('how many may be ejected', async (t) => {
	const cases: [members: number, share: number, want: number][] = [
		[1, 0.5, 0],
		[1, 1, 1],
		[2, 0.5, 1],
		[3, 0.5, 1],
		[4, 0.5, 2],
		[2, 0.49, 0],
		[100, 0.29, 29],
		[5, 0, 0],
		[5, 1, 5],
	];
	for (const [members, share, want] of cases) t.equal(mostEjected(members, share), want, `${share} of ${members}`);
});

t.test('failures within the time eject, fewer or slower ones do not', async (t) => {
	t.strictSame(new Pool('ab').fail('a', 2).step(), [], 'fewer');
	t.strictSame(new Pool('ab').fail('a', 3).step(), ['a out 2000'], 'at once');
	const slow = new Pool('ab');
	for (let i = 0; i < 20; i++) t.strictSame(slow.fail('a', 1).step(500), [], 'two in a second');
	const spread = new Pool('ab');
	t.strictSame([spread.fail('a', 1).step(400), spread.fail('a', 1).step(400), spread.fail('a', 1).step()].flat(), [
		'a out 2000',
	]);
});

t.test('it returns when its time is over, and starts with no failures', async (t) => {
	const pool = new Pool('ab').fail('a', 3);
	pool.step();
	t.ok(pool.ejections.isEjected('a'));
	t.notOk(pool.ejections.isEjected('b'));
	t.strictSame(pool.step(1_999), []);
	pool.fail('a', 100);
	t.strictSame(pool.step(1), ['a back 2000'], 'what failed meanwhile does not count');
	t.notOk(pool.ejections.isEjected('a'));
	t.strictSame(pool.fail('a', 2).step(), []);
});

t.test('each time in a row lasts twice as long, up to ten times', async (t) => {
	const pool = new Pool('ab');
	for (const factor of [1, 2, 4, 8, 10, 10]) {
		t.strictSame(pool.fail('a', 3).step(1), [`a out ${2_000 * factor}`]);
		t.strictSame(pool.step(2_000 * factor), [`a back ${2_000 * factor}`]);
	}
});

t.test('ten times the base without an ejection, and it begins from the base again', async (t) => {
	const pool = new Pool('ab').fail('a', 3);
	pool.step();
	pool.step(2_000);
	t.strictSame(pool.fail('a', 3).step(), ['a out 4000'], 'in a row');
	pool.step(4_000);
	pool.step(20_000 - 1);
	t.strictSame(pool.fail('a', 3).step(), ['a out 8000'], 'just before');
	pool.step(8_000);
	pool.step(20_000);
	t.strictSame(pool.fail('a', 3).step(), ['a out 2000'], 'just after');
});

t.test('when all fail, the worst goes and the rest stays; the next goes when there is room', async (t) => {
	const pool = new Pool('abc').fail('a', 3).fail('b', 5).fail('c', 3);
	t.strictSame(pool.step(), ['b out 2000']);
	t.strictSame(pool.step(1_001), []);
	pool.fail('a', 3);
	t.strictSame(pool.step(998), []);
	t.strictSame(pool.step(1), ['b back 2000', 'a out 2000'], 'it still failed within the time');
});

t.test('the only backend of a pool is never ejected', async (t) => {
	t.strictSame(new Pool('a').fail('a', 1_000).step(), []);
});

t.test('one that probes call down needs no ejection, and its failures are forgotten', async (t) => {
	const pool = new Pool('ab').fail('a', 3);
	t.strictSame(
		pool.step(0, (name) => name === 'a'),
		[],
	);
	t.strictSame(pool.step(), []);
});

t.test('a changed pool', async (t) => {
	const four = new Pool('abcd').fail('a', 3).fail('b', 3);
	four.step();
	t.strictSame(four.change('abcde'), [], 'larger: they stay out');
	t.strictSame(four.change('abc'), ['a back 0 early'], 'smaller: who may not be out any longer returns');
	t.strictSame(four.change('ac'), [], 'who left is forgotten');
	t.notOk(four.ejections.isEjected('b'));
	const off = new Pool('ab').fail('a', 3);
	off.step();
	off.nowMs += 500;
	t.strictSame(off.change('ab', null), ['a back 500 early'], 'off: all return');
	t.strictSame(off.fail('b', 100).step(), [], 'and nobody goes');
});

t.test('whatever happens: never more than may be, each in bounds, each returned by its time', async () => {
	const step = fc.record({
		name: fc.constantFrom(...'abcdefg'),
		failures: fc.integer({ min: 0, max: 6 }),
		passMs: fc.integer({ min: 0, max: 3_000 }),
	});
	const rules = fc.record({
		failures: fc.integer({ min: 1, max: 5 }),
		withinMs: fc.integer({ min: 100, max: 5_000 }),
		ejectMs: fc.integer({ min: 100, max: 5_000 }),
		maxEjected: fc.double({ min: 0, max: 1, noNaN: true }),
	});
	fc.assert(
		fc.property(rules, fc.integer({ min: 1, max: 7 }), fc.array(step, { maxLength: 80 }), (rules, size, steps) => {
			const names = [...'abcdefg'].slice(0, size);
			const pool = new Pool(names.join(''), rules);
			const out = new Map<string, number>();
			for (const { name, failures, passMs } of steps) {
				pool.fail(name, failures);
				pool.nowMs += passMs;
				for (const event of pool.ejections.step(pool.nowMs * NS_PER_MS, nobody)) {
					if (event.type === 'returned') out.delete(event.member);
					else {
						if (out.has(event.member) || event.failures < rules.failures) return false;
						const factor = event.forMs / rules.ejectMs;
						if (factor !== Math.min(2 ** (event.inARow - 1), MAX_FACTOR)) return false;
						out.set(event.member, pool.nowMs + event.forMs);
					}
				}
				if (out.size > Math.floor(size * rules.maxEjected + 1e-9)) return false;
				for (const [member, untilMs] of out)
					if (untilMs <= pool.nowMs || !pool.ejections.isEjected(member)) return false;
				if (names.filter((member) => pool.ejections.isEjected(member)).length !== out.size) return false;
			}
			return true;
		}),
		{ numRuns: 500 },
	);
});
