import type { Test } from 'tap';
import { greet, startBackend, startEcho } from '../support/echo.ts';
import type { EngineName } from '../support/engines.ts';
import { allTargets, type Balancer } from '../support/harness.ts';
import { join, utf8 } from '../support/hello-bytes.ts';
import { configOf, listenerTo, type Overrides, poolOf } from '../support/net-config.ts';
import { conformance, type Rules } from '../support/net-rules.ts';
import { dial, type Peer, pass, until } from '../support/peers.ts';

type ListenerInput = NonNullable<Overrides['listener']>;

/** Longer than any test. */
const LONG = '1m';
const believing: ListenerInput = { proxyProtocol: { from: ['127.0.0.0/8'], timeout: LONG } };

const headerOf = (address: string): Buffer => Buffer.from(`PROXY TCP4 ${address} 198.51.100.2 1000 2000\r\n`);
const addressOf = (client: string | null | undefined): string | undefined => client?.split(':')[0];

/** A client that says who it is; it has `heard` once it is served. */
async function client(t: Test, balancer: Balancer, address: string, more = ''): Promise<Peer> {
	const peer = await dial(t, balancer.address());
	peer.send(Buffer.concat([headerOf(address), Buffer.from(more)]));
	return peer;
}

async function served(t: Test, balancer: Balancer, address: string): Promise<Peer> {
	const peer = await client(t, balancer, address);
	await until('a greeting', () => peer.text !== '');
	return peer;
}

async function refused(t: Test, balancer: Balancer, address: string): Promise<void> {
	const peer = await client(t, balancer, address);
	await peer.ending();
	t.equal(peer.text, '');
	peer.fin();
}

async function leave(peer: Peer): Promise<void> {
	peer.fin();
	await peer.ending();
}

const RULES: Rules = {
	'access lists and countries are those of the client': async (t, target) => {
		const backend = await startBackend(t, { onClient: greet('b') });
		const access = { deny: { networks: ['203.0.113.0/24'], countries: ['DE'] } };
		const more = { geo: { overrides: [{ network: '198.51.100.0/24', country: 'DE' }] } };
		const balancer = await target.start(t, configOf([backend.address], { listener: { ...believing, access }, more }));
		for (const address of ['203.0.113.9', '198.51.100.9']) await refused(t, balancer, address);
		await leave(await served(t, balancer, '192.0.2.9'));
		const records = await balancer.recorded(3);
		t.same(records.map(({ outcome, client: who }) => [outcome, addressOf(who)]).sort(), [
			['access-denied', '198.51.100.9'],
			['access-denied', '203.0.113.9'],
			['completed', '192.0.2.9'],
		]);
		t.equal(records.find(({ client: who }) => addressOf(who) === '198.51.100.9')?.country, 'DE');
		t.equal(backend.served, 1);
	},

	'what one client may have counts by the address that it is named by': async (t, target) => {
		const backend = await startBackend(t, { onClient: greet('b') });
		const perClient = { maxConnections: 1 };
		const balancer = await target.start(t, configOf([backend.address], { listener: { ...believing, perClient } }));
		const [one, other] = [await served(t, balancer, '192.0.2.1'), await served(t, balancer, '192.0.2.2')];
		await refused(t, balancer, '192.0.2.1');
		t.match(await balancer.recorded(1), [{ outcome: 'max-connections', client: '192.0.2.1:1000' }]);
		await leave(one);
		await balancer.recorded(2);
		await leave(await served(t, balancer, '192.0.2.1'));
		await leave(other);
	},

	'routes and hashes go by the client': async (t, target) => {
		const names = ['a', 'b', 'c', 'd', 'e'];
		const backends = await Promise.all(names.map((name) => startBackend(t, { onClient: greet(name) })));
		const special = await startBackend(t, { onClient: greet('special') });
		const balancer = await target.start(t, {
			listeners: [
				{
					...listenerTo([]),
					...believing,
					routes: [{ match: { networks: ['203.0.113.0/24'] }, to: ['special'] }, { to: ['out'] }],
				},
			],
			pools: [
				poolOf(
					'out',
					backends.map(({ address }) => address),
					{ balance: 'ip-hash' },
				),
				poolOf('special', [special.address]),
			],
		});
		const answer = async (address: string): Promise<string> => {
			const peer = await served(t, balancer, address);
			await leave(peer);
			return peer.text.trim();
		};
		t.equal(await answer('203.0.113.77'), 'special');
		const seen = new Set<string>();
		for (let host = 1; host <= 24; host++) {
			const name = await answer(`192.0.2.${host}`);
			t.equal(await answer(`192.0.2.${host}`), name, 'the same client, the same backend');
			seen.add(name);
		}
		t.ok(seen.size > 1, `${seen.size} backends for 24 clients from one peer`);
	},

	'what limits a listener holds before the header has come': async (t, target) => {
		const backend = await startBackend(t, { onClient: greet('b') });
		const balancer = await target.start(
			t,
			configOf([backend.address], { listener: { ...believing, maxConnections: 1 } }),
		);
		const silent = await dial(t, balancer.address());
		await pass(50);
		const surplus = await dial(t, balancer.address());
		t.equal(await surplus.ending(), 'fin');
		surplus.fin();
		t.match(await balancer.recorded(1), [{ outcome: 'max-connections' }]);
		silent.send(headerOf('192.0.2.1'));
		await silent.heard(2);
		await leave(silent);
	},

	'a client that waits in a queue with nothing but its header sent, and ends, has left; with a byte more it has not':
		async (t, target) => {
			const backend = await startBackend(t, { onClient: greet('b') });
			const pool = { queue: { size: 10, timeout: LONG } };
			const config = configOf([{ address: backend.address, maxConnections: 1 }], { pool, listener: believing });
			const balancer = await target.start(t, config);
			const inside = await served(t, balancer, '192.0.2.1');
			const bare = await client(t, balancer, '192.0.2.2');
			bare.fin();
			t.equal(await bare.ending(), 'fin');
			t.match(await balancer.recorded(1), [{ outcome: 'client-left', client: '192.0.2.2:1000', attempts: 0 }]);
			const [speaks, later] = [await client(t, balancer, '192.0.2.3', 'ping'), await client(t, balancer, '192.0.2.4')];
			speaks.fin();
			await pass(50);
			later.send('pong');
			await pass(50);
			later.fin();
			await pass(50);
			t.same([speaks.ended, later.ended], [null, null], 'a FIN after bytes is no farewell');
			await leave(inside);
			t.same([await speaks.ending(), await later.ending()], ['fin', 'fin']);
			t.same([speaks.text, later.text], ['b\nping', 'b\npong']);
			t.equal(backend.peak, 1);
		},

	'a client that is held in the tarpit is let on, with all that it has sent': async (t, target) => {
		const backend = await startEcho(t);
		const access = { deny: { networks: ['192.0.2.0/24'] }, action: 'tarpit' as const, holdFor: '100ms' };
		const balancer = await target.start(t, configOf([backend.address], { listener: { ...believing, access } }));
		const slow = await client(t, balancer, '192.0.2.1', 'first, ');
		slow.send('second');
		t.equal(await slow.heard(13), 'first, second');
		await leave(slow);
		const [record] = await balancer.recorded(1);
		t.match(record, { outcome: 'completed', client: '192.0.2.1:1000', uploadBytes: 13 });
		t.ok((record?.durationMs ?? 0) >= 99);
	},

	'a reload asks nothing else of clients that wait; a stop ends them, and a drain lets them come in': async (
		t,
		target,
	) => {
		const backend = await startEcho(t);
		const balancer = await target.start(t, configOf([backend.address], { listener: believing }));
		const waits = await dial(t, balancer.address());
		await pass(50);
		await balancer.reload(configOf([backend.address]));
		waits.send(Buffer.from(join(headerOf('192.0.2.1'), utf8('x'))));
		t.equal(await waits.heard(1), 'x');
		const plain = await dial(t, balancer.address());
		plain.send('PROXY');
		t.equal(await plain.heard(5), 'PROXY');
		for (const peer of [waits, plain]) await leave(peer);
		await balancer.reload(configOf([backend.address], { listener: believing }));
		const [late, never] = [await dial(t, balancer.address()), await dial(t, balancer.address())];
		await pass(50);
		const stopped = balancer.stop(1_000);
		await pass(50);
		late.send(Buffer.from(join(headerOf('192.0.2.2'), utf8('y'))));
		t.equal(await late.heard(1), 'y');
		await leave(late);
		t.equal(await never.ending(), 'fin');
		never.fin();
		await stopped;
		t.same(balancer.records.map(({ client: who, outcome }) => `${addressOf(who)} ${outcome}`).sort(), [
			'127.0.0.1 completed',
			'127.0.0.1 shutdown',
			'192.0.2.1 completed',
			'192.0.2.2 completed',
		]);
	},

	'what came with the header goes through the buckets, the header does not': async (t, target) => {
		const backend = await startEcho(t);
		const shaping = { upload: { connection: { rate: '20kB/s', burst: '1KiB' } } };
		const balancer = await target.start(t, configOf([backend.address], { listener: { ...believing, shaping } }));
		const began = performance.now();
		const peer = await client(t, balancer, '192.0.2.1', 'x'.repeat(6_000));
		peer.fin();
		await peer.ending();
		const tookMs = performance.now() - began;
		t.equal(peer.text, 'x'.repeat(6_000));
		t.ok(tookMs > 200, `5 kB beyond the burst took ${tookMs} ms`);
		const [record] = await balancer.recorded(1);
		t.match(record, { outcome: 'completed', uploadBytes: 6_000 });
		t.ok((record?.throttledMs ?? 0) > 150, `throttled for ${record?.throttledMs} ms`);
	},
};

export function conform(engine: EngineName): void {
	conformance(RULES, allTargets([engine]), [engine]);
}
