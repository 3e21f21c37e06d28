import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import tap, { type Test } from 'tap';
import type { AccessLine } from '../../src/control/access-line.ts';
import { certificateAuthority, type Issued } from '../support/certificates.ts';
import { greet, startBackend, startEcho } from '../support/echo.ts';
import type { EngineName } from '../support/engines.ts';
import { type Balancer, engineTargets, type Target } from '../support/harness.ts';
import { configOf, type Overrides, poolOf } from '../support/net-config.ts';
import { descriptors } from '../support/net-ports.ts';
import { conformance, type Rules } from '../support/net-rules.ts';
import { dial, type Peer, pass, until } from '../support/peers.ts';
import { clientByHand, type DialTlsOptions, dialTls, secureClient, type TlsPeer } from '../support/tls.ts';

type ListenerInput = NonNullable<Overrides['listener']>;
type TlsInput = NonNullable<ListenerInput['tls']>;

const ca = certificateAuthority(tap);
const leaf = ca.issue(['a.example']);
const file = ({ certFile, keyFile }: Issued) => ({ cert: certFile, key: keyFile });
const terminate = (more: Partial<TlsInput> = {}): TlsInput => ({
	mode: 'terminate',
	certificates: [file(leaf)],
	...more,
});

const secure = (t: Test, balancer: Balancer, options: DialTlsOptions = {}): Promise<TlsPeer> =>
	dialTls(t, balancer.address(), { ca: ca.cert, servername: 'a.example', ...options });

/** In front of a backend that says `hi` and echoes. */
async function greeting(t: Test, target: Target, tls: TlsInput, listener: ListenerInput = {}): Promise<Balancer> {
	const backend = await startBackend(t, { onClient: greet('hi') });
	return target.start(t, configOf([backend.address], { listener: { tls, ...listener } }));
}

/** A client that is served; answers the SHA-256 of the certificate that it was shown. */
async function served(t: Test, balancer: Balancer, options: DialTlsOptions = {}): Promise<string> {
	const client = await secure(t, balancer, options);
	await client.heard(3);
	const shown = client.tls.getPeerX509Certificate()?.fingerprint256 ?? 'none';
	client.fin();
	t.equal(await client.ending(), 'fin');
	return shown.replaceAll(':', '').toLowerCase();
}

/** A client that is turned away by TLS; answers what it was told. */
async function refused(t: Test, balancer: Balancer, options: DialTlsOptions = {}): Promise<string> {
	let error = 'no alert';
	const client = await secure(t, balancer, {
		...options,
		onSocket: (tls) => void tls.on('error', ({ message }) => (error = message)),
	}).catch(() => null);
	if (client !== null) await client.ending();
	client?.fin();
	return error;
}

/** The records of these clients, one after another. */
const outcomesOf = async (balancer: Balancer, count: number) =>
	(await balancer.recorded(count)).map(({ outcome, detail }) => [outcome, detail]);

/** A client that does this; its record, once it has been closed on both sides. */
async function brokenOff(t: Test, balancer: Balancer, act: (peer: Peer) => unknown): Promise<AccessLine | undefined> {
	const before = balancer.records.length;
	const peer = await dial(t, balancer.address());
	act(peer);
	const record = (await balancer.recorded(before + 1))[before];
	if (!peer.socket.destroyed) await peer.ending();
	peer.fin();
	return record;
}

const RULES: Rules = {
	'certificates are chosen by server name, and by the kind of key that the client takes': async (t, target) => {
		const [rsa, other] = [ca.issue(['a.example'], { keyKind: 'rsa' }), ca.issue(['*.b.example', 'c.example'])];
		const tls = terminate({ certificates: [file(other), { ...file(leaf), default: true }, file(rsa)] });
		const balancer = await greeting(t, target, tls);
		const table = [
			[{ servername: 'a.example', sigalgs: 'ECDSA+SHA256' }, leaf],
			[
				{
					servername: 'a.example',
					sigalgs: 'RSA-PSS+SHA256:RSA+SHA256',
					ciphers: 'ECDHE-RSA-AES128-GCM-SHA256',
					maxVersion: 'TLSv1.2',
				},
				rsa,
			],
			[{ servername: 'x.b.example' }, other],
			[{ servername: 'C.Example' }, other],
			[{ servername: 'b.example', checkServerIdentity: () => undefined }, leaf],
			[{ servername: '', checkServerIdentity: () => undefined }, leaf],
		] as const;
		for (const [options, expected] of table)
			t.equal(await served(t, balancer, options), expected.fingerprint, `${options.servername}`);
		const records = await balancer.recorded(table.length);
		t.same(
			records.map(({ sni, outcome }) => [sni, outcome]),
			[...['a.example', 'a.example', 'x.b.example', 'c.example', 'b.example'], null].map((sni) => [sni, 'completed']),
		);
	},

	'routes are found by what the ClientHello says, and the record tells it': async (t, target) => {
		const [eu, other] = [
			await startBackend(t, { onClient: greet('eu') }),
			await startBackend(t, { onClient: greet('xx') }),
		];
		const balancer = await target.start(t, {
			listeners: [
				{
					name: 'in',
					bind: '127.0.0.1:0',
					tls: terminate({ alpn: ['mqtt', 'x'] }),
					routes: [
						{ match: { sni: ['*.eu.example'] }, to: ['eu'] },
						{ match: { alpn: ['mqtt'] }, to: ['other'] },
					],
				},
			],
			pools: [poolOf('eu', [eu.address]), poolOf('other', [other.address])],
		});
		const any = { checkServerIdentity: () => undefined };
		for (const [options, word] of [
			[{ ...any, servername: 'a.eu.example' }, 'eu\n'],
			[{ ALPNProtocols: ['x', 'mqtt'] }, 'xx\n'],
		] as const) {
			const client = await secure(t, balancer, options);
			t.equal(await client.heard(3), word);
			client.fin();
			await client.ending();
		}
		const raw = await dial(t, balancer.address(), { paused: true });
		secureClient(raw.socket, { servername: 'a.example' }).catch(() => {});
		const [first, second, third] = await balancer.recorded(3);
		t.match(first, { route: '1', sni: 'a.eu.example', alpn: null, tls: /^TLSv1\.3 TLS_/, outcome: 'completed' });
		t.match(second, { route: '2', sni: 'a.example', alpn: 'mqtt', tls: /^TLSv1\.3 TLS_/, outcome: 'completed' });
		t.match(third, { outcome: 'no-route', tls: null }, 'no handshake is made for it');
	},

	'versions, ciphers and protocols that do not go together end the handshake with an alert': async (t, target) => {
		const table: [Partial<TlsInput>, DialTlsOptions, RegExp, RegExp][] = [
			[{ minVersion: 'TLSv1.3' }, { maxVersion: 'TLSv1.2' }, /unsupported protocol/, /alert number 70/],
			[{ ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }, { maxVersion: 'TLSv1.2' }, /no shared cipher/, /alert number 40/],
			[{ alpn: ['mqtt'] }, { ALPNProtocols: ['x'] }, /no application protocol/, /alert number 120/],
		];
		for (const [more, options, reason, alert] of table) {
			const balancer = await greeting(t, target, terminate(more));
			t.match(await refused(t, balancer, options), alert);
			const [record] = await balancer.recorded(1);
			t.match(record, { outcome: 'tls-failed', detail: reason, uploadBytes: 0, attempts: 0 });
		}
	},

	'the protocol agreed on is the first of ours that the client offers; none is no matter': async (t, target) => {
		const balancer = await greeting(t, target, terminate({ alpn: ['mqtt', 'x'] }));
		for (const [offered, agreed] of [
			[['x', 'mqtt'], 'mqtt'],
			[['x', 'y'], 'x'],
			[undefined, false],
		] as const) {
			const client = await secure(t, balancer, offered === undefined ? {} : { ALPNProtocols: [...offered] });
			t.equal(client.tls.alpnProtocol, agreed);
			client.fin();
			await client.ending();
		}
	},

	'clients without the certificate that is required stay out': async (t, target) => {
		const [device, user] = [
			ca.issue(['one.devices.example'], { client: true }),
			ca.issue(['someone.example'], { client: true }),
		];
		const stranger = certificateAuthority(t, 'Another CA').issue(['one.devices.example'], { client: true });
		const own = ({ cert, key }: Issued): DialTlsOptions => ({ cert, key });
		const clientAuth = { ca: ca.certFile, names: ['*.devices.example'] };
		const balancer = await greeting(t, target, terminate({ clientAuth }));
		await served(t, balancer, own(device));
		t.match(await refused(t, balancer), /alert number 116/);
		t.match(await refused(t, balancer, { maxVersion: 'TLSv1.2' }), /alert number 40/);
		for (const issued of [stranger, user]) await refused(t, balancer, own(issued));
		const outcomes = await outcomesOf(balancer, 5);
		t.same(
			outcomes.map(([outcome]) => outcome),
			['completed', 'tls-failed', 'tls-failed', 'tls-failed', 'tls-failed'],
		);
		t.match(outcomes[1]?.[1], /did not return a certificate/);
		t.match(outcomes[3]?.[1], /UNABLE_TO_VERIFY_LEAF_SIGNATURE/);
		t.match(outcomes[4]?.[1], /someone\.example|name/);
	},

	'where a certificate is only requested one may come without, but not with a bad one': async (t, target) => {
		const good = ca.issue(['good'], { client: true });
		const bad = certificateAuthority(t, 'Another CA').issue(['bad'], { client: true });
		const balancer = await greeting(t, target, terminate({ clientAuth: { ca: ca.certFile, mode: 'request' } }));
		await served(t, balancer);
		await served(t, balancer, { cert: good.cert, key: good.key });
		await refused(t, balancer, { cert: bad.cert, key: bad.key });
		t.same(
			(await outcomesOf(balancer, 3)).map(([outcome]) => outcome),
			['completed', 'completed', 'tls-failed'],
		);
	},

	'a response of OCSP is stapled from its file': async (t, target) => {
		const { der, file: ocsp } = ca.ocsp(leaf);
		const balancer = await greeting(t, target, terminate({ certificates: [{ ...file(leaf), ocsp }] }));
		const stapled = Promise.withResolvers<Buffer>();
		const asking = {
			requestOCSP: true,
			onSocket: (tls: TlsPeer['tls']) => void tls.on('OCSPResponse', stapled.resolve),
		};
		await served(t, balancer, asking as DialTlsOptions);
		t.same(await stapled.promise, der);
	},

	'a handshake that is broken off is told as what it was, at every stage': async (t, target) => {
		const balancer = await greeting(t, target, terminate());
		const hello = await clientByHand({ servername: 'a.example' }).written();
		const [garbage, alert] = [Buffer.from('160303000501000001ff', 'hex'), Buffer.from('15030300020228', 'hex')];
		const half = hello.subarray(0, 100);
		const table: [string, (peer: Peer) => void, string, RegExp | null][] = [
			['nothing, and FIN', (peer) => peer.fin(), 'client-left', null],
			['nothing, and RST', (peer) => peer.reset(), 'client-reset', null],
			['not TLS', (peer) => peer.send('GET / HTTP/1.1\r\n\r\n'), 'not-tls', /./],
			['half a hello, and FIN', (peer) => [peer.send(half), peer.fin()], 'client-hello-invalid', /ended/],
			['a hello, and FIN', (peer) => [peer.send(hello), peer.fin()], 'tls-failed', /closed|ended/],
			['a hello, and garbage', (peer) => peer.send(Buffer.concat([hello, garbage])), 'tls-failed', /./],
			['a hello, and an alert', (peer) => peer.send(Buffer.concat([hello, alert])), 'tls-failed', /handshake failure/],
		];
		for (const [what, act, outcome, detail] of table) {
			const record = await brokenOff(t, balancer, act);
			t.equal(record?.outcome, outcome, what);
			if (detail !== null) t.match(record?.detail, detail, what);
		}
		const peer = await dial(t, balancer.address());
		peer.send(hello);
		await peer.heard(100);
		peer.reset();
		const last = table.length;
		t.match((await balancer.recorded(last + 1))[last], { outcome: 'client-reset', tls: null }, 'RST after our hello');
	},

	'a handshake that does not come to an end is given up': async (t, target) => {
		const hello = await clientByHand({ servername: 'a.example' }).written();
		const table: [string, Buffer | null, 'clientHello' | 'tlsHandshake', string, RegExp][] = [
			['nothing at all', null, 'clientHello', 'client-hello-timeout', /200 ms/],
			['half a hello', hello.subarray(0, 100), 'clientHello', 'client-hello-timeout', /200 ms/],
			['a hello, and no more', hello, 'tlsHandshake', 'tls-failed', /no handshake within 200 ms/],
		];
		for (const [what, sent, timeout, outcome, detail] of table) {
			const balancer = await greeting(t, target, terminate(), { timeouts: { [timeout]: '200ms' } });
			const record = await brokenOff(t, balancer, (peer) => sent !== null && peer.send(sent));
			t.equal(record?.outcome, outcome, what);
			t.match(record?.detail, detail, what);
			t.ok((record?.durationMs ?? 0) >= 200);
		}
	},

	'handshakes that are broken off leave no descriptor behind': async (t, target) => {
		const balancer = await greeting(t, target, terminate());
		await served(t, balancer);
		await balancer.recorded(1);
		const hello = await clientByHand({ servername: 'a.example' }).written();
		await pass(50);
		const before = descriptors();
		for (let i = 0; i < 60; i++) {
			const peer = await dial(t, balancer.address());
			peer.send(hello.subarray(0, 50 + 20 * i));
			if (i % 3 === 0) await pass(2);
			if (i % 2 === 0) peer.reset();
			else peer.fin();
			peer.socket.resume().on('end', () => peer.socket.destroy());
		}
		await balancer.recorded(61);
		await until('all is closed', () => descriptors() <= before);
	},

	'a PostgreSQL client asks for TLS in the clear, and gets it': async (t, target) => {
		const balancer = await greeting(t, target, terminate({ startTls: 'postgres' }));
		const raw = await dial(t, balancer.address(), { paused: true });
		raw.socket.write(Buffer.from('0000000804d2162f', 'hex'));
		await once(raw.socket, 'readable');
		t.equal(`${raw.socket.read()}`, 'S');
		const client = await secureClient(raw.socket, { ca: ca.cert, servername: 'a.example' });
		t.equal(await client.heard(3), 'hi\n');
		client.fin();
		t.match(await balancer.recorded(1), [{ outcome: 'completed', sni: 'a.example', uploadBytes: 0, downloadBytes: 3 }]);
	},

	'certificates that change are shown after a reload; sessions go on': async (t, target) => {
		const echoes = await startEcho(t);
		const renewed = ca.issue(['a.example']);
		const config = (issued: Issued) =>
			configOf([echoes.address], { listener: { tls: terminate({ certificates: [file(issued)] }) } });
		const balancer = await target.start(t, config(leaf));
		const before = await secure(t, balancer);
		await balancer.reload(config(renewed));
		const after = await secure(t, balancer);
		t.equal(after.tls.getPeerX509Certificate()?.serialNumber, serialOf(renewed));
		for (const client of [before, after]) {
			client.send('still here');
			t.equal(await client.heard(10), 'still here');
			client.fin();
			await client.ending();
		}
		t.match(await balancer.recorded(2), [{ outcome: 'completed' }, { outcome: 'completed' }]);
	},
};

const serialOf = ({ cert }: Issued): string => new X509Certificate(cert).serialNumber;

export function conform(engine: EngineName): void {
	conformance(RULES, engineTargets([engine]), [engine]);
}
