import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { greet, startBackend, startEcho } from '../support/echo.ts';
import type { EngineName } from '../support/engines.ts';
import { allTargets } from '../support/harness.ts';
import { configOf, listenerTo, poolOf } from '../support/net-config.ts';
import { socketFolder } from '../support/net-ports.ts';
import { conformance, type Rules } from '../support/net-rules.ts';
import { dial, until } from '../support/peers.ts';

const RULES: Rules = {
	'IPv6 on both sides': async (t, target) => {
		const backend = await startBackend(t, { host: '::1', onClient: greet('six') });
		const balancer = await target.start(t, configOf([backend.address], { listener: { bind: '[::1]:0' } }));
		const client = await dial(t, balancer.address());
		t.equal(await client.heard(4), 'six\n');
		client.fin();
		t.match(await balancer.recorded(1), [{ peer: /^\[::1\]:\d+$/, outcome: 'completed', backend: backend.address }]);
	},

	'[::] listens on both families, and an IPv4 client is one there, too': async (t, target) => {
		const backend = await startEcho(t);
		const access = { allow: { networks: ['127.0.0.0/8', '::1/128'] }, deny: { networks: ['127.0.0.2/32'] } };
		const balancer = await target.start(t, configOf([backend.address], { listener: { bind: '[::]:0', access } }));
		const port = balancer.address().split(':').at(-1);
		for (const host of ['127.0.0.1', '[::1]']) {
			const client = await dial(t, `${host}:${port}`);
			client.send('x');
			await client.heard(1);
			client.fin();
			await client.ending();
		}
		const denied = await dial(t, `127.0.0.1:${port}`, { from: '127.0.0.2' });
		t.equal(await denied.ending(), 'fin');
		const records = await balancer.recorded(3);
		const from = (peer: RegExp) => records.find((record) => peer.test(record.peer ?? ''));
		t.match(from(/^127\.0\.0\.1:\d+$/), { client: /^127\.0\.0\.1:\d+$/ });
		t.match(from(/^\[::1\]:\d+$/), { outcome: 'completed' });
		t.match(from(/^127\.0\.0\.2:\d+$/), { outcome: 'access-denied' });
	},

	'0.0.0.0 and [::] with one port are two listeners': async (t, target) => {
		const [four, six] = [
			await startBackend(t, { onClient: greet('four') }),
			await startBackend(t, { onClient: greet('six!') }),
		];
		const probe = createServer().listen(0, '::');
		await once(probe, 'listening');
		const { port } = probe.address() as { port: number };
		probe.close();
		const balancer = await target.start(t, {
			listeners: [
				listenerTo(['four'], { bind: `0.0.0.0:${port}` }),
				listenerTo(['six'], { name: 'in6', bind: `[::]:${port}` }),
			],
			pools: [poolOf('four', [four.address]), poolOf('six', [six.address])],
		});
		t.equal(balancer.address(), `0.0.0.0:${port}`);
		for (const [host, name] of [
			['127.0.0.1', 'four\n'],
			['[::1]', 'six!\n'],
		] as const) {
			const client = await dial(t, `${host}:${port}`);
			t.equal(await client.heard(5), name);
			client.fin();
		}
	},

	'a listener may have several addresses': async (t, target) => {
		const backend = await startBackend(t, { onClient: greet('b') });
		const bind = ['127.0.0.1:0', '127.0.0.5:0', '[::1]:0'];
		const balancer = await target.start(t, configOf([backend.address], { listener: { bind } }));
		for (const nth of bind.keys()) {
			const client = await dial(t, balancer.address('in', nth));
			await client.heard(2);
			client.fin();
		}
		const records = await balancer.recorded(3);
		t.ok(records.every(({ listener, outcome }) => listener === 'in' && outcome === 'completed'));
	},

	'unix sockets on both sides': async (t, target) => {
		const path = socketFolder(t);
		const backend = await startBackend(t, { path: path('b'), onClient: greet('unix') });
		const bind = `unix:${path('l')}`;
		const balancer = await target.start(t, configOf([backend.address], { listener: { bind } }));
		const client = await dial(t, balancer.address());
		client.send('hello');
		client.fin();
		t.equal(await client.ending(), 'fin');
		t.equal(client.text, 'unix\nhello');
		t.match(await balancer.recorded(1), [
			{ peer: null, client: null, country: null, outcome: 'completed', uploadBytes: 5, downloadBytes: 10 },
		]);
		await balancer.stop();
		t.notOk(existsSync(path('l')), 'the socket file is gone after the stop');
	},

	'rules by address do not match unix clients': async (t, target) => {
		const backend = await startBackend(t, { onClient: greet('b') });
		const listener = {
			bind: `unix:${socketFolder(t)('l')}`,
			access: { deny: { networks: ['0.0.0.0/0', '::/0'] } },
			perClient: { maxConnections: 1 },
		};
		const balancer = await target.start(t, configOf([backend.address], { listener, pool: { balance: 'ip-hash' } }));
		const clients = [await dial(t, balancer.address()), await dial(t, balancer.address())];
		for (const client of clients) t.equal(await client.heard(2), 'b\n');
	},

	'a unix socket has no RST: a client that breaks off ends the session all the same': async (t, target) => {
		const backend = await startBackend(t);
		const bind = `unix:${socketFolder(t)('l')}`;
		const balancer = await target.start(t, configOf([backend.address], { listener: { bind } }));
		const client = await dial(t, balancer.address());
		client.send('x');
		const server = await backend.accepted();
		server.resume();
		await until('the byte has come', () => server.bytesRead === 1);
		client.socket.destroy();
		await once(server, 'end');
		server.write('to nobody');
		server.end();
		const [record] = await balancer.recorded(1);
		t.ok(['completed', 'client-reset'].includes(record?.outcome ?? ''), record?.outcome ?? 'no record');
	},

	'a socket file that nobody listens on is replaced': async (t, target) => {
		const path = socketFolder(t)('l');
		await leaveStaleSocket(path);
		const backend = await startBackend(t, { onClient: greet('b') });
		const balancer = await target.start(t, configOf([backend.address], { listener: { bind: `unix:${path}` } }));
		const client = await dial(t, balancer.address());
		t.equal(await client.heard(2), 'b\n');
	},

	'an address in use is named': async (t, target) => {
		const backend = await startBackend(t);
		const { address } = await startEcho(t);
		const starting = target.start(t, configOf([backend.address], { listener: { bind: address } }));
		await t.rejects(starting, { message: `listener in: cannot bind ${address}: address in use` });
	},

	'a socket file in use is named, and stays': async (t, target) => {
		const path = socketFolder(t)('l');
		const owner = await startBackend(t, { path, onClient: greet('owner') });
		const starting = target.start(t, configOf([owner.address], { listener: { bind: `unix:${path}` } }));
		await t.rejects(starting, { message: `listener in: cannot bind unix:${path}: address in use` });
		t.equal(await (await dial(t, owner.address)).heard(6), 'owner\n');
	},
};

/** As a killed process leaves it: bound, then closed without being removed. */
async function leaveStaleSocket(path: string): Promise<void> {
	const { spawn } = await import('node:child_process');
	const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
	const child = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
	await once(child, 'exit');
}

export function conform(engine: EngineName): void {
	conformance(RULES, allTargets([engine]), [engine]);
}
