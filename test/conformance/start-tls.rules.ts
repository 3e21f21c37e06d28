import { TLSSocket } from 'node:tls';
import tap, { type Test } from 'tap';
import { POSTGRES_SSL_REQUEST } from '../../src/wire/postgres.ts';
import { certificateAuthority } from '../support/certificates.ts';
import { type Backend, startBackend } from '../support/echo.ts';
import type { EngineName } from '../support/engines.ts';
import { allTargets, type Balancer, type Target } from '../support/harness.ts';
import { helloBytes, hex, join, protocols, serverName, utf8 } from '../support/hello-bytes.ts';
import { configOf, listenerTo, type Overrides, poolOf } from '../support/net-config.ts';
import { conformance, type Rules } from '../support/net-rules.ts';
import { dial, type Peer, pass, peerOf, until } from '../support/peers.ts';
import { piecesOf, sendPieces } from '../support/pieces.ts';
import { secureClient } from '../support/tls.ts';

const ca = certificateAuthority(tap);
const db = ca.issue(['db.example']);

const SSL = Buffer.from(POSTGRES_SSL_REQUEST);
const GSS = Buffer.from(hex('00000008 04d21630'));
const HELLO = Buffer.from(helloBytes({ extensions: [serverName('db.example')] }));
const DIRECT = Buffer.from(helloBytes({ extensions: [serverName('db.example'), protocols('postgresql')] }));
const STARTUP = Buffer.from(join(hex('00000013 00030000'), utf8('user\0me\0\0\0\0')));

const listener: NonNullable<Overrides['listener']> = {
	tls: { mode: 'passthrough', startTls: 'postgres' },
	timeouts: { clientHello: '1m' },
};

interface Scene {
	readonly backend: Backend;
	readonly balancer: Balancer;
}

async function before(t: Test, target: Target, overrides: Overrides = {}): Promise<Scene> {
	const backend = await startBackend(t);
	return { backend, balancer: await target.start(t, configOf([backend.address], { listener, ...overrides })) };
}

/** A client that was told to go on with TLS, and has sent its hello. */
async function asking(t: Test, balancer: Balancer): Promise<Peer> {
	const client = await dial(t, balancer.address());
	client.send(SSL);
	t.equal(await client.heard(1), 'S');
	client.send(HELLO);
	return client;
}

/** The backend's end, which has been asked for TLS and no more. */
async function asked(t: Test, backend: Backend, nth = 0): Promise<Peer> {
	const server = peerOf(await backend.accepted(nth));
	t.equal(await server.heard(8), SSL.toString('latin1'));
	return server;
}

const RULES: Rules = {
	'a PostgreSQL client finds the server of its name, and what they agree on is between them': async (t, target) => {
		const backend = await startBackend(t, {
			onClient: (socket) => {
				socket.once('data', (request: Buffer) => {
					t.same(request, SSL);
					socket.write('S', () => {
						const tls = new TLSSocket(socket, { isServer: true, cert: db.cert, key: db.key });
						tls.on('error', () => {}).pipe(tls);
					});
				});
			},
		});
		const balancer = await target.start(t, {
			listeners: [
				listenerTo([], { ...listener, routes: [{ match: { sni: ['db.example'] }, to: ['db'] }, { to: ['none'] }] }),
			],
			pools: [poolOf('db', [backend.address]), poolOf('none', [{ address: backend.address, weight: 0 }])],
		});
		for (const gssFirst of [false, true]) {
			const client = await dial(t, balancer.address(), { paused: true });
			const answer = async (request: Buffer): Promise<string> => {
				const heard = new Promise<Buffer>((resolve) => client.socket.once('data', resolve));
				await sendPieces(client, piecesOf(request, 3));
				return `${await heard}`;
			};
			if (gssFirst) t.equal(await answer(GSS), 'N');
			t.equal(await answer(SSL), 'S');
			const inside = await secureClient(client.socket, { ca: ca.cert, servername: 'db.example' });
			inside.send('select 1');
			t.equal(await inside.heard(8), 'select 1');
			inside.fin();
		}
		for (const record of await balancer.recorded(2))
			t.match(record, { outcome: 'completed', pool: 'db', sni: 'db.example' });
	},

	'the backend is asked what the client asked, and gets the hello when it has agreed': async (t, target) => {
		const { backend, balancer } = await before(t, target);
		const client = await asking(t, balancer);
		const server = await asked(t, backend);
		await pass(30);
		t.equal(server.bytes, 8, 'not before');
		server.send('S');
		t.equal(await server.heard(8 + HELLO.length), Buffer.concat([SSL, HELLO]).toString('latin1'));
		server.send('server hello');
		t.equal(await client.heard(13), 'Sserver hello', 'what the backend agreed with is not passed on');
		server.fin();
		client.fin();
		await client.ending();
		t.match(await balancer.recorded(1), [{ outcome: 'completed', uploadBytes: HELLO.length, downloadBytes: 12 }]);
	},

	'behind PROXY headers on both sides': async (t, target) => {
		const { backend, balancer } = await before(t, target, {
			listener: { ...listener, proxyProtocol: { from: ['127.0.0.0/8'] } },
			pool: { proxyProtocol: 'v1' },
		});
		const header = 'PROXY TCP4 192.0.2.1 198.51.100.2 258 772\r\n';
		const client = await dial(t, balancer.address());
		client.send(Buffer.concat([Buffer.from(header), SSL]));
		t.equal(await client.heard(1), 'S');
		client.send(HELLO);
		const server = peerOf(await backend.accepted());
		t.equal(await server.heard(header.length + 8), `${header}${SSL.toString('latin1')}`);
		server.send('S');
		await server.heard(header.length + 8 + HELLO.length);
		t.ok(server.text.endsWith(HELLO.toString('latin1')));
		server.fin();
		client.fin();
		await balancer.recorded(1);
	},

	'TLS without a word before is passed on without a word before, when it is for PostgreSQL': async (t, target) => {
		const { backend, balancer } = await before(t, target);
		const client = await dial(t, balancer.address());
		await sendPieces(client, piecesOf(DIRECT, 40));
		const server = peerOf(await backend.accepted());
		t.equal(await server.heard(DIRECT.length), DIRECT.toString('latin1'));
		server.fin();
		client.fin();
		await balancer.recorded(1);
		const other = await dial(t, balancer.address());
		other.send(HELLO);
		t.equal(await other.ending(), 'fin');
		other.fin();
		t.match((await balancer.recorded(2)).at(-1), { outcome: 'client-hello-invalid', detail: /postgresql/ });
		t.equal(backend.served, 1);
	},

	'who does not ask for TLS, or says more than it may, is turned away': async (t, target) => {
		const { backend, balancer } = await before(t, target);
		const table: readonly (readonly [Buffer, string, string])[] = [
			[STARTUP, '', 'not-tls'],
			[Buffer.concat([GSS, GSS]), 'N', 'not-tls'],
			[Buffer.concat([SSL, HELLO]), '', 'client-hello-invalid'],
			[Buffer.concat([GSS, SSL, STARTUP]), 'N', 'client-hello-invalid'],
		];
		for (const [at, [bytes, heard, outcome]] of table.entries()) {
			const client = await dial(t, balancer.address());
			client.send(bytes);
			await client.ending();
			t.equal(client.text, heard);
			client.fin();
			t.equal((await balancer.recorded(at + 1)).at(-1)?.outcome, outcome);
		}
		const after = await dial(t, balancer.address());
		after.send(SSL);
		await after.heard(1);
		after.send(STARTUP);
		await after.ending();
		after.fin();
		t.equal((await balancer.recorded(table.length + 1)).at(-1)?.outcome, 'not-tls');
		t.equal(backend.served, 0);
	},

	'a backend that will not, says too much, or ends, is tried no longer; another one is': async (t, target) => {
		const [moody, good] = [await startBackend(t), await startBackend(t)];
		const balancer = await target.start(
			t,
			configOf([moody.address, good.address], { listener, pool: { balance: 'first', connectTimeout: '500ms' } }),
		);
		const ways: readonly ((server: Peer) => void)[] = [
			(server) => server.send('N'),
			(server) => server.send('Sinjected'),
			(server) => server.fin(),
			(server) => server.reset(),
			() => {},
		];
		for (const [nth, refuse] of ways.entries()) {
			const client = await asking(t, balancer);
			refuse(await asked(t, moody, nth));
			const server = await asked(t, good, nth);
			server.send('S');
			await server.heard(8 + HELLO.length);
			await until('the other one is given up', () =>
				[...moody.sockets].every((one) => one.readableEnded || one.destroyed),
			);
			for (const one of moody.sockets) one.destroy();
			server.send('there');
			t.equal(await client.heard(6), 'Sthere');
			server.fin();
			client.fin();
			await client.ending();
			t.match((await balancer.recorded(nth + 1)).at(-1), { outcome: 'completed', attempts: 2, backend: good.address });
		}
	},

	'when none agrees the session has failed': async (t, target) => {
		const backend = await startBackend(t, { onClient: (socket) => socket.end('N') });
		const config = configOf([backend.address], { listener, pool: { retries: { attempts: 1, backoff: '5ms' } } });
		const balancer = await target.start(t, config);
		const client = await asking(t, balancer);
		t.equal(await client.ending(), 'reset');
		t.match(await balancer.recorded(1), [{ outcome: 'upstream-tls-failed', attempts: 2, detail: /SSLRequest/ }]);
	},

	'a client that is gone while its backend is asked, or a stop then, ends both': async (t, target) => {
		const { backend, balancer } = await before(t, target);
		const client = await asking(t, balancer);
		const server = await asked(t, backend);
		client.reset();
		await server.ending();
		server.fin();
		t.match(await balancer.recorded(1), [{ outcome: 'client-reset' }]);
		const waiting = await asking(t, balancer);
		const silent = await asked(t, backend, 1);
		const stopped = balancer.stop(0);
		await silent.ending();
		silent.fin();
		await waiting.ending();
		waiting.fin();
		await stopped;
		t.match(balancer.records.at(-1), { outcome: 'shutdown' });
	},
};

export function conform(engine: EngineName): void {
	conformance(RULES, allTargets([engine]), [engine]);
}
