import type { SecureVersion } from 'node:tls';
import tap, { type Test } from 'tap';
import { certificateAuthority } from '../support/certificates.ts';
import { echo, startBackend, startEcho } from '../support/echo.ts';
import { endingRules, type Pair, renamed } from '../support/ending-rules.ts';
import type { EngineName } from '../support/engines.ts';
import { type Balancer, engineTargets, type Target } from '../support/harness.ts';
import { configOf, type Overrides } from '../support/net-config.ts';
import { socketFolder } from '../support/net-ports.ts';
import { conformance, type Rules } from '../support/net-rules.ts';
import { digestOf, type Peer, pass, patternOf, peerOf, until } from '../support/peers.ts';
import { type DialTlsOptions, dialTls, type TlsPeer } from '../support/tls.ts';

const ca = certificateAuthority(tap);
const leaf = ca.issue(['a.example']);
const tls: NonNullable<Overrides['listener']>['tls'] = {
	mode: 'terminate',
	certificates: [{ cert: leaf.certFile, key: leaf.keyFile }],
};

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;

const dial = (t: Test, balancer: Balancer, options: DialTlsOptions = {}): Promise<TlsPeer> =>
	dialTls(t, balancer.address(), { ca: ca.cert, servername: 'a.example', ...options });

interface TlsPair extends Pair {
	readonly client: TlsPeer;
}

async function pairOf(
	t: Test,
	target: Target,
	overrides: Overrides = {},
	options: DialTlsOptions = {},
): Promise<TlsPair> {
	const backend = await startBackend(t);
	const balancer = await target.start(
		t,
		configOf([backend.address], { ...overrides, listener: { tls, ...overrides.listener } }),
	);
	const client = await dial(t, balancer, options);
	const server = peerOf(await backend.accepted());
	return { balancer, client, server };
}

const overTls = (maxVersion: SecureVersion): Rules =>
	renamed(
		endingRules((t, target) => pairOf(t, target, {}, { maxVersion })),
		maxVersion,
	);

const RULES: Rules = {
	...overTls('TLSv1.2'),
	...overTls('TLSv1.3'),

	"a backend's RST resets the client, without a close_notify": async (t, target) => {
		const { client, server } = await pairOf(t, target);
		server.send('last words');
		await client.heard(10);
		server.reset();
		await client.ending();
		t.match(client.tls.errored, { code: 'ECONNRESET' });
	},

	'bytes come through whole, both ways at once': async (t, target) => {
		const balancer = await target.start(t, configOf([(await startEcho(t)).address], { listener: { tls } }));
		for (const maxVersion of VERSIONS) {
			const client = await dial(t, balancer, { maxVersion });
			const sent = patternOf(3_000_000);
			client.send(sent);
			client.fin();
			t.equal(await client.ending(), 'fin');
			t.equal(client.digest, digestOf(sent), maxVersion);
		}
		const [one, two] = await balancer.recorded(2);
		t.match(one, { outcome: 'completed', uploadBytes: 3_000_000, downloadBytes: 3_000_000, tls: /^TLSv1\.2 / });
		t.match(two, { outcome: 'completed', uploadBytes: 3_000_000, downloadBytes: 3_000_000, tls: /^TLSv1\.3 / });
	},

	'a slow reader stops the other side, and loses nothing': async (t, target) => {
		const { client, server } = await pairOf(t, target);
		const sent = patternOf(24_000_000);
		client.tls.pause();
		server.send(sent);
		await stalled(server);
		t.ok(server.socket.writableLength > 0, 'the backend has to wait for the client');
		client.tls.resume();
		await until('all is there', () => client.bytes === sent.length, 15_000);
		t.equal(client.digest, digestOf(sent));
		server.socket.pause();
		client.send(sent);
		await stalled(client);
		t.ok(client.socket.writableLength > 0, 'the client has to wait for the backend');
		server.socket.resume();
		await until('all is there', () => server.bytes === sent.length, 15_000);
		t.equal(server.digest, digestOf(sent));
	},

	'a client that closes without a close_notify has ended': async (t, target) => {
		const { balancer, client, server } = await pairOf(t, target);
		client.send('last words');
		await server.heard(10);
		client.transport.end();
		t.equal(await server.ending(), 'fin');
		server.fin();
		t.match(await balancer.recorded(1), [{ outcome: 'completed', uploadBytes: 10 }]);
	},

	'rubbish, an alert or another handshake inside a session ends it as a RST does': async (t, target) => {
		const ends: ((client: TlsPeer) => void)[] = [
			({ transport }) => void transport.write('this is no TLS record, as anybody can see'),
			// A fatal alert that is not encrypted is rubbish by then, too.
			({ transport }) => void transport.write(Buffer.from('15030300020228', 'hex')),
			({ tls }) => void tls.renegotiate({}, () => {}),
		];
		for (const end of ends) {
			const { balancer, client, server } = await pairOf(t, target, {}, { maxVersion: 'TLSv1.2' });
			client.send('x');
			await server.heard(1);
			end(client);
			t.equal(await server.ending(), 'reset');
			await client.ending();
			t.match(await balancer.recorded(1), [{ outcome: 'client-reset', uploadBytes: 1 }]);
		}
	},

	'idle is without a byte inside TLS': async (t, target) => {
		const { balancer, client, server } = await pairOf(t, target, { listener: { timeouts: { idle: '600ms' } } });
		for (let i = 0; i < 3; i++) {
			await pass(250);
			client.send('x');
		}
		t.equal(await client.ending(), 'fin');
		t.equal(server.text, 'xxx');
		client.fin();
		server.fin();
		const [record] = await balancer.recorded(1);
		t.match(record, { outcome: 'idle-timeout', uploadBytes: 3 });
		t.ok((record?.durationMs ?? 0) >= 1_350, `${record?.durationMs} ms`);
	},

	'shaping counts what is inside TLS': async (t, target) => {
		const shaping = { download: { connection: { rate: '400kB/s', burst: '64KiB' } } };
		const { balancer, client, server } = await pairOf(t, target, { listener: { shaping } });
		const sent = patternOf(265_536);
		const startMs = performance.now();
		server.send(sent);
		server.fin();
		t.equal(await client.ending(), 'fin');
		const tookMs = performance.now() - startMs;
		t.equal(client.digest, digestOf(sent));
		t.ok(tookMs >= 430, `${tookMs} ms`);
		client.fin();
		const [record] = await balancer.recorded(1);
		t.match(record, { outcome: 'completed', downloadBytes: sent.length });
		t.ok((record?.throttledMs ?? 0) > 200);
	},

	'a client that leaves while it waits for a place has left, whatever its handshake was': async (t, target) => {
		const { balancer, first, second } = await waiting(t, target);
		second.fin();
		await second.ending();
		t.match(await balancer.recorded(1), [{ outcome: 'client-left' }]);
		first.fin();
	},

	'what a client says while it waits for a place is not lost': async (t, target) => {
		const { balancer, first, second } = await waiting(t, target);
		second.send(patternOf(200_000));
		second.fin();
		await pass(50);
		first.fin();
		t.equal(await second.ending(), 'fin');
		t.equal(second.digest, digestOf(patternOf(200_000)));
		t.match(await balancer.recorded(2), [{ outcome: 'completed' }, { outcome: 'completed', uploadBytes: 200_000 }]);
	},

	'unix-domain sockets, on both sides': async (t, target) => {
		const folder = socketFolder(t);
		const backend = await startBackend(t, { path: folder('b'), onClient: echo });
		const balancer = await target.start(
			t,
			configOf([backend.address], { listener: { tls, bind: `unix:${folder('l')}` } }),
		);
		const client = await dial(t, balancer);
		client.send('over a file');
		t.equal(await client.heard(11), 'over a file');
		client.fin();
		t.equal(await client.ending(), 'fin');
		const second = await dial(t, balancer);
		await until('there', () => backend.sockets.size === 1);
		second.transport.destroy();
		t.match(await balancer.recorded(2), [{ outcome: 'completed' }, { outcome: 'completed' }]);
	},

	'a stop sends close_notify and FIN to those that are served': async (t, target) => {
		const { balancer, client, server } = await pairOf(t, target);
		const stopped = balancer.stop(0);
		t.equal(await client.ending(), 'fin');
		client.fin();
		server.fin();
		await stopped;
		t.match(balancer.records, [{ outcome: 'shutdown' }]);
	},
};

/** One client at a backend that takes no more, another in its queue. */
async function waiting(t: Test, target: Target): Promise<{ balancer: Balancer; first: TlsPeer; second: TlsPeer }> {
	const { address } = await startBackend(t, { onClient: echo });
	const pool = { queue: { size: 1, timeout: '1m' } };
	const balancer = await target.start(t, configOf([{ address, maxConnections: 1 }], { listener: { tls }, pool }));
	const first = await dial(t, balancer);
	first.send('x');
	await first.heard(1);
	return { balancer, first, second: await dial(t, balancer) };
}

/** What it has sent is not taken any more. */
async function stalled({ socket }: Peer): Promise<void> {
	for (let before = -1; before !== socket.writableLength; ) {
		before = socket.writableLength;
		await pass(150);
	}
}

export function conform(engine: EngineName): void {
	conformance(RULES, engineTargets([engine]), [engine]);
}
