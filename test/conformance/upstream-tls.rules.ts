import { connect as connectTcp, type Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import tap, { type Test } from 'tap';
import { certificateAuthority, type Issued, selfSigned } from '../support/certificates.ts';
import { startBackend } from '../support/echo.ts';
import { endingRules, type Pair } from '../support/ending-rules.ts';
import type { EngineName } from '../support/engines.ts';
import { type Balancer, engineTargets, type Target } from '../support/harness.ts';
import { configOf, type Overrides } from '../support/net-config.ts';
import { descriptors } from '../support/net-ports.ts';
import { conformance, type Rules } from '../support/net-rules.ts';
import { dial, digestOf, pass, patternOf, targetOf, until } from '../support/peers.ts';
import { dialTls, startTlsBackend, type TlsBackend, type TlsPeer } from '../support/tls.ts';

type PoolInput = NonNullable<Overrides['pool']>;
type TlsInput = NonNullable<PoolInput['tls']>;

const ca = certificateAuthority(tap);
const leaf = ca.issue(['db.example', 'other.example']);
const verified: TlsInput = { ca: ca.certFile, serverName: 'db.example' };

const pairOf = ({ cert, key }: Issued): TlsOptions => ({ cert, key });
const noRetries = { retries: { attempts: 0 } } as const;

interface TlsPair extends Pair {
	readonly server: TlsPeer;
}

async function relayed(t: Test, target: Target, tls: TlsInput = verified, options: TlsOptions = {}): Promise<TlsPair> {
	const backend = await startTlsBackend(t, { ...pairOf(leaf), ...options });
	const balancer = await target.start(t, configOf([backend.address], { pool: { tls } }));
	const client = await dial(t, balancer.address());
	return { balancer, client, server: await backend.accepted() };
}

/** A client that is turned away. */
async function refused(t: Test, balancer: Balancer): Promise<void> {
	const client = await dial(t, balancer.address());
	t.equal(await client.ending(), 'reset');
	t.equal(client.bytes, 0);
}

const RULES: Rules = {
	...endingRules(relayed),

	'bytes come through whole, both ways': async (t, target) => {
		const { balancer, client, server } = await relayed(t, target);
		const sent = patternOf(3_000_000);
		client.send(sent);
		client.fin();
		t.equal(await server.ending(), 'fin');
		t.equal(server.digest, digestOf(sent));
		server.send(sent);
		server.fin();
		t.equal(await client.ending(), 'fin');
		t.equal(client.digest, digestOf(sent));
		t.match(await balancer.recorded(1), [
			{ outcome: 'completed', uploadBytes: sent.length, downloadBytes: sent.length, tls: null },
		]);
	},

	'TLS on both sides, with the name and the protocol of the client': async (t, target) => {
		const backend = await startTlsBackend(t, { ...pairOf(leaf), ALPNProtocols: ['x', 'y'] });
		const own = ca.issue(['other.example']);
		const config = configOf([backend.address], {
			listener: {
				tls: { mode: 'terminate', certificates: [{ cert: own.certFile, key: own.keyFile }], alpn: ['y', 'x'] },
			},
			pool: { tls: { ca: ca.certFile, serverName: 'sni', alpn: 'client' } },
		});
		const balancer = await target.start(t, config);
		const options = { ca: ca.cert, servername: 'other.example', ALPNProtocols: ['z', 'x'] };
		const client = await dialTls(t, balancer.address(), options);
		const server = await backend.accepted();
		t.same([server.tls.servername, server.tls.alpnProtocol], ['other.example', 'x']);
		client.send('through two tunnels');
		t.equal(await server.heard(19), 'through two tunnels');
		server.fin();
		await client.ending();
		client.fin();
		t.match(await balancer.recorded(1), [{ outcome: 'completed', uploadBytes: 19, sni: 'other.example', alpn: /./ }]);
	},

	'a backend whose certificate does not verify gets nothing; the next one is tried': async (t, target) => {
		const bad = [
			selfSigned(t, ['db.example']),
			certificateAuthority(t, 'Another CA').issue(['db.example']),
			ca.issue(['elsewhere.example']),
		];
		for (const issued of bad) {
			const [impostor, good] = [await startTlsBackend(t, pairOf(issued)), await startTlsBackend(t, pairOf(leaf))];
			const balancer = await target.start(
				t,
				configOf([impostor.address, good.address], { pool: { tls: verified, balance: 'first' } }),
			);
			const client = await dial(t, balancer.address());
			client.send('secret');
			const server = await good.accepted();
			t.equal(await server.heard(6), 'secret');
			t.ok(
				impostor.peers.every(({ bytes }) => bytes === 0),
				'not a byte for the other one',
			);
			server.fin();
			client.fin();
			t.match(await balancer.recorded(1), [{ outcome: 'completed', attempts: 2, backend: good.address }]);
		}
	},

	'a session that runs out of backends ends with what the last one died of': async (t, target) => {
		const old = await startTlsBackend(t, { ...pairOf(leaf), maxVersion: 'TLSv1.2' });
		const plain = await startBackend(t, { onClient: (socket) => ending(socket).write('220 no TLS here\r\n') });
		const mute = await startBackend(t, { onClient: ending });
		const closing = await startBackend(t, { onClient: (socket) => socket.resume().end() });
		const table: [Pick<TlsBackend, 'address'>, Partial<PoolInput>, TlsInput, RegExp][] = [
			[await startTlsBackend(t, pairOf(selfSigned(t, ['db.example']))), {}, {}, /self-signed/],
			[await startTlsBackend(t, pairOf(leaf)), {}, { serverName: 'elsewhere.example' }, /elsewhere\.example/],
			[old, {}, { minVersion: 'TLSv1.3' }, /protocol version/],
			[plain, {}, {}, /wrong version number|packet length/],
			[closing, {}, {}, /closed during|ECONNRESET|EPIPE/],
			[mute, { connectTimeout: '500ms' }, {}, /no handshake in time/],
		];
		for (const [{ address }, pool, tls, detail] of table) {
			const config = configOf([address], { pool: { ...noRetries, ...pool, tls: { ...verified, ...tls } } });
			const balancer = await target.start(t, config);
			await refused(t, balancer);
			t.match(await balancer.recorded(1), [{ outcome: 'upstream-tls-failed', detail, attempts: 1, uploadBytes: 0 }]);
		}
	},

	'without verification any certificate is taken': async (t, target) => {
		const backend = await startTlsBackend(t, pairOf(selfSigned(t, ['whoever'])));
		const balancer = await target.start(t, configOf([backend.address], { pool: { tls: { verify: false } } }));
		const client = await dial(t, balancer.address());
		client.send('x');
		const server = await backend.accepted();
		t.equal(await server.heard(1), 'x');
		t.notOk(server.tls.servername, 'no name is sent for an address');
		server.fin();
		client.fin();
	},

	'an address is verified as what it is': async (t, target) => {
		for (const [names, outcome] of [
			[['127.0.0.1'], 'completed'],
			[['127.0.0.2', 'db.example'], 'upstream-tls-failed'],
		] as const) {
			const backend = await startTlsBackend(t, pairOf(ca.issue(names)));
			const pool = { ...noRetries, tls: { ca: ca.certFile } };
			const balancer = await target.start(t, configOf([backend.address], { pool }));
			const client = await dial(t, balancer.address());
			if (outcome === 'completed') (await backend.accepted()).fin();
			await client.ending();
			client.fin();
			t.match(await balancer.recorded(1), [{ outcome }]);
		}
	},

	'a certificate of our own is shown to those who ask': async (t, target) => {
		const own = ca.issue(['sluice'], { client: true });
		const asking = { ca: ca.cert, requestCert: true, rejectUnauthorized: true };
		const tls = { ...verified, clientCertificate: { cert: own.certFile, key: own.keyFile } };
		const { server, client } = await relayed(t, target, tls, asking);
		t.equal(server.tls.getPeerCertificate().subject.CN, 'sluice');
		client.fin();
		server.fin();
	},

	'the PROXY header comes before TLS': async (t, target) => {
		const { address } = await startTlsBackend(t, pairOf(leaf));
		const heard: string[] = [];
		const front = await startBackend(t, {
			onClient: (socket) => {
				socket.once('data', (header: Buffer) => {
					heard.push(header.toString('latin1'));
					onward(socket, address, header.subarray(header.indexOf('\r\n') + 2));
				});
			},
		});
		const pool = { proxyProtocol: 'v1', tls: verified } as const;
		const balancer = await target.start(t, configOf([front.address], { pool }));
		const client = await dial(t, balancer.address());
		client.fin();
		await until('there', () => heard.length > 0);
		t.match(heard[0], new RegExp(`^PROXY TCP4 127.0.0.1 127.0.0.1 ${client.socket.localPort} \\d+\r\n`));
	},

	"PostgreSQL's SSLRequest comes before TLS, and its answer counts": async (t, target) => {
		const backend = await startTlsBackend(t, pairOf(leaf));
		for (const [answer, outcome, detail] of [
			['S', 'completed', null],
			['N', 'upstream-tls-failed', /refuses TLS/],
			['Sand more', 'upstream-tls-failed', /9 bytes/],
		] as const) {
			const front = await startBackend(t, {
				onClient: (socket) => {
					socket.once('data', (request: Buffer) => {
						t.equal(request.toString('hex'), '0000000804d2162f');
						socket.write(answer);
						if (answer === 'S') onward(socket, backend.address);
						else ending(socket);
					});
				},
			});
			const pool = { ...noRetries, tls: { ...verified, startTls: 'postgres' } } as const;
			const balancer = await target.start(t, configOf([front.address], { pool }));
			const client = await dial(t, balancer.address());
			client.fin();
			if (answer === 'S') (await backend.accepted()).fin();
			await client.ending();
			const [record] = await balancer.recorded(1);
			t.equal(record?.outcome, outcome);
			if (detail !== null) t.match(record?.detail, detail);
		}
	},

	'a session with a backend is taken up again': async (t, target) => {
		for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
			const backend = await startTlsBackend(t, { ...pairOf(leaf), maxVersion });
			const balancer = await target.start(t, configOf([backend.address], { pool: { tls: verified } }));
			for (const [visit, reused] of [false, true, true].entries()) {
				const client = await dial(t, balancer.address());
				const server = await backend.accepted(visit);
				t.equal(server.tls.isSessionReused(), reused, `${maxVersion}, visit ${visit}`);
				server.send('x');
				await client.heard(1);
				client.fin();
				server.fin();
				await client.ending();
			}
		}
	},

	'a client that leaves in the middle of the handshake with the backend ends it': async (t, target) => {
		const mute = await startBackend(t, { onClient: ending });
		const balancer = await target.start(t, configOf([mute.address], { pool: { tls: verified } }));
		const before = descriptors();
		const client = await dial(t, balancer.address());
		await until('the handshake has begun', () => mute.sockets.size === 1);
		await pass(20);
		client.reset();
		t.match(await balancer.recorded(1), [{ outcome: 'client-reset', attempts: 1 }]);
		await until('all is closed', () => mute.sockets.size === 0 && descriptors() <= before);
		t.ok(balancer.isZero());
	},

	'failed handshakes leave no descriptor behind': async (t, target) => {
		const bad = await startTlsBackend(t, { ...pairOf(selfSigned(t, ['db.example'])), allowHalfOpen: false });
		const balancer = await target.start(t, configOf([bad.address], { pool: { ...noRetries, tls: verified } }));
		await refused(t, balancer);
		await pass(50);
		const before = descriptors();
		for (let i = 0; i < 30; i++) await refused(t, balancer);
		await until('all is closed', () => descriptors() <= before);
		t.ok((await balancer.recorded(31)).every(({ outcome }) => outcome === 'upstream-tls-failed'));
	},
};

/** Ends with the other side. */
const ending = (socket: Socket): Socket => socket.resume().on('end', () => socket.end());

/** Passes everything on to there, and back. */
function onward(socket: Socket, address: string, first?: Buffer): void {
	const next = connectTcp({ ...targetOf(address), allowHalfOpen: true });
	next.on('error', () => {});
	if (first !== undefined && first.length > 0) next.write(first);
	socket.pipe(next).pipe(socket);
}

export function conform(engine: EngineName): void {
	conformance(RULES, engineTargets([engine]), [engine]);
}
