import t from 'tap';
import { TeamBeside } from '../../src/control/team-beside.ts';
import { Teams } from '../../src/control/teams.ts';
import { snapshotOf } from '../support/snapshots.ts';
import { VirtualTime } from '../support/virtual-time.ts';

const LONG_MS = 60_000;
const needed = snapshotOf({ listeners: [{ needsNode: true }] });
const unneeded = snapshotOf({ listeners: [{ needsNode: false }] });

function bench(engine: 'epoll' | 'node' = 'epoll') {
	const time = new VirtualTime();
	const told: string[] = [];
	const state = { sessions: 0 };
	const gone = Promise.withResolvers<void>();
	const beside = new TeamBeside({
		teams: new Teams(engine, 1),
		every: time.every,
		hire: ({ numbers }) => told.push(`hire ${numbers}`),
		sessionsOf: () => state.sessions,
		letGo: ({ numbers }) => {
			told.push(`let go ${numbers}`);
			return gone.promise;
		},
	});
	const put = (snapshot: typeof needed): void => {
		beside.prepare(snapshot);
		beside.review(snapshot);
	};
	return { beside, time, told, state, gone, put };
}

t.test('it is hired once, and let go once, when its last session is over', async (t) => {
	const { time, told, state, put } = bench();
	put(unneeded);
	t.same(told, []);
	put(needed);
	put(needed);
	state.sessions = 1;
	put(unneeded);
	time.pass(LONG_MS);
	t.same(told, ['hire 1']);
	state.sessions = 0;
	time.pass(LONG_MS);
	t.same(told, ['hire 1', 'let go 1']);
});

t.test('who is needed again before that stays', async (t) => {
	const { beside, time, told, put } = bench();
	put(needed);
	put(unneeded);
	await beside.settled();
	time.pass(LONG_MS);
	t.same(told, ['hire 1'], 'not while a snapshot is on its way');
	put(needed);
	time.pass(LONG_MS);
	t.same(told, ['hire 1']);
});

t.test('a change that was refused is no reason to keep it', async (t) => {
	const { beside, time, told, put } = bench();
	put(needed);
	put(unneeded);
	await beside.settled();
	beside.review(unneeded);
	time.pass(LONG_MS);
	t.same(told, ['hire 1', 'let go 1']);
});

t.test('who is on the way out is waited for, and then hired anew', async (t) => {
	const { beside, time, told, gone, put } = bench();
	put(needed);
	put(unneeded);
	time.pass(LONG_MS);
	let settled = false;
	const waiting = beside.settled().then(() => {
		settled = true;
	});
	await new Promise((resolve) => setImmediate(resolve));
	t.equal(settled, false);
	gone.resolve();
	await waiting;
	put(needed);
	t.same(told, ['hire 1', 'let go 1', 'hire 1']);
});

t.test('nobody is let go after the end, nor where there is one engine, nor before the first snapshot', async (t) => {
	const { beside, time, told, put } = bench();
	put(needed);
	put(unneeded);
	beside.stop();
	time.pass(LONG_MS);
	t.same(told, ['hire 1']);
	const one = bench('node');
	one.put(needed);
	one.put(unneeded);
	one.beside.review(null);
	one.time.pass(LONG_MS);
	t.same(one.told, []);
});
