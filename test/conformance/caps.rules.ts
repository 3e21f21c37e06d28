import type { Test } from 'tap';
import { greet, startBackend, startEcho } from '../support/echo.ts';
import type { EngineName } from '../support/engines.ts';
import { allTargets, type Balancer } from '../support/harness.ts';
import { configOf, listenerTo, poolOf } from '../support/net-config.ts';
import { conformance, type Rules } from '../support/net-rules.ts';
import { dial, type Peer, until } from '../support/peers.ts';

/** A client that has been greeted, with the greeting, or null when it was turned away. */
async function greeted(t: Test, balancer: Balancer): Promise<{ readonly peer: Peer; readonly name: string | null }> {
	const peer = await dial(t, balancer.address());
	await until('an answer', () => peer.ended !== null || peer.text.includes('\n'));
	return { peer, name: peer.text === '' ? null : peer.text.trimEnd() };
}

async function namesOf(t: Test, balancer: Balancer, count: number): Promise<(string | null)[]> {
	const names: (string | null)[] = [];
	for (let i = 0; i < count; i++) names.push((await greeted(t, balancer)).name);
	return names;
}

const RULES: Rules = {
	'a cap is never exceeded at the backend and is used in full': async (t, target) => {
		const backend = await startBackend(t, { onClient: greet('b') });
		const balancer = await target.start(t, configOf([{ address: backend.address, maxConnections: 10 }]));
		const all = await Promise.all(Array.from({ length: 60 }, () => greeted(t, balancer)));
		const served = all.filter(({ name }) => name !== null);
		t.equal(served.length, 10);
		t.equal(backend.peak, 10);
		t.ok(all.filter(({ name }) => name === null).every(({ peer }) => peer.ended === 'fin'));
		const refused = await balancer.recorded(50);
		t.ok(refused.every(({ outcome, detail }) => outcome === 'pool-full' && detail === 'pool out'));
		for (const { peer } of served) peer.fin();
		await balancer.recorded(60);
		t.equal((await greeted(t, balancer)).name, 'b', 'places come back');
		t.equal(backend.peak, 10);
	},

	'clients that come and go use a cap in full and never exceed it': async (t, target) => {
		const backend = await startBackend(t, { onClient: greet('b') });
		const balancer = await target.start(t, configOf([{ address: backend.address, maxConnections: 4 }]));
		let served = 0;
		const comeAndGo = async (): Promise<void> => {
			for (let i = 0; i < 25; i++) {
				const { peer, name } = await greeted(t, balancer);
				if (name !== null) served += 1;
				peer.fin();
				await peer.ending();
			}
		};
		await Promise.all(Array.from({ length: 8 }, comeAndGo));
		const records = await balancer.recorded(200);
		t.equal(backend.peak, 4);
		t.same(new Set(records.map(({ outcome }) => outcome)), new Set(['completed', 'pool-full']));
		t.equal(records.filter(({ outcome }) => outcome === 'completed').length, served);
	},

	'a full backend passes its clients to the others, a full pool to the next pool': async (t, target) => {
		const [one, two, next] = [
			await startBackend(t, { onClient: greet('one') }),
			await startBackend(t, { onClient: greet('two') }),
			await startBackend(t, { onClient: greet('next') }),
		];
		const balancer = await target.start(t, {
			listeners: [listenerTo(['a', 'b'])],
			pools: [
				poolOf(
					'a',
					[one, two].map(({ address }) => ({ address, maxConnections: 1 })),
					{ balance: 'first' },
				),
				poolOf('b', [{ address: next.address, maxConnections: 1 }]),
			],
		});
		t.same(await namesOf(t, balancer, 4), ['one', 'two', 'next', null]);
		t.match(await balancer.recorded(1), [{ outcome: 'pool-full', detail: 'pool a' }]);
	},

	'a pool of which no backend may be used is down, and the next pool serves': async (t, target) => {
		const [parked, next] = [await startEcho(t), await startBackend(t, { onClient: greet('next') })];
		const balancer = await target.start(t, {
			listeners: [listenerTo(['parked', 'next']), listenerTo(['parked'], { name: 'alone' })],
			pools: [poolOf('parked', [{ address: parked.address, weight: 0 }]), poolOf('next', [next.address])],
		});
		t.same(await namesOf(t, balancer, 1), ['next']);
		const lost = await dial(t, balancer.address('alone'));
		t.equal(await lost.ending(), 'fin');
		t.match(await balancer.recorded(1), [{ outcome: 'pool-down', detail: 'pool parked' }]);
		t.equal(parked.served, 0);
	},

	'a backup serves when the others have no room': async (t, target) => {
		const [main, spare] = [
			await startBackend(t, { onClient: greet('main') }),
			await startBackend(t, { onClient: greet('spare') }),
		];
		const backends = [
			{ address: spare.address, backup: true },
			{ address: main.address, maxConnections: 2 },
		];
		const balancer = await target.start(t, configOf(backends));
		t.same(await namesOf(t, balancer, 3), ['main', 'main', 'spare']);
	},

	'a rate of a backend sends its clients to the others': async (t, target) => {
		const [slow, other] = [
			await startBackend(t, { onClient: greet('slow') }),
			await startBackend(t, { onClient: greet('other') }),
		];
		const backends = [{ address: slow.address, rate: '2/1m' }, { address: other.address }];
		const balancer = await target.start(t, configOf(backends, { pool: { balance: 'first' } }));
		t.same(await namesOf(t, balancer, 4), ['slow', 'slow', 'other', 'other']);
	},

	'round robin goes round once for all workers': async (t, target) => {
		const servers = await Promise.all(['a', 'b', 'c'].map((name) => startBackend(t, { onClient: greet(name) })));
		const balancer = await target.start(t, configOf(servers.map(({ address }) => address)));
		const names = await namesOf(t, balancer, 12);
		t.same(new Set(names.slice(0, 3)).size, 3);
		for (const server of servers) t.equal(server.served, 4);
	},

	'least connections fills the emptiest, over all workers': async (t, target) => {
		const servers = await Promise.all(['a', 'b', 'c', 'd'].map((name) => startBackend(t, { onClient: greet(name) })));
		const pool = { balance: 'least-connections' } as const;
		const balancer = await target.start(
			t,
			configOf(
				servers.map(({ address }) => address),
				{ pool },
			),
		);
		await namesOf(t, balancer, 20);
		t.same(
			servers.map(({ sockets }) => sockets.size),
			[5, 5, 5, 5],
		);
	},

	'ip-hash gives a client the same backend again': async (t, target) => {
		const servers = await Promise.all(['a', 'b', 'c', 'd'].map((name) => startBackend(t, { onClient: greet(name) })));
		const pool = { balance: 'ip-hash' } as const;
		const balancer = await target.start(
			t,
			configOf(
				servers.map(({ address }) => address),
				{ pool },
			),
		);
		t.equal(new Set(await namesOf(t, balancer, 8)).size, 1);
	},
};

export function conform(engine: EngineName): void {
	conformance(RULES, allTargets([engine]), [engine]);
}
