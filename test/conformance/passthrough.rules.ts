import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectTls, TLSSocket } from 'node:tls';
import tap, { type Test } from 'tap';
import { certificateAuthority } from '../support/certificates.ts';
import { startBackend, startEcho } from '../support/echo.ts';
import type { EngineName } from '../support/engines.ts';
import { allTargets, type Balancer } from '../support/harness.ts';
import { helloBytes, join, longHello, serverName } from '../support/hello-bytes.ts';
import { configOf, listenerTo, type Overrides, poolOf } from '../support/net-config.ts';
import { refusingAddress } from '../support/net-ports.ts';
import { conformance, type Rules } from '../support/net-rules.ts';
import { dial, digestOf, Peer, pass, patternOf, peerOf, until } from '../support/peers.ts';
import { Recorder } from '../support/recorder.ts';
import { dialTls, startTlsBackend } from '../support/tls.ts';

const ca = certificateAuthority(tap);
const [one, two] = [ca.issue(['one.example']), ca.issue(['two.example'])];

const passing: NonNullable<Overrides['listener']> = { tls: { mode: 'passthrough' }, timeouts: { clientHello: '1m' } };
const HELLO = Buffer.from(helloBytes({ extensions: [serverName('one.example')] }));

/** A server of OpenSSL's that sends each line back to front. */
async function opensslServer(t: Test): Promise<string> {
	const args = ['s_server', '-accept', '127.0.0.1:0', '-cert', one.certFile, '-key', one.keyFile, '-rev'];
	const server = spawn('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] });
	t.teardown(() => server.kill('SIGKILL'));
	const [, address = ''] = await said(server, /ACCEPT (127\.0\.0\.1:\d+)/);
	return address;
}

/** Waits until a program has written this. */
function said({ stdout }: ChildProcess, what: RegExp): Promise<RegExpExecArray> {
	let text = '';
	return new Promise((resolve, reject) => {
		stdout?.on('data', (chunk: Buffer) => {
			text += chunk;
			const found = what.exec(text);
			if (found !== null) resolve(found);
		});
		stdout?.on('end', () => reject(new Error(`it ended after ${text}`)));
	});
}

async function leave(peer: Peer): Promise<void> {
	peer.fin();
	await peer.ending();
}

const outcomes = ({ records }: Balancer): string[] => records.map(({ outcome }) => outcome).sort();

const RULES: Rules = {
	'TLS reaches the backend of its name, and its handshake is between the ends': async (t, target) => {
		const [first, second] = [await startTlsBackend(t, one), await startTlsBackend(t, two)];
		const balancer = await target.start(t, {
			listeners: [
				listenerTo([], {
					...passing,
					routes: [
						{ match: { sni: ['one.example'] }, to: ['one'] },
						{ match: { sni: ['*.example'] }, to: ['two'] },
					],
				}),
			],
			pools: [poolOf('one', [first.address]), poolOf('two', [second.address])],
		});
		for (const [servername, backend] of [
			['one.example', first],
			['two.example', second],
		] as const) {
			for (const [nth, maxVersion] of (['TLSv1.2', 'TLSv1.3'] as const).entries()) {
				const client = await dialTls(t, balancer.address(), { ca: ca.cert, servername, maxVersion });
				t.equal(client.tls.getProtocol(), maxVersion);
				const server = await backend.accepted(nth);
				server.send('over');
				await client.heard(4);
				client.send('out');
				await server.heard(3);
				client.fin();
				server.fin();
				await client.ending();
			}
		}
		const records = await balancer.recorded(4);
		t.same(records.map(({ sni, pool, outcome, tls }) => [sni, pool, outcome, tls].join(' ')).sort(), [
			'one.example one completed ',
			'one.example one completed ',
			'two.example two completed ',
			'two.example two completed ',
		]);
	},

	'not a byte of a whole TLS session is changed': async (t, target) => {
		const servers: { recorder: Recorder; tls: TLSSocket }[] = [];
		const backend = await startBackend(t, {
			onClient: (socket) => {
				const recorder = new Recorder(socket);
				const tls = new TLSSocket(recorder, { isServer: true, cert: one.cert, key: one.key });
				servers.push({ recorder, tls });
				tls.on('error', () => {}).pipe(tls);
			},
		});
		const balancer = await target.start(t, configOf([backend.address], { listener: passing }));
		for (const [nth, maxVersion] of (['TLSv1.2', 'TLSv1.3'] as const).entries()) {
			const recorder = new Recorder((await dial(t, balancer.address(), { paused: true })).socket);
			const tls = connectTls({ socket: recorder, ca: ca.cert, servername: 'one.example', maxVersion });
			const client = new Peer(tls as never);
			const data = patternOf(1_000_000);
			client.send(data);
			client.fin();
			await client.heard(data.length);
			t.equal(client.digest, digestOf(data));
			const server = servers[nth];
			const same = (): boolean =>
				server?.recorder.digests.heard === recorder.digests.sent &&
				server.recorder.digests.sent === recorder.digests.heard;
			await until('what one end sent is what the other end heard', same);
			recorder.destroy();
		}
	},

	'OpenSSL at both ends': async (t, target) => {
		const balancer = await target.start(t, configOf([await opensslServer(t)], { listener: passing }));
		const options = ['-servername', 'one.example', '-CAfile', ca.certFile, '-verify_return_error', '-quiet'];
		const client = spawn('openssl', ['s_client', '-connect', balancer.address(), ...options], {
			stdio: ['pipe', 'pipe', 'ignore'],
		});
		t.teardown(() => client.kill('SIGKILL'));
		client.stdin.write('through and through\n');
		await said(client, /hguorht dna hguorht/);
		client.kill('SIGKILL');
		await once(client, 'close');
		t.match(await balancer.recorded(1), [{ sni: 'one.example' }]);
	},

	'what follows a hello is stopped by a slow backend, and comes through whole': async (t, target) => {
		const backend = await startBackend(t, { onClient: (socket) => socket.pause() });
		const balancer = await target.start(t, configOf([backend.address], { listener: passing }));
		const client = await dial(t, balancer.address());
		const sent = join(longHello(60_000, serverName('one.example')), patternOf(8_000_000));
		client.send(Buffer.from(sent));
		client.fin();
		const socket = await backend.accepted();
		await pass(100);
		const server = peerOf(socket);
		await server.heard(sent.length);
		t.equal(server.digest, digestOf(Buffer.from(sent)));
		t.equal(await server.ending(), 'fin');
		await leave(server);
		t.match(await balancer.recorded(1), [{ outcome: 'completed', uploadBytes: sent.length }]);
	},

	'a hello goes through the buckets like all that follows': async (t, target) => {
		const backend = await startEcho(t);
		const shaping = { upload: { connection: { rate: '40kB/s', burst: '1KiB' } } };
		const balancer = await target.start(t, configOf([backend.address], { listener: { ...passing, shaping } }));
		const client = await dial(t, balancer.address());
		const sent = Buffer.from(longHello(10_000, serverName('one.example')));
		const began = performance.now();
		client.send(sent);
		client.fin();
		await client.ending();
		const tookMs = performance.now() - began;
		t.equal(client.digest, digestOf(sent));
		t.ok(tookMs > 180, `9 kB beyond the burst took ${tookMs} ms`);
		const [record] = await balancer.recorded(1);
		t.ok((record?.throttledMs ?? 0) > 150, `throttled for ${record?.throttledMs} ms`);
	},

	'a hello waits in the queue with its client, and goes on once: a FIN after it is no farewell': async (t, target) => {
		const backend = await startBackend(t, { onClient: (socket) => socket.pipe(socket) });
		const pool = { queue: { size: 10, timeout: '1m' } };
		const config = configOf([{ address: backend.address, maxConnections: 1 }], { pool, listener: passing });
		const balancer = await target.start(t, config);
		const inside = await dial(t, balancer.address());
		inside.send(HELLO);
		await inside.heard(HELLO.length);
		const [gone, waits] = [await dial(t, balancer.address()), await dial(t, balancer.address())];
		gone.send(HELLO);
		waits.send(HELLO);
		await pass(50);
		gone.reset();
		waits.fin();
		t.match(await balancer.recorded(1), [{ outcome: 'client-reset', sni: 'one.example', attempts: 0 }]);
		await leave(inside);
		t.equal(await waits.ending(), 'fin');
		t.equal(waits.digest, digestOf(HELLO));
		t.equal(backend.served, 2);
	},

	'a hello goes to the backend that takes it, once, over retries': async (t, target) => {
		const backend = await startEcho(t);
		const places = [await refusingAddress(), backend.address];
		const balancer = await target.start(t, configOf(places, { listener: passing, pool: { balance: 'first' } }));
		const client = await dial(t, balancer.address());
		client.send(HELLO);
		client.fin();
		await client.ending();
		t.equal(client.digest, digestOf(HELLO));
		t.match(await balancer.recorded(1), [{ outcome: 'completed', attempts: 2 }]);
	},

	'a client in the middle of its hello: a reload changes nothing for it, a stop ends it, a drain lets it go on': async (
		t,
		target,
	) => {
		const [before, after] = [await startEcho(t), await startEcho(t)];
		const config = configOf([before.address], { listener: passing });
		const balancer = await target.start(t, config);
		const half = async (): Promise<Peer> => {
			const client = await dial(t, balancer.address());
			client.send(HELLO.subarray(0, 40));
			return client;
		};
		const first = await half();
		await pass(50);
		await balancer.reload(configOf([after.address], { listener: passing }));
		first.send(HELLO.subarray(40));
		await first.heard(HELLO.length);
		t.same([before.served, after.served], [1, 0], 'the backends of its time');
		await leave(first);
		const [late, never] = [await half(), await half()];
		await pass(50);
		const stopped = balancer.stop(1_000);
		await pass(50);
		late.send(HELLO.subarray(40));
		await late.heard(HELLO.length);
		await leave(late);
		t.equal(await never.ending(), 'fin');
		never.fin();
		await stopped;
		t.same(outcomes(balancer), ['completed', 'completed', 'shutdown']);
	},
};

export function conform(engine: EngineName): void {
	conformance(RULES, allTargets([engine]), [engine]);
}
