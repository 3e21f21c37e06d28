import t from 'tap';
import type { AccessRules, PoolQueueSnapshot } from '../../src/core/snapshot.ts';
import { SessionBench } from '../support/session-bench.ts';
import { bring } from '../support/session-states.ts';
import { ACCEPTED, CLOSED, CONNECTED, eof, REFUSED, reset } from '../support/session-steps.ts';
import { denying, perClient, type SnapshotSpec, snapshotOf } from '../support/snapshots.ts';

const _QUEUE: PoolQueueSnapshot = { number: 0, size: 2, timeoutMs: 3_000, first: false };

const bench = (spec: SnapshotSpec = {}): SessionBench => new SessionBench(snapshotOf(spec));
const denyAll = (action: AccessRules['action']): AccessRules => denying('0.0.0.0/0', action);

t.test('a session goes from accept to account', async (t) => {
	const b = bench();
	const s = b.open();
	t.same(s.send(ACCEPTED), ['connect pool0-b0']);
	t.equal(s.dueInMs, 5_000, 'the connect has its timeout');
	b.pass(3);
	t.same(s.send(CONNECTED), ['relay']);
	b.pass(10);
	s.byte();
	t.same(s.send(eof('client')), ['shutdown backend']);
	t.same(s.send(eof('backend')), ['shutdown client']);
	t.same(s.send({ type: 'relay-ended' }), ['close fin']);
	t.equal(b.records.length, 1, 'it is told when it ends');
	t.not(b.board.total, 0, 'places are held until the sockets are closed');
	b.pass(3_000);
	t.same(s.send(CLOSED), []);
	t.equal(b.board.total, 0);
	t.match(b.totals, [[{ length: 3 }, 1, 0]], 'the totals of listener, pool and backend, once');
	t.match(b.records, [
		{
			outcome: 'completed',
			listener: 'listener0',
			pool: 'pool0',
			backend: 'pool0-b0',
			route: '1',
			attempts: 1,
			connectMs: 3,
			durationMs: 13,
			uploadBytes: 1,
			detail: null,
			timeMs: 42,
		},
	]);
});

t.test(
	'a client that came in a moment too early goes on when there is room, and its first try counts for nothing',
	async (t) => {
		const b = bench({
			listeners: [{ maxConnections: 1, rates: [{ count: 2, windowMs: 60_000, text: '2/1m' }], overflow: 'wait' }],
		});
		const first = b.open();
		t.same(first.send(ACCEPTED), ['connect pool0-b0']);
		const second = b.open();
		t.same(second.send(ACCEPTED), []);
		t.equal(second.dueInMs, 10);
		for (let i = 0; i < 3; i++) {
			t.same(second.expire(), []);
			t.equal(second.session.currentState, 'waiting');
		}
		first.send({ type: 'kill', outcome: 'shutdown' });
		first.send(CLOSED);
		t.same(second.expire(), ['connect pool0-b0']);
		second.send({ type: 'kill', outcome: 'shutdown' });
		second.send(CLOSED);
		t.equal(b.board.total, 0);
		t.match(b.records, [{ outcome: 'shutdown' }, { outcome: 'shutdown' }]);
	},
);

t.test('a drain that is due while a reset is being flushed does not spin', async (t) => {
	const b = bench();
	const s = bring('flushing', b);
	s.send({ type: 'drain', untilNs: b.nowNs + 1, outcome: 'shutdown' });
	b.pass(10);
	s.send({ type: 'deadline' });
	t.ok(s.session.deadlineNs > b.nowNs);
	t.same(s.expire(), ['close reset']);
	s.send(CLOSED);
	t.equal(b.records[0]?.outcome, 'backend-reset');
});

t.test('refusals', async (t) => {
	const cases: {
		name: string;
		spec: SnapshotSpec;
		prepare?: (b: SessionBench) => void;
		outcome: string;
		detail: string | null;
		actions: string[];
	}[] = [
		{
			name: 'no route matches',
			spec: { listeners: [{ routes: [{ match: { countries: new Set(['DE']) }, to: ['pool0'] }] }] },
			outcome: 'no-route',
			detail: null,
			actions: ['close fin'],
		},
		{
			name: 'denied, close',
			spec: { listeners: [{ access: denyAll('close') }] },
			outcome: 'access-denied',
			detail: 'deny network 0.0.0.0/0',
			actions: ['close fin'],
		},
		{
			name: 'denied, reset',
			spec: { listeners: [{ access: denyAll('reset') }] },
			outcome: 'access-denied',
			detail: 'deny network 0.0.0.0/0',
			actions: ['close reset'],
		},
		{
			name: 'the process is full',
			spec: { process: { maxConnections: 0 } },
			outcome: 'max-connections',
			detail: 'process: maxConnections 0',
			actions: ['close fin'],
		},
		{
			name: 'the listener is full',
			spec: { listeners: [{ maxConnections: 0 }] },
			outcome: 'max-connections',
			detail: 'listener listener0: maxConnections 0',
			actions: ['close fin'],
		},
		{
			name: 'the region is full',
			spec: { regions: [{ name: 'eu', countries: ['DE'], maxConnections: 0 }], overrides: { '192.0.2.0/24': 'DE' } },
			outcome: 'max-connections',
			detail: 'region eu: maxConnections 0',
			actions: ['close fin'],
		},
		{
			name: 'the client has too many',
			spec: { listeners: [{ perClient: perClient({ maxConnections: 0, action: 'reset' }) }] },
			outcome: 'max-connections',
			detail: 'client: maxConnections 0',
			actions: ['close reset'],
		},
		{
			name: 'the listener is too fast',
			spec: { listeners: [{ rates: [{ count: 5, windowMs: 1000, text: '5/s' }] }] },
			prepare: (b) => b.board.rateSpent.add(b.context.world.snapshot.listeners[0]?.slot.index ?? -1),
			outcome: 'rate-limited',
			detail: 'listener listener0: 5/s',
			actions: ['close fin'],
		},
		{
			name: 'every backend is full',
			spec: { pools: [{ backends: [{ maxConnections: 0 }, { maxConnections: 0 }] }] },
			outcome: 'pool-full',
			detail: 'pool pool0',
			actions: ['close fin'],
		},
		{
			name: 'the only backend has weight 0',
			spec: { pools: [{ backends: [{ weight: 0 }] }] },
			outcome: 'pool-down',
			detail: 'pool pool0',
			actions: ['close fin'],
		},
		{
			name: 'one pool down, one full',
			spec: { pools: [{ backends: [] }, { backends: [{ maxConnections: 0 }] }] },
			outcome: 'pool-full',
			detail: 'pool pool1',
			actions: ['close fin'],
		},
	];
	for (const c of cases) {
		const b = bench(c.spec);
		c.prepare?.(b);
		const s = b.open();
		t.same(s.send(ACCEPTED), c.actions, c.name);
		s.send(CLOSED);
		t.equal(b.records[0]?.outcome, c.outcome, c.name);
		t.equal(b.records[0]?.detail, c.detail, c.name);
		t.equal(b.board.total, 0, `${c.name}: everything is given back`);
	}
});

t.test('a refused attempt gives its rate counts back, one in the tarpit keeps them', async (t) => {
	for (const [action, refunds] of [
		['close', 1],
		['reset', 1],
		['silent', 1],
		['tarpit', 0],
	] as const) {
		const b = bench({ listeners: [{ access: denyAll(action) }] });
		b.open().send(ACCEPTED);
		t.equal(b.board.refunds, refunds, action);
	}
});

t.test('silent holds the client unanswered, then resets it', async (t) => {
	const b = bench({ listeners: [{ access: denyAll('silent') }] });
	const s = b.open();
	t.same(s.send(ACCEPTED), ['hold']);
	t.equal(s.dueInMs, 10_000);
	t.same(s.expire(), ['close reset']);
	s.send(CLOSED);
	t.match(b.records, [{ outcome: 'access-denied', detail: 'deny network 0.0.0.0/0 (held)' }]);
});

t.test('the tarpit delays, then serves, and a FIN meanwhile is kept as a half-close', async (t) => {
	const b = bench({ listeners: [{ access: denyAll('tarpit') }] });
	const s = b.open();
	t.same(s.send(ACCEPTED), ['hold']);
	t.same(s.send(eof('client')), []);
	t.same(s.expire(), ['connect pool0-b0']);
	t.same(s.send(CONNECTED), ['relay', 'shutdown backend']);
});

t.test('behind the tarpit the gates that follow still hold', async (t) => {
	const b = bench({ listeners: [{ access: denyAll('tarpit'), perClient: perClient({ maxConnections: 0 }) }] });
	const s = b.open();
	t.same(s.send(ACCEPTED), ['hold']);
	t.same(s.expire(), ['close fin']);
	s.send(CLOSED);
	t.match(b.records, [{ outcome: 'max-connections' }]);
});

t.test('at most one percent of the process cap is held, the oldest goes first', async (t) => {
	const b = new SessionBench(snapshotOf({ listeners: [{ access: denyAll('silent') }] }), 200);
	const [first, second, third] = [b.open(), b.open(), b.open()];
	for (const s of [first, second, third]) s.send(ACCEPTED);
	t.same(b.evicted, [first.session]);
	t.same(first.send({ type: 'evict' }), ['close reset']);
	t.equal(b.context.host.held.size, 2);
});

t.test('how many may be held follows the process cap; when it falls, the oldest go', async (t) => {
	const b = new SessionBench(snapshotOf({ listeners: [{ access: denyAll('silent') }] }), 200);
	const [first, second] = [b.open(), b.open()];
	for (const s of [first, second]) s.send(ACCEPTED);
	b.context.host.held.follow(300);
	const third = b.open();
	third.send(ACCEPTED);
	t.same(b.evicted, [], '1 % of 300 are 3');
	b.context.host.held.follow(100);
	t.same(b.evicted, [first.session, second.session]);
	t.equal(b.context.host.held.size, 1);
	b.context.host.held.follow(600, 4);
	const fourth = b.open();
	fourth.send(ACCEPTED);
	t.same(b.evicted, [first.session, second.session, third.session], 'a quarter of 6 is 1');
});

t.test('a failed connect is tried on another backend first, with backoff that doubles', async (t) => {
	const b = bench({ pools: [{ backends: [{ name: 'a' }, { name: 'b' }] }] });
	const s = b.open();
	t.same(s.send(ACCEPTED), ['connect a']);
	t.same(s.send(REFUSED), []);
	t.equal(s.dueInMs, 75, 'half of 100 ms and a random half of the rest');
	t.same(s.expire(), ['connect b']);
	s.send({ type: 'connect-failed', cause: 'unreachable', code: 'EHOSTUNREACH' });
	t.equal(s.dueInMs, 150);
	const [third] = s.expire();
	t.match(third, /^connect [ab]$/, 'both failed: any open one again');
	t.same(s.send(REFUSED), ['close reset']);
	s.send(CLOSED);
	t.match(b.records, [{ outcome: 'connect-failed', attempts: 3, connectMs: null }]);
	t.match(b.records[0]?.detail, /: refused \(ECONNREFUSED\)$/);
	t.equal(b.connects.filter((c) => !c.ok).length, 3, 'each failure is told');
	t.equal(b.board.total, 0);
});

t.test('a connect without an answer is dropped and tried elsewhere', async (t) => {
	const b = bench({ pools: [{ backends: [{ name: 'a' }, { name: 'b' }] }] });
	const s = b.open();
	s.send(ACCEPTED);
	t.same(s.expire(), ['cancel-connect']);
	t.same(s.expire(), ['connect b']);
	t.same(s.send(CONNECTED), ['relay']);
});

t.test('when every backend of a pool failed, the next pool of the route is tried', async (t) => {
	const b = bench({ pools: [{ backends: [{ name: 'a' }] }, { backends: [{ name: 'z' }] }] });
	const s = b.open();
	t.same(s.send(ACCEPTED), ['connect a']);
	s.send(REFUSED);
	t.same(s.expire(), ['connect z']);
});

t.test('our own shortage is not held against the backend', async (t) => {
	const b = bench({ pools: [{ retries: { attempts: 0, backoffMs: 1, maxBackoffMs: 1 } }] });
	const s = b.open();
	s.send(ACCEPTED);
	t.same(s.send({ type: 'connect-failed', cause: 'own-shortage', code: 'EMFILE' }), ['close reset']);
	s.send(CLOSED);
	t.match(b.records, [{ outcome: 'own-shortage', detail: 'pool0-b0: own-shortage (EMFILE)' }]);
	t.same(b.connects, []);
});

t.test('the idle time begins anew with every byte, without an event for it', async (t) => {
	const b = bench({ listeners: [{ timeouts: { idleMs: 1_000, halfCloseMs: 200, maxDurationMs: null } }] });
	const s = b.open();
	s.send(ACCEPTED);
	s.send(CONNECTED);
	b.pass(600);
	s.byte();
	b.pass(400);
	t.same(s.send({ type: 'deadline' }), []);
	t.equal(s.dueInMs, 600);
	t.same(s.expire(), ['close fin']);
	s.send(CLOSED);
	t.equal(b.records[0]?.outcome, 'idle-timeout');
});

t.test('after a FIN the other direction may be quiet for halfClose', async (t) => {
	const b = bench({ listeners: [{ timeouts: { idleMs: 1_000, halfCloseMs: 200, maxDurationMs: null } }] });
	const s = b.open();
	s.send(ACCEPTED);
	s.send(CONNECTED);
	b.pass(900);
	s.send(eof('client'));
	t.equal(s.dueInMs, 200);
	t.same(s.expire(), ['close fin']);
	s.send(CLOSED);
	t.equal(b.records[0]?.outcome, 'half-close-timeout');
});

t.test('while a gate holds a direction back the session is neither idle nor half-closed for too long', async (t) => {
	for (const [event, quietMs, outcome] of [
		[null, 1_000, 'idle-timeout'],
		[eof('client'), 200, 'half-close-timeout'],
	] as const) {
		const b = bench({ listeners: [{ timeouts: { idleMs: 1_000, halfCloseMs: 200, maxDurationMs: null } }] });
		const s = b.open();
		s.send(ACCEPTED);
		s.send(CONNECTED);
		if (event !== null) s.send(event);
		s.meter.throttledSinceNs = b.nowNs;
		for (let rounds = 0; rounds < 5; rounds++) {
			t.same(s.expire(), []);
			t.equal(s.dueInMs, quietMs, 'it would begin now');
		}
		s.meter.throttledNs += b.nowNs - s.meter.throttledSinceNs;
		s.meter.throttledSinceNs = 0;
		s.byte();
		t.same(s.expire(), ['close fin'], 'so long after the last byte');
		s.send(CLOSED);
		t.match(b.records, [{ outcome, throttledMs: 5 * quietMs }]);
	}
});

t.test('a spell of waiting that lasts to the end counts, too', async (t) => {
	const b = bench({});
	const s = b.open();
	s.send(ACCEPTED);
	s.send(CONNECTED);
	s.meter.throttledNs = 30e6;
	s.meter.throttledSinceNs = b.nowNs;
	b.pass(70);
	s.send({ type: 'kill', outcome: 'drained' });
	s.send(CLOSED);
	t.equal(b.records[0]?.throttledMs, 100);
});

t.test('the gates are those of the places the session holds, asked for when the relay begins', async (t) => {
	const b = bench({ overrides: { '192.0.2.0/24': 'DE' }, regions: [{ name: 'eu', countries: ['DE'] }] });
	const { snapshot } = b.context.world;
	const s = b.open('192.0.2.1');
	s.send(ACCEPTED);
	t.same(b.board.gatesAsked, []);
	s.send(CONNECTED);
	const [pool] = snapshot.pools;
	t.same(b.board.gatesAsked, [
		{
			listener: snapshot.listeners[0]?.slot,
			region: snapshot.regions[0]?.slot,
			pool: pool?.slot,
			backend: pool?.backends[0]?.slot,
		},
	]);
});

t.test('no timeout means never', async (t) => {
	const b = bench({ listeners: [{ timeouts: { idleMs: null, halfCloseMs: null, maxDurationMs: null } }] });
	const s = b.open();
	s.send(ACCEPTED);
	s.send(CONNECTED);
	t.equal(s.session.deadlineNs, Number.POSITIVE_INFINITY);
	s.send(eof('client'));
	t.equal(s.session.deadlineNs, Number.POSITIVE_INFINITY);
});

t.test('the longest duration counts from the accept', async (t) => {
	const b = bench({ listeners: [{ timeouts: { idleMs: null, halfCloseMs: null, maxDurationMs: 500 } }] });
	const s = b.open();
	s.send(ACCEPTED);
	b.pass(100);
	s.send(CONNECTED);
	t.equal(s.dueInMs, 400);
	t.same(s.expire(), ['close fin']);
	s.send(CLOSED);
	t.equal(b.records[0]?.outcome, 'max-duration');
});

t.test('what was read from a side that reset is offered for one second', async (t) => {
	const b = bench();
	const s = bring('flushing', b);
	t.equal(s.dueInMs, 1_000);
	t.same(s.expire(), ['close reset']);
	s.send(CLOSED);
	t.equal(b.records[0]?.outcome, 'backend-reset');
});

t.test('a drain ends the session when its time is over, and a later one only shortens', async (t) => {
	const b = bench();
	const s = bring('relaying', b);
	s.send({ type: 'drain', untilNs: b.nowNs + 5e9, outcome: 'drained' });
	s.send({ type: 'drain', untilNs: b.nowNs + 9e9, outcome: 'shutdown' });
	t.equal(s.dueInMs, 5_000);
	t.same(s.expire(), ['close fin']);
	s.send(CLOSED);
	t.equal(b.records[0]?.outcome, 'drained');
});

t.test('a session in its relay, or held in silence, needs its snapshot no more', async (t) => {
	const s = bring('connecting');
	t.equal(s.session.snapshotId, 1);
	s.send(CONNECTED);
	t.equal(s.session.snapshotId, null);
	t.equal(bring('silent').session.snapshotId, null);
	t.equal(bring('tarpit').session.snapshotId, 1, 'it has still to be served');
});

t.test('a unix-domain client has no address: rules by address do not match it', async (t) => {
	const b = bench({ listeners: [{ access: denyAll('close'), perClient: perClient({ maxConnections: 0 }) }] });
	const s = b.open(null);
	t.same(s.send(ACCEPTED), ['connect pool0-b0']);
});

t.test('the access log can be left to errors, or off', async (t) => {
	for (const [accessLog, expected] of [
		['all', 2],
		['errors', 1],
		['none', 0],
	] as const) {
		const b = bench({ accessLog });
		const good = bring('relaying', b);
		good.send({ type: 'relay-ended' });
		good.send(CLOSED);
		const bad = bring('connecting', b);
		bad.send(reset('client'));
		bad.send(CLOSED);
		t.equal(b.records.length, expected, accessLog);
	}
});
