import t from 'tap';
import { parseConfigObject } from '../../../src/control/config/load.ts';
import { TicketKeys } from '../../../src/control/tls/tickets.ts';

const configOf = (rotate: Readonly<Record<string, string>>) =>
	parseConfigObject({
		listeners: Object.entries(rotate).map(([name, every], i) => ({
			name,
			bind: `127.0.0.1:${7000 + i}`,
			tls: {
				mode: every === '' ? 'passthrough' : 'terminate',
				...(every !== '' && { certificates: [{ cert: 'a.pem', key: 'a.key' }], tickets: { rotate: every } }),
			},
			routes: [{ to: ['main'] }],
		})),
		pools: [{ name: 'main', backends: [{ address: '10.1.0.1:1' }] }],
	});

/** Keys whose timers run when the test says so. */
function keys(master = new Uint8Array(32).fill(7)) {
	const timers = new Map<() => void, number>();
	const rotated: string[] = [];
	const made = new TicketKeys({
		master,
		every: (ms, run) => {
			timers.set(run, ms);
			return () => timers.delete(run);
		},
		rotated: (listener) => rotated.push(listener),
	});
	const key = (listener: string, settings = ''): string => Buffer.from(made.key(listener, settings)).toString('hex');
	const pass = (ms: number): void => {
		for (const [run, every] of timers) if (every === ms) run();
	};
	return { made, timers, rotated, key, pass };
}

t.test('a key has 48 bytes, and is the same for the same listener and settings only', async (t) => {
	const { key } = keys();
	t.match(key('a'), /^[0-9a-f]{96}$/);
	t.equal(key('a'), key('a'));
	t.equal(new Set([key('a'), key('b'), key('a', 'x'), key('a,x')]).size, 4);
	t.not(key('a'), keys(new Uint8Array(32).fill(8)).key('a'), 'another secret');
	const [one, other] = [1, 2].map(() => new TicketKeys({ every: () => () => {}, rotated: () => {} }).key('a', ''));
	t.notSame(one, other, 'at random');
});

t.test('a rotation gives its listener another key, and no other', async (t) => {
	const { made, rotated, key, pass } = keys();
	made.adopt(configOf({ a: '1h', b: '2h', c: '' }));
	const seen = [key('a')];
	const b = key('b');
	for (let i = 0; i < 3; i++) {
		pass(3_600_000);
		seen.push(key('a'));
	}
	t.equal(new Set(seen).size, 4);
	t.equal(key('b'), b);
	t.same(rotated, ['a', 'a', 'a']);
});

t.test('a reload keeps keys and timers; another interval has another timer', async (t) => {
	const { made, timers, key } = keys();
	made.adopt(configOf({ a: '1h', b: '1h' }));
	const before = [key('a'), key('b')];
	const [first] = timers.keys();
	made.adopt(configOf({ b: '1h', a: '1h' }));
	t.same([key('a'), key('b')], before);
	t.ok(first !== undefined && timers.has(first), 'the timer goes on');
	made.adopt(configOf({ a: '1h', b: '2h' }));
	t.same([key('a'), key('b')], before);
	t.same([...timers.values()], [3_600_000, 7_200_000]);
	made.stop();
	t.equal(timers.size, 0);
});

t.test('a listener that comes back has neither its old key nor one that was rotated away', async (t) => {
	const { made, timers, key, pass } = keys();
	const seen = new Set<string>();
	made.adopt(configOf({ a: '1h' }));
	seen.add(key('a'));
	pass(3_600_000);
	seen.add(key('a'));
	made.adopt(configOf({ b: '' }));
	t.equal(timers.size, 0);
	made.adopt(configOf({ a: '1h' }));
	t.equal(seen.has(key('a')), false);
	t.equal(timers.size, 1);
});
