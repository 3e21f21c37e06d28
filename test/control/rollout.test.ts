import t from 'tap';
import { Rollout } from '../../src/control/rollout.ts';
import { Teams } from '../../src/control/teams.ts';
import type { ScoreboardMemory, ToWorker } from '../../src/core/messages.ts';
import type { NativeHost } from '../../src/core/ports.ts';
import type { BindSnapshot, Snapshot } from '../../src/core/snapshot.ts';
import { snapshotOf } from '../support/snapshots.ts';

const tcp = (port: number): BindSnapshot => ({ target: { type: 'tcp', host: '127.0.0.1', port }, v6Only: false });
const unix: BindSnapshot = { target: { type: 'unix', path: '/s' }, v6Only: false };
const IN_USE = 'listener listener0: cannot bind 127.0.0.1:1: address in use';

const MEMORY: ScoreboardMemory = {
	pages: [],
	clientTables: [],
	queues: [],
	wakes: new SharedArrayBuffer(0),
	rings: [],
	stats: [],
};

let lastId = 0;
function listening(needsNode: boolean, ...binds: BindSnapshot[]): Snapshot {
	lastId += 1;
	return snapshotOf({ id: lastId, listeners: [{ needsNode, binds }] });
}

const where = ({ listeners }: Snapshot): string =>
	listeners
		.flatMap(({ binds }) => binds.map(({ target }) => (target.type === 'tcp' ? target.port : target.path)))
		.join(' ');

/** A rollout to workers that answer by hand; tells in words what it does. */
function bench(engine: 'epoll' | 'node' = 'epoll') {
	const told: string[] = [];
	const events: string[] = [];
	const staff = engine === 'epoll' ? [0, 1, 2, 3] : [0, 1];
	const failing = { native: [] as string[] };
	const host = {
		open: (snapshot: Snapshot) => {
			told.push(`main opens ${where(snapshot)}`);
			return failing.native;
		},
		socketsOf: () => new Map(),
		adopted: (worker: number, snapshot: Snapshot) => told.push(`main keeps ${where(snapshot)} for ${worker}`),
	};
	const log = {
		info: (msg: string, fields: object) => events.push(`${msg} ${JSON.stringify(fields)}`),
		error: (msg: string, fields: object) => events.push(`${msg} ${JSON.stringify(fields)}`),
	};
	const retries: (() => void)[] = [];
	const rollout = new Rollout({
		teams: new Teams(engine, 2),
		crew: {
			staff,
			send: (worker: number, message: ToWorker) => {
				if (message.type === 'snapshot') told.push(`${worker} of ${message.workers}: ${where(message.snapshot)}`);
			},
		},
		native: engine === 'epoll' ? (host as unknown as NativeHost) : null,
		log: log as never,
		memory: () => MEMORY,
		after: (_ms, run) => {
			retries.push(run);
			return () => {};
		},
	});
	const answer = async (workers: readonly number[], failures: readonly string[] = []): Promise<void> => {
		for (const worker of workers) {
			rollout.applied(worker, { type: 'applied', snapshot: rollout.snapshot?.id ?? 0, failures });
		}
		await new Promise((resolve) => setImmediate(resolve));
	};
	const takeTold = (): string[] => told.splice(0);
	return { rollout, answer, takeTold, events, failing, retries };
}

t.test('the main thread opens sockets, then all workers get the snapshot', async (t) => {
	const { rollout, answer, takeTold } = bench();
	const done = rollout.putInForce(listening(true, tcp(1)));
	t.same(takeTold(), ['main opens ', '2 of 4: 1', '3 of 4: 1', '0 of 4: ', '1 of 4: ']);
	await answer([0, 1, 2, 3]);
	t.same(await done, []);
});

t.test('where a listener moves the team beside gets the snapshot before the main one', async (t) => {
	const { rollout, answer, takeTold } = bench();
	const start = rollout.putInForce(listening(false, tcp(1)));
	await answer([0, 1, 2, 3]);
	await start;
	takeTold();
	const done = rollout.putInForce(listening(true, tcp(1)));
	t.same(takeTold(), ['main opens ', '2 of 4: 1', '3 of 4: 1']);
	await answer([2]);
	t.same(takeTold(), [], 'not before all have answered');
	await answer([3]);
	t.same(takeTold(), ['0 of 4: ', '1 of 4: ']);
	await answer([0, 1]);
	t.same(await done, []);
});

t.test('one team is told at once', async (t) => {
	const { rollout, answer, takeTold } = bench('node');
	const done = rollout.putInForce(listening(true, tcp(1)));
	t.same(takeTold(), ['0 of 2: 1', '1 of 2: 1']);
	await answer([0, 1], [IN_USE]);
	t.same(await done, [IN_USE], 'a failure of several is one');
});

t.test('a unix socket that moves is let go of by one before the other opens it', async (t) => {
	const { rollout, answer, takeTold } = bench();
	const all = async (): Promise<void> => {
		await answer([2, 3]);
		await answer([0, 1]);
	};
	const start = rollout.putInForce(listening(false, unix, tcp(1)));
	await all();
	await start;
	takeTold();
	const done = rollout.putInForce(listening(true, unix, tcp(1)));
	await all();
	await all();
	t.same(await done, []);
	const first = ['main opens ', '2 of 4: 1', '3 of 4: 1', '0 of 4: ', '1 of 4: '];
	const second = ['main opens ', '2 of 4: /s 1', '3 of 4: /s 1', '0 of 4: ', '1 of 4: '];
	t.same(takeTold(), [...first, ...second]);
});

t.test(
	'a replacement gets what is in force; one that joins while a snapshot is on its way is waited for',
	async (t) => {
		const { rollout, answer, takeTold } = bench();
		const done = rollout.putInForce(listening(false, tcp(1)));
		await answer([2]);
		takeTold();
		rollout.adopt(3);
		t.same(takeTold(), ['main keeps  for 3', '3 of 4: ']);
		await answer([3]);
		await answer([0, 1]);
		t.same(await done, []);
		t.equal(rollout.applied(0, { type: 'applied', snapshot: -1, failures: [] }), false);
	},
);

t.test('what cannot be opened at first is the caller’s to tell; later it is told and tried again', async (t) => {
	const { rollout, answer, takeTold, events, failing, retries } = bench();
	failing.native = [IN_USE];
	const start = rollout.putInForce(listening(false, tcp(1)));
	await answer([2, 3]);
	await answer([0, 1]);
	t.same(await start, [IN_USE]);
	t.same(events, []);
	const next = rollout.putInForce(listening(false, tcp(1)));
	takeTold();
	t.match(events, [/^cannot listen .*null/]);
	retries.shift()?.();
	t.same(takeTold(), [], 'not while a snapshot is on its way');
	await answer([2, 3]);
	await answer([0]);
	await answer([1], [IN_USE]);
	await next;
	takeTold();
	failing.native = [];
	retries.shift()?.();
	t.same(takeTold(), ['main opens 1', '0 of 4: 1', '1 of 4: 1'], 'those who miss its sockets hear of them');
	await answer([0, 1]);
	t.match(events.slice(2), [/^listening .*"worker":null/, /^listening .*"worker":1/]);
	retries.shift()?.();
	t.same(takeTold(), []);
});

t.test('a stop in between ends the waiting, and nobody is told any more', async (t) => {
	const { rollout, takeTold } = bench();
	const done = rollout.putInForce(listening(false, tcp(1)));
	takeTold();
	rollout.stop();
	t.same(await done, []);
	t.same(takeTold(), []);
});

t.test('nothing is sent before there is a snapshot', async (t) => {
	const { rollout, takeTold } = bench();
	rollout.send(0);
	rollout.adopt(0);
	t.same(takeTold(), []);
	t.equal(rollout.snapshot, null);
});
