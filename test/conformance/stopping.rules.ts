import type { Test } from 'tap';
import { greet, startBackend, startEcho } from '../support/echo.ts';
import type { EngineName } from '../support/engines.ts';
import { allTargets, type Balancer } from '../support/harness.ts';
import { configOf, listenerTo, poolOf } from '../support/net-config.ts';
import { conformance, type Rules } from '../support/net-rules.ts';
import { dial, type Peer, pass, peerOf, targetOf } from '../support/peers.ts';

/** A client in its relay. */
async function served(t: Test, balancer: Balancer, listener = 'in'): Promise<Peer> {
	const client = await dial(t, balancer.address(listener));
	client.send('x');
	await client.heard(1);
	return client;
}

const refuses = (t: Test, address: string): Promise<unknown> =>
	t.rejects(dial(t, address), { code: 'ECONNREFUSED' }, `${address} does not accept any more`);

const RULES: Rules = {
	'after a stop no one comes in, and sessions may go on until they end by themselves': async (t, target) => {
		const backend = await startEcho(t);
		const balancer = await target.start(t, configOf([backend.address]));
		const [address, client] = [balancer.address(), await served(t, balancer)];
		const stopped = balancer.stop(20_000);
		await pass(50);
		await refuses(t, address);
		client.send('y');
		t.equal(await client.heard(2), 'xy');
		client.fin();
		await stopped;
		t.match(balancer.records, [{ outcome: 'completed', uploadBytes: 2 }]);
		t.ok(balancer.isZero());
	},

	'what is still open after the drain is closed as shutdown': async (t, target) => {
		const backend = await startBackend(t, { onClient: greet('b') });
		const balancer = await target.start(t, configOf([backend.address]));
		const client = await dial(t, balancer.address());
		await client.heard(2);
		const stopped = balancer.stop(500);
		await pass(50);
		t.equal(client.ended, null, 'not before the drain is over');
		t.equal(await client.ending(), 'fin');
		client.fin();
		await stopped;
		t.match(balancer.records, [{ outcome: 'shutdown', downloadBytes: 2 }]);
	},

	'a listener that stays over a reload is not touched, nor are its sessions': async (t, target) => {
		const [before, after] = [await startEcho(t), await startBackend(t, { onClient: greet('new') })];
		const config = configOf([before.address, after.address], { pool: { balance: 'first' } });
		const balancer = await target.start(t, config);
		const [address, client] = [balancer.address(), await served(t, balancer)];
		await balancer.reload(configOf([after.address, before.address], { pool: { balance: 'first' } }));
		t.equal(balancer.address(), address, 'the same port');
		client.send('still here');
		await client.heard(11);
		t.equal(await (await dial(t, address)).heard(4), 'new\n', 'the newest configuration serves');
		client.fin();
		t.match(await balancer.recorded(1), [{ outcome: 'completed', backend: before.address }]);
	},

	'a removed listener stops accepting, its sessions go on; an added one serves': async (t, target) => {
		const backend = await startEcho(t);
		const pools = [poolOf('out', [backend.address])];
		const [stays, goes, comes] = ['stays', 'goes', 'comes'].map((name) => listenerTo(['out'], { name }));
		if (!stays || !goes || !comes) throw new Error('three listeners');
		const balancer = await target.start(t, { listeners: [goes, stays], pools });
		const [gone, kept] = [balancer.address('goes'), balancer.address('stays')];
		const client = await served(t, balancer, 'goes');
		await balancer.reload({ listeners: [stays, comes], pools });
		await refuses(t, gone);
		t.equal(balancer.address('stays'), kept);
		await served(t, balancer, 'stays');
		await served(t, balancer, 'comes');
		client.send('y');
		t.equal(await client.heard(2), 'xy');
		client.fin();
		t.match(await balancer.recorded(1), [{ listener: 'goes', outcome: 'completed' }]);
	},

	'sessions on a removed backend end as drained after their time': async (t, target) => {
		const [goes, stays] = [await startEcho(t), await startEcho(t)];
		const [pool, more] = [{ balance: 'first' } as const, { drain: '500ms' }];
		const balancer = await target.start(t, configOf([goes.address, stays.address], { pool, more }));
		const client = await served(t, balancer);
		await balancer.reload(configOf([stays.address], { pool, more }));
		await pass(50);
		t.equal(client.ended, null, 'not at once');
		t.equal(await client.ending(), 'fin');
		client.fin();
		t.match(await balancer.recorded(1), [{ outcome: 'drained', backend: goes.address }]);
		await served(t, balancer);
		t.equal(stays.served, 1);
	},

	'clients that come while a reload is under way are all served': async (t, target) => {
		const backend = await startBackend(t, { onClient: greet('b') });
		const config = configOf([backend.address]);
		const balancer = await target.start(t, config);
		const reloads = (async () => {
			for (let i = 0; i < 10; i++)
				await balancer.reload(configOf([backend.address], { listener: { rate: `${1e5 + i}/s` } }));
		})();
		for (let i = 0; i < 60; i++) {
			const client = await dial(t, balancer.address());
			await client.heard(2);
			client.fin();
			await client.ending();
		}
		await reloads;
		const records = await balancer.recorded(60);
		t.ok(records.every(({ outcome }) => outcome === 'completed'));
	},

	'one record for each session, with every field': async (t, target) => {
		const backend = await startBackend(t);
		const geo = { regions: { eu: { countries: ['DE'] } }, overrides: [{ network: '127.0.0.2/32', country: 'DE' }] };
		const config = configOf([{ name: 'one', address: backend.address }], { more: { geo } });
		const balancer = await target.start(t, config);
		const startedMs = Date.now();
		const client = await dial(t, balancer.address(), { from: '127.0.0.2' });
		const peer = `127.0.0.2:${client.socket.localPort}`;
		client.send('12345');
		const server = peerOf(await backend.accepted());
		await server.heard(5);
		server.send('123');
		await client.heard(3);
		client.fin();
		server.fin();
		const [record] = await balancer.recorded(1);
		t.match(record, {
			listener: 'in',
			peer,
			client: peer,
			country: 'DE',
			region: 'eu',
			sni: null,
			alpn: null,
			tls: null,
		});
		t.match(record, { route: '1', pool: 'out', backend: 'one', attempts: 1, queuedMs: null, throttledMs: 0 });
		t.match(record, { uploadBytes: 5, downloadBytes: 3, outcome: 'completed', detail: null, connectMs: Number });
		const endedMs = Date.parse(record?.time ?? '');
		t.ok(endedMs >= startedMs - 1 && endedMs <= Date.now(), 'the time is when it ended');
		t.ok((record?.durationMs ?? -1) >= (record?.connectMs ?? 0));
		await balancer.stop();
		t.equal(balancer.records.length, 1);
		t.ok(targetOf(balancer.address()));
	},
};

export function conform(engine: EngineName): void {
	conformance(RULES, allTargets([engine]), [engine]);
}
