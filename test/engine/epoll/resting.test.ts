import t from 'tap';
import { ClosingConnections } from '../../../src/engine/epoll/closing.ts';
import type { EpollConnection } from '../../../src/engine/epoll/connection.ts';
import { ERRNO } from '../../../src/engine/epoll/errno.ts';
import { FullListeners } from '../../../src/engine/epoll/full-listeners.ts';
import type { EpollListener } from '../../../src/engine/epoll/listener.ts';
import { Starvation } from '../../../src/engine/epoll/starvation.ts';
import { LoopTimers } from '../../../src/engine/epoll/timers.ts';

const MS = 1e6;
const NEVER = Number.POSITIVE_INFINITY;

t.test(
	'without descriptors accepting rests, is told once, and goes on by time or when one is given back',
	async (t) => {
		const done: string[] = [];
		const state = { nowNs: 1_000, resumes: true };
		const starvation = new Starvation({
			pauseAll: () => done.push('pause'),
			resumeAll: () => {
				done.push('resume');
				return state.resumes;
			},
			nowNs: () => state.nowNs,
			log: ({ msg, fields }) => done.push(`${msg} ${fields.error ?? ''}`.trim()),
		});
		const said = (): string[] => done.splice(0);
		t.equal(starvation.nextNs, NEVER);
		starvation.runDue();
		starvation.end();
		t.same(said(), [], 'nothing to do');
		starvation.begin(-ERRNO.EMFILE);
		t.same(said(), ['pause', 'accepting pauses EMFILE']);
		t.equal(starvation.nextNs, 1_000 + 500 * MS);
		starvation.runDue();
		t.same(said(), ['resume']);
		t.equal(starvation.nextNs, NEVER);
		for (let i = 0; i < 100; i++) {
			starvation.begin(-ERRNO.EMFILE);
			starvation.runDue();
		}
		t.notOk(
			said().some((line) => line.startsWith('accepting')),
			'told once, however often it fails',
		);
		starvation.end();
		t.same(said(), [], 'not while it may pause again at once');
		state.nowNs += 1_000 * MS;
		starvation.end();
		starvation.end();
		t.same(said(), ['accepting goes on']);
		starvation.begin(-ERRNO.ENFILE);
		t.same(said(), ['pause', 'accepting pauses ENFILE'], 'and again the next time');
		state.resumes = false;
		starvation.runDue();
		t.not(starvation.nextNs, NEVER, 'a listener that could not be resumed is tried again');
	},
);

t.test('full listeners go on when there is room: asked when a session ends and every few milliseconds', async (t) => {
	const state = { nowNs: 0, room: new Set<string>() };
	const resumed: string[] = [];
	const listener = (name: string, answer = 0): EpollListener =>
		({
			name,
			resume: () => {
				resumed.push(name);
				return answer;
			},
		}) as unknown as EpollListener;
	const full = new FullListeners(
		(one) => state.room.has((one as unknown as { name: string }).name),
		() => state.nowNs,
	);
	t.equal(full.nextNs, NEVER);
	full.runDue();
	const [a, b] = [listener('a'), listener('b')];
	full.add(a);
	full.add(b);
	t.equal(full.nextNs, 10 * MS);
	state.nowNs = 10 * MS;
	full.runDue();
	t.same(resumed, []);
	t.equal(full.nextNs, 20 * MS);
	state.room.add('b');
	full.runDue();
	t.same(resumed, ['b']);
	full.drop(a);
	state.room.add('a');
	full.runDue();
	t.same(resumed, ['b'], 'one that is closed is not resumed');
	full.runDue();
	t.equal(full.nextNs, NEVER);
	full.add(listener('a', -ERRNO.ENOMEM));
	full.runDue();
	t.not(full.nextNs, NEVER, 'one that could not be resumed is tried again');
});

t.test('what is closing has 3 s, and the last one to go is told', async (t) => {
	const state = { nowNs: 0, none: 0 };
	const ended: string[] = [];
	const connection = (name: string): EpollConnection =>
		({
			endClosing: () => ended.push(name),
			abandon: () => ended.push(`${name} abandoned`),
		}) as unknown as EpollConnection;
	const closing = new ClosingConnections(
		() => state.nowNs,
		() => (state.none += 1),
	);
	const [a, b, c] = [connection('a'), connection('b'), connection('c')];
	closing.done(a);
	t.equal(state.none, 0, 'it was not watched');
	closing.watch(a);
	state.nowNs = 1_000 * MS;
	closing.watch(b);
	closing.watch(a);
	t.equal(closing.nextNs, 3_000 * MS, 'its time began when it was first watched');
	closing.runDue(3_000 * MS);
	t.same([ended, closing.size, state.none], [['a'], 1, 0]);
	closing.done(b);
	t.same([closing.size, state.none], [0, 1]);
	closing.watch(c);
	closing.abandon();
	t.same(ended, ['a', 'c abandoned']);
	t.equal(closing.nextNs, NEVER);
});

t.test("a worker's timers run once, when due, unless cancelled", async (t) => {
	const state = { nowNs: 0 };
	const ran: string[] = [];
	const timers = new LoopTimers(() => state.nowNs);
	t.equal(timers.nextNs, NEVER);
	timers.after(20, () => ran.push('late'));
	const cancel = timers.after(10, () => ran.push('cancelled'));
	timers.after(10, () => {
		ran.push('early');
		timers.after(5, () => ran.push('again'));
	});
	t.equal(timers.nextNs, 10 * MS);
	cancel();
	timers.runDue(9 * MS);
	t.same(ran, []);
	state.nowNs = 10 * MS;
	timers.runDue(10 * MS);
	t.same(ran, ['early']);
	t.equal(timers.nextNs, 15 * MS);
	timers.runDue(30 * MS);
	t.same(ran, ['early', 'late', 'again']);
	t.equal(timers.nextNs, NEVER);
});
