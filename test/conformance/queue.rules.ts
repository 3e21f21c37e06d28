import type { Test } from 'tap';
import { type Backend, greet, startBackend } from '../support/echo.ts';
import type { EngineName } from '../support/engines.ts';
import { allTargets, type Balancer, type Target } from '../support/harness.ts';
import { configOf, listenerTo, type Overrides, poolOf } from '../support/net-config.ts';
import { conformance, type Rules } from '../support/net-rules.ts';
import { dial, type Peer, pass, until } from '../support/peers.ts';

type QueueInput = NonNullable<NonNullable<Overrides['pool']>['queue']>;

/** Longer than any test. */
const LONG = '1m';

interface Scene {
	readonly balancer: Balancer;
	readonly backend: Backend;
}

/** One backend for one client, and a queue before it. */
async function narrow(t: Test, target: Target, queue: Partial<QueueInput> = {}): Promise<Scene> {
	const backend = await startBackend(t, { onClient: greet('b') });
	const pool = { queue: { size: 10, timeout: LONG, ...queue } };
	const balancer = await target.start(t, configOf([{ address: backend.address, maxConnections: 1 }], { pool }));
	return { balancer, backend };
}

/** A client that has the backend's greeting. */
async function served(t: Test, balancer: Balancer): Promise<Peer> {
	const peer = await dial(t, balancer.address());
	await greeting(peer);
	return peer;
}

const greeting = (peer: Peer): Promise<void> => until('a greeting', () => peer.text !== '');

/** A client that is connected and, after a moment, still waits. */
async function waiting(t: Test, balancer: Balancer, data = ''): Promise<Peer> {
	const peer = await dial(t, balancer.address());
	if (data !== '') peer.send(data);
	await pass(40);
	t.ok(peer.text === '' && peer.ended === null, 'it waits');
	return peer;
}

async function leave(peer: Peer): Promise<void> {
	peer.fin();
	await peer.ending();
}

const RULES: Rules = {
	'whoever finds the pool full waits, and is served oldest first': async (t, target) => {
		const { balancer, backend } = await narrow(t, target);
		let inside = await served(t, balancer);
		const queued: Peer[] = [];
		for (let i = 0; i < 5; i++) queued.push(await waiting(t, balancer));
		for (const [at, next] of queued.entries()) {
			await leave(inside);
			await greeting(next);
			t.ok(
				queued.slice(at + 1).every(({ text }) => text === ''),
				'those behind still wait',
			);
			inside = next;
		}
		await leave(inside);
		t.equal(backend.peak, 1);
		const records = await balancer.recorded(6);
		t.ok(records.every(({ outcome, attempts }) => outcome === 'completed' && attempts === 1));
		t.equal(records.filter(({ queuedMs }) => queuedMs === null).length, 1, 'one never waited');
		t.ok(records.every(({ queuedMs }) => queuedMs === null || queuedMs >= 40));
	},

	'what a client sends while it waits comes through, a half-close too': async (t, target) => {
		const { balancer } = await narrow(t, target);
		const inside = await served(t, balancer);
		const queued = await waiting(t, balancer, 'ping');
		queued.fin();
		await pass(40);
		t.equal(queued.ended, null, 'a FIN after bytes is no farewell');
		await leave(inside);
		t.equal(await queued.ending(), 'fin');
		t.match(queued.text, /b\n?ping/);
	},

	'a client that leaves by RST gives up its turn at once': async (t, target) => {
		const { balancer } = await narrow(t, target, { size: 1 });
		const inside = await served(t, balancer);
		(await waiting(t, balancer)).reset();
		t.match(await balancer.recorded(1), [{ outcome: 'client-reset', backend: null, pool: 'out', attempts: 0 }]);
		const next = await waiting(t, balancer);
		await leave(inside);
		await greeting(next);
		await leave(next);
	},

	'a client that leaves by FIN without a byte gives up its turn at once': async (t, target) => {
		const { balancer } = await narrow(t, target, { size: 1 });
		const inside = await served(t, balancer);
		const gone = await waiting(t, balancer);
		gone.fin();
		t.equal(await gone.ending(), 'fin');
		t.match(await balancer.recorded(1), [{ outcome: 'client-left', backend: null, pool: 'out', attempts: 0 }]);
		const next = await waiting(t, balancer);
		await leave(inside);
		await greeting(next);
		await leave(next);
	},

	'who has waited too long is turned away, and who finds the queue full at once': async (t, target) => {
		const { balancer } = await narrow(t, target, { size: 1, timeout: '150ms' });
		const inside = await served(t, balancer);
		const late = await waiting(t, balancer);
		const surplus = await dial(t, balancer.address());
		t.equal(await surplus.ending(), 'fin');
		t.equal(late.ended, null);
		t.equal(await late.ending(), 'fin');
		const records = await balancer.recorded(2);
		t.match(records, [
			{ outcome: 'pool-full', detail: 'pool out: its queue of 1 is full', queuedMs: null },
			{ outcome: 'queue-timeout', detail: 'pool out: 150 ms' },
		]);
		t.ok((records[1]?.queuedMs ?? 0) >= 149, `${records[1]?.queuedMs} ms`);
		await leave(inside);
	},

	'it waits only when no pool has room; with `first` before it spills': async (t, target) => {
		for (const first of [false, true]) {
			const [main, spare] = [
				await startBackend(t, { onClient: greet('m') }),
				await startBackend(t, { onClient: greet('s') }),
			];
			const balancer = await target.start(t, {
				listeners: [listenerTo(['main', 'spare'])],
				pools: [
					poolOf('main', [{ address: main.address, maxConnections: 1 }], { queue: { size: 1, timeout: LONG, first } }),
					poolOf('spare', [spare.address]),
				],
			});
			const inside = await served(t, balancer);
			const second = first ? await waiting(t, balancer) : await served(t, balancer);
			const third = await served(t, balancer);
			t.match(third.text, 's', 'past a queue that is full, too');
			await leave(inside);
			await greeting(second);
			t.match(second.text, first ? 'm' : 's');
			for (const peer of [second, third]) await leave(peer);
		}
	},

	'a backend that is added, or a cap that is raised, serves those who wait': async (t, target) => {
		const { balancer, backend } = await narrow(t, target);
		const pool = { queue: { size: 10, timeout: LONG } };
		const inside = await served(t, balancer);
		const [first, second] = [await waiting(t, balancer), await waiting(t, balancer)];
		await balancer.reload(configOf([{ address: backend.address, maxConnections: 2 }], { pool }));
		await greeting(first);
		t.equal(second.text, '');
		const added = await startBackend(t, { onClient: greet('added') });
		const both = [
			{ address: backend.address, maxConnections: 2 },
			{ address: added.address, maxConnections: 1 },
		];
		await balancer.reload(configOf(both, { pool }));
		await greeting(second);
		t.match(second.text, 'added');
		for (const peer of [inside, first, second]) await leave(peer);
	},

	'a cap that is lowered is reached though others wait': async (t, target) => {
		const backend = await startBackend(t, { onClient: greet('b') });
		const pool = { queue: { size: 10, timeout: LONG } };
		const capped = (maxConnections: number) => configOf([{ address: backend.address, maxConnections }], { pool });
		const balancer = await target.start(t, capped(3));
		const inside = [await served(t, balancer), await served(t, balancer), await served(t, balancer)];
		const queued = await waiting(t, balancer);
		await balancer.reload(capped(1));
		for (const peer of inside.slice(1)) await leave(peer);
		await pass(120);
		t.equal(queued.text, '', 'two have left, one is the cap');
		for (const peer of inside.slice(0, 1)) await leave(peer);
		await greeting(queued);
		await leave(queued);
	},

	'a rate is kept while places pass on': async (t, target) => {
		const backend = await startBackend(t, { onClient: greet('b') });
		const one = { address: backend.address, maxConnections: 1, rate: '2/400ms' };
		const balancer = await target.start(t, configOf([one], { pool: { queue: { size: 10, timeout: LONG } } }));
		const started = performance.now();
		const inside = await served(t, balancer);
		const queued = [await waiting(t, balancer), await waiting(t, balancer), await waiting(t, balancer)];
		await leave(inside);
		for (const peer of queued) {
			await greeting(peer);
			await leave(peer);
		}
		const took = performance.now() - started;
		t.ok(took > 350, `four at two in 400 ms took ${took} ms`);
		t.ok(took < 2_500, 'and nobody is forgotten');
	},

	'whoever waits when the balancer stops is turned away in time': async (t, target) => {
		const { balancer } = await narrow(t, target);
		const inside = await served(t, balancer);
		const queued = await waiting(t, balancer);
		const stopped = balancer.stop(60);
		for (const peer of [inside, queued]) {
			t.equal(await peer.ending(), 'fin');
			peer.fin();
		}
		await stopped;
		const records = await balancer.recorded(2);
		t.ok(records.every(({ outcome }) => outcome === 'shutdown'));
	},
};

export function conform(engine: EngineName): void {
	conformance(RULES, allTargets([engine]), [engine]);
}
