import t from 'tap';
import type { SessionEvent } from '../../src/core/session-io.ts';
import type { BackendSnapshot, PoolQueueSnapshot } from '../../src/core/snapshot.ts';
import { at } from '../../src/policy/world.ts';
import { FakeDesk } from '../support/fake-desk.ts';
import { SessionBench } from '../support/session-bench.ts';
import { type PoolSpec, snapshotOf } from '../support/snapshots.ts';

const ACCEPTED: SessionEvent = { type: 'accepted' };
const GRANT: SessionEvent = { type: 'grant' };
const REFUSED: SessionEvent = { type: 'connect-failed', cause: 'refused', code: 'ECONNREFUSED' };
const CLOSED: SessionEvent = { type: 'closed' };

const queue = (more: Partial<PoolQueueSnapshot> = {}): PoolQueueSnapshot => ({
	number: 0,
	size: 2,
	timeoutMs: 3_000,
	first: false,
	...more,
});

/** Pools of one backend with one place each, all of them taken; the board's total counts those places. */
function crowded(pools: readonly PoolSpec[]) {
	const backends = pools.map((pool) => pool.backends ?? [{ maxConnections: 1 }]);
	const snapshot = snapshotOf({ pools: pools.map((pool, index) => ({ ...pool, backends: at(backends, index) })) });
	const bench = new SessionBench(snapshot);
	for (const pool of snapshot.pools) bench.board.add(at(pool.backends, 0).slot, 1);
	const backend = (pool = 0): BackendSnapshot => at(at(snapshot.pools, pool).backends, 0);
	/** Somebody leaves, and the place goes to the oldest. */
	const handOver = (pool = 0): void => {
		bench.board.add(backend(pool).slot, -1);
		bench.board.grant(at(snapshot.pools, pool).queue?.number ?? -1, backend(pool));
	};
	return { bench, handOver, backend };
}

t.test('a session waits for a place, is told of it, and connects', async (t) => {
	const { bench, handOver } = crowded([{ queue: queue() }]);
	const s = bench.open();
	t.same(s.send(ACCEPTED), []);
	t.equal(s.session.currentState, 'queued');
	t.equal(s.session.backendSlot, null);
	t.equal(s.dueInMs, 3_000);
	bench.pass(40);
	t.same(s.send(GRANT), [], 'a wake-up for nothing changes nothing');
	handOver();
	t.same(s.send(GRANT), ['connect pool0-b0']);
	t.equal(s.dueInMs, 5_000);
	s.send({ type: 'connected' });
	s.send({ type: 'kill', outcome: 'shutdown' });
	s.send(CLOSED);
	t.match(bench.records, [{ queuedMs: 40, pool: 'pool0', backend: 'pool0-b0', attempts: 1, outcome: 'shutdown' }]);
	t.equal(bench.board.total, 0);
});

t.test('who never waited has no time in the record, who waited twice has the sum', async (t) => {
	const { bench, handOver } = crowded([{ queue: queue() }]);
	const s = bench.open();
	s.send(ACCEPTED);
	bench.pass(30);
	handOver();
	s.send(GRANT);
	s.send(REFUSED);
	bench.board.add(bench.context.world.snapshot.pools[0]?.backends[0]?.slot ?? { index: -1, generation: 0 }, 1);
	t.same(s.expire(), []);
	t.equal(s.session.currentState, 'queued', 'after a failed connect it finds the pool full, and waits again');
	bench.pass(12);
	handOver();
	t.same(s.send(GRANT), ['connect pool0-b0']);
	s.send({ type: 'reset', side: 'client' });
	s.send(CLOSED);
	t.match(bench.records, [{ queuedMs: 42, attempts: 2, outcome: 'client-reset' }]);
	const other = bench.open();
	other.send({ type: 'reset', side: 'client' });
	other.send(CLOSED);
	t.equal(bench.records[1]?.queuedMs, null);
});

t.test('how waiting ends without a place', async (t) => {
	const ends: { name: string; events: readonly SessionEvent[]; outcome: string; detail?: string; actions: string[] }[] =
		[
			{
				name: 'a FIN without a byte',
				events: [{ type: 'eof', side: 'client' }],
				outcome: 'client-left',
				actions: ['close fin'],
			},
			{ name: 'a RST', events: [{ type: 'reset', side: 'client' }], outcome: 'client-reset', actions: ['close reset'] },
			{ name: 'a kill', events: [{ type: 'kill', outcome: 'drained' }], outcome: 'drained', actions: ['close fin'] },
			{
				name: 'a drain',
				events: [{ type: 'drain', untilNs: 0, outcome: 'shutdown' }],
				outcome: 'shutdown',
				actions: ['close fin'],
			},
		];
	for (const { name, events, outcome, actions } of ends) {
		for (const granted of [false, true]) {
			const { bench, handOver } = crowded([{ queue: queue() }]);
			const s = bench.open();
			s.send(ACCEPTED);
			if (granted) handOver();
			t.same(
				events.flatMap((event) => s.send(event)),
				actions,
				name,
			);
			t.equal(bench.board.waiting(0), 0, `${name}: it waits no longer, before its sockets are closed`);
			t.equal(
				bench.board.counts.get(bench.context.world.snapshot.pools[0]?.backends[0]?.slot.index ?? -1),
				granted ? 0 : 1,
			);
			s.send(CLOSED);
			t.match(bench.records, [{ outcome, pool: 'pool0', backend: null }], name);
		}
	}
});

t.test('after the time to wait it is refused, unless its turn has just come', async (t) => {
	const late = crowded([{ queue: queue() }]);
	const s = late.bench.open();
	s.send(ACCEPTED);
	t.same(s.expire(), ['close fin']);
	s.send(CLOSED);
	t.match(late.bench.records, [{ outcome: 'queue-timeout', detail: 'pool pool0: 3000 ms', queuedMs: 3_000 }]);
	const lucky = crowded([{ queue: queue() }]);
	const other = lucky.bench.open();
	other.send(ACCEPTED);
	lucky.handOver();
	t.same(other.expire(), ['connect pool0-b0'], 'the wake-up was on its way');
});

t.test('a FIN after bytes is a half-close: the session goes on waiting, and tells the backend', async (t) => {
	const { bench, handOver } = crowded([{ queue: queue() }]);
	const s = bench.open();
	s.send(ACCEPTED);
	s.send({ type: 'early-bytes' });
	t.same(s.send({ type: 'eof', side: 'client' }), []);
	handOver();
	s.send(GRANT);
	t.same(s.send({ type: 'connected' }), ['relay', 'shutdown backend']);
});

t.test('a full queue refuses', async (t) => {
	const { bench } = crowded([{ queue: queue({ size: 1 }) }]);
	bench.open().send(ACCEPTED);
	const s = bench.open();
	t.same(s.send(ACCEPTED), ['close fin']);
	s.send(CLOSED);
	t.match(bench.records, [{ outcome: 'pool-full', detail: 'pool pool0: its queue of 1 is full' }]);
});

t.test('newcomers join behind, even when a place is free', async (t) => {
	const { bench, backend } = crowded([{ queue: queue() }]);
	const first = bench.open();
	first.send(ACCEPTED);
	bench.board.add(backend().slot, -1);
	const second = bench.open();
	t.same(second.send(ACCEPTED), []);
	t.equal(second.session.currentState, 'queued');
});

t.test('in which queue a session waits', async (t) => {
	const free: PoolSpec = { backends: [{ maxConnections: 2 }] };
	const cases: { name: string; pools: readonly PoolSpec[]; waits: number | null; connects?: string }[] = [
		{ name: 'in that of the first full pool', pools: [{ queue: queue() }, { queue: queue({ number: 1 }) }], waits: 0 },
		{ name: 'in the first that has one', pools: [{}, { queue: queue({ number: 1 }) }], waits: 1 },
		{
			name: 'in none while another pool has room',
			pools: [{ queue: queue() }, free],
			waits: null,
			connects: 'connect pool1-b0',
		},
		{ name: 'in one that comes first, before it spills', pools: [{ queue: queue({ first: true }) }, free], waits: 0 },
		{
			name: 'in one that comes first though an earlier pool has one too',
			pools: [{ queue: queue() }, { queue: queue({ number: 1, first: true }) }],
			waits: 1,
		},
		{
			name: 'past one that comes first and is full',
			pools: [{ queue: queue({ first: true, size: 0 }) }, free],
			waits: null,
			connects: 'connect pool1-b0',
		},
		{
			name: 'in none of a pool that is down',
			pools: [{ queue: queue({ first: true }), backends: [{ weight: 0 }] }, free],
			waits: null,
			connects: 'connect pool1-b0',
		},
	];
	for (const { name, pools, waits, connects } of cases) {
		const { bench } = crowded(pools);
		const actions = bench.open().send(ACCEPTED);
		t.same(actions, connects === undefined ? [] : [connects], name);
		for (const number of [0, 1])
			t.equal(bench.board.waiting(number), number === waits ? 1 : 0, `${name}: queue ${number}`);
	}
});

t.test('a queue that has room and cannot be joined is not called full', async (t) => {
	const { bench } = crowded([{ queue: queue() }]);
	class Locked extends FakeDesk {
		override enqueue(): boolean {
			return false;
		}
	}
	Object.assign(bench.context, { host: { ...bench.context.host, openDesk: () => new Locked(bench.board) } });
	t.same(bench.open().send(ACCEPTED), ['close fin']);
	const detail = 'pool pool0: its queue could not be joined, 0 of 2 wait';
	t.match(bench.records, [{ outcome: 'pool-full', detail }]);
});
