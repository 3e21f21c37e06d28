import t from 'tap';
import { idleEntry } from '../../../src/engine/deadlines.ts';
import type { Flow } from '../../../src/engine/epoll/flow.ts';
import { GateQueue } from '../../../src/engine/epoll/gate-queue.ts';
import { Loop, type Timed } from '../../../src/engine/epoll/loop.ts';
import type { Poller } from '../../../src/engine/epoll/poller.ts';

const MS = 1e6;

/** A poller that waits in virtual time and finds what a test puts there. */
function bench(timed: readonly Timed[]) {
	const state = { nowNs: 0, waits: [] as number[], events: 0, told: [] as string[], onEvents: () => {} };
	const poller = {
		wait: (ms: number) => {
			state.waits.push(ms);
			state.nowNs += ms * MS;
			return state.events;
		},
		tell: (count: number) => {
			if (count > 0) state.told.push(`events at ${loop.nowNs / MS} ms`);
			state.events = 0;
			state.onEvents();
		},
	} as unknown as Poller;
	const loop: Loop = new Loop(poller, () => state.nowNs, timed);
	return { loop, state };
}

t.test('with nothing due it waits in pieces of 250 ms, or less when told', async (t) => {
	const { loop, state } = bench([]);
	loop.turn();
	loop.turn(10);
	t.same(state.waits, [250, 10]);
});

t.test('it waits for the next instant, rounded up so that nothing runs early', async (t) => {
	const ran: number[] = [];
	const timed = { nextNs: 7.2 * MS, runDue: (now: number) => ran.push(now / MS) };
	const later = { nextNs: 100 * MS, runDue: () => t.fail('not due') };
	const { loop, state } = bench([later, timed]);
	loop.turn();
	t.same([state.waits, ran], [[8], [8]]);
	timed.nextNs = 1;
	loop.turn();
	t.equal(state.waits.at(-1), 0, 'what is overdue is not waited for');
});

t.test('events are told with the time at which they were found', async (t) => {
	const { loop, state } = bench([]);
	state.events = 1;
	loop.turn(40);
	t.same(state.told, ['events at 40 ms']);
});

t.test('who has more to move is pumped once a turn, without a wait before', async (t) => {
	const { loop, state } = bench([]);
	let pumped = 0;
	const greedy = {
		pump: () => {
			pumped += 1;
			if (pumped < 3) loop.pumpSoon(greedy);
		},
	};
	state.onEvents = () => {
		loop.pumpSoon(greedy);
		state.onEvents = () => {};
	};
	loop.turn(50);
	t.equal(pumped, 1);
	loop.turn(50);
	loop.turn(50);
	t.equal(pumped, 3);
	loop.turn(50);
	t.same(state.waits, [50, 0, 0, 50]);
});

t.test(
	'flows that wait for their gates are pumped when promised, the earliest first, and not after they have left',
	async (t) => {
		const queue = new GateQueue();
		const pumped: string[] = [];
		const flow = (readyMs: number): Flow =>
			({ ...idleEntry(), gate: { readyNs: readyMs * MS }, look: () => {} }) as unknown as Flow;
		const relay = (name: string) => ({ pump: () => pumped.push(name) });
		const [a, b, c] = [flow(30), flow(10), flow(20)];
		queue.await(relay('a'), a);
		queue.await(relay('b'), b);
		queue.await(relay('c'), c);
		t.equal(queue.nextNs, 10 * MS);
		queue.leave(c);
		queue.leave(c);
		queue.runDue(15 * MS);
		t.same(pumped, ['b']);
		queue.runDue(40 * MS);
		t.same(pumped, ['b', 'a']);
		t.equal(queue.nextNs, Number.POSITIVE_INFINITY);
	},
);
