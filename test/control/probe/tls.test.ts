import type { Socket } from 'node:net';
import { createServer, type TlsOptions } from 'node:tls';
import t from 'tap';
import type { ProbeRequest } from '../../../src/control/probe/request.ts';
import type { UpstreamTls } from '../../../src/core/snapshot.ts';
import { certificateAuthority, selfSigned } from '../../support/certificates.ts';
import { startBackend } from '../../support/echo.ts';
import { startOpensslServer } from '../../support/openssl-server.ts';
import { peerOf, until } from '../../support/peers.ts';
import { bad, GOOD, prober } from '../../support/probing.ts';
import { startTlsBackend, TlsPeer, upstreamTls } from '../../support/tls.ts';

const ca = certificateAuthority(t);
const other = certificateAuthority(t, 'Another CA');
const db = ca.issue(['db.example', '127.0.0.1']);
const named = ca.issue(['db.example']);

const probe = { type: 'tls' } as const;
const asked = (tls: Partial<UpstreamTls> = {}, more: Partial<ProbeRequest> = {}): Partial<ProbeRequest> => ({
	probe,
	tls: upstreamTls({ ca: ca.cert, ...tls }),
	...more,
});

t.test(
	'a handshake that holds is good, in both versions; it ends with a FIN, and waits for the backend to',
	async (t) => {
		const { probes, run } = prober(t);
		for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
			const backend = await startTlsBackend(t, { cert: db.cert, key: db.key, maxVersion });
			t.strictSame(await run(backend.address, asked()), GOOD, maxVersion);
			const peer = await backend.accepted();
			t.equal(await peer.ending(), 'fin', maxVersion);
			t.equal(probes.sockets, 1, maxVersion);
			peer.fin();
			await until('the probe has gone', () => probes.sockets === 0, 900);
		}
	},
);

t.test('which name is asked for, and verified', async (t) => {
	const { run } = prober(t);
	const names: (string | false)[] = [];
	const sni = (name: string, done: (error: Error | null) => void): void => {
		names.push(name);
		done(null);
	};
	const backend = await startTlsBackend(t, { cert: named.cert, key: named.key, SNICallback: sni });
	const { address } = backend;
	const cases: [what: string, request: Partial<ProbeRequest>, asksFor: string | false][] = [
		['the host name', asked({}, { hostName: 'db.example' }), 'db.example'],
		['a fixed name', asked({ serverName: { name: 'db.example' } }, { hostName: 'x.example' }), 'db.example'],
		[
			"the host name, where sessions ask for the client's",
			asked({ serverName: { from: 'sni' } }, { hostName: 'db.example' }),
			'db.example',
		],
	];
	for (const [what, request, asksFor] of cases) {
		t.strictSame(await run(address, request), GOOD, what);
		t.equal(names.at(-1), asksFor, what);
	}
	const wrong = await run(address, asked({}, { hostName: 'x.example' }));
	t.match(wrong, { type: 'bad', reason: /^TLS handshake failed: Host: x\.example\. is not in the cert's altnames/ });
	t.equal(names.length, 4);
	t.match(await run(address, asked()), { type: 'bad', reason: /IP: 127\.0\.0\.1 is not in the cert's list/ });
	t.equal(names.length, 4, 'an address is never asked for');
});

t.test('what a certificate or a server can be wrong in', async (t) => {
	const { run } = prober(t);
	const self = selfSigned(t, ['127.0.0.1']);
	const cases: [what: string, server: TlsOptions, request: Partial<ProbeRequest>, reason: string | RegExp][] = [
		[
			'unknown authority',
			db,
			asked({ ca: other.cert }),
			'TLS handshake failed: unable to verify the first certificate',
		],
		['self-signed', self, asked(), 'TLS handshake failed: self-signed certificate'],
		["the runtime's roots", db, asked({ ca: null }), 'TLS handshake failed: unable to verify the first certificate'],
		[
			'old',
			{ ...db, maxVersion: 'TLSv1.2' },
			asked({ minVersion: 'TLSv1.3' }),
			/^TLS handshake failed: .*protocol version$/,
		],
		[
			'no protocol in common',
			{ ...db, ALPNProtocols: ['mqtt'] },
			asked({ alpn: ['imap'] }),
			/^TLS handshake failed: .*no application protocol$/,
		],
	];
	for (const [what, server, request, reason] of cases) {
		const { address } = await startTlsBackend(t, { ...server });
		t.match(await run(address, request), { type: 'bad', reason }, what);
	}
});

t.test('without verification, and without TLS in the pool, any certificate is good', async (t) => {
	const { run } = prober(t);
	const { address } = await startTlsBackend(t, { ...selfSigned(t, ['elsewhere.example']) });
	t.strictSame(await run(address, asked({ verify: false })), GOOD);
	t.strictSame(await run(address, { probe }), GOOD);
});

t.test('our own certificate is shown, and its refusal heard, also in TLS 1.3 where it comes late', async (t) => {
	const { run } = prober(t);
	const client = ca.issue(['us'], { client: true });
	const stranger = other.issue(['us'], { client: true });
	for (const version of ['-tls1_2', '-tls1_3']) {
		const strict = ['-Verify', '1', '-verify_return_error', '-CAfile', ca.certFile];
		const address = await startOpensslServer(t, db, [version, ...strict]);
		const shown = ({ cert, key }: typeof client) => asked({ clientCertificate: { certificate: cert, key } });
		t.strictSame(await run(address, shown(client)), GOOD, version);
		const cases = [
			[asked(), /^TLS handshake (failed|refused): .*(handshake failure|certificate required)$/],
			[shown(stranger), /^TLS handshake (failed|refused): .*unknown ca$/],
		] as const;
		for (const [request, reason] of cases) t.match(await run(address, request), { type: 'bad', reason }, version);
	}
});

t.test('a backend that says nothing after its handshake has not objected', async (t) => {
	const { run } = prober(t);
	const address = await startOpensslServer(t, db, ['-tls1_3', '-num_tickets', '0']);
	t.strictSame(await run(address, asked()), GOOD);
});

t.test('what is no TLS', async (t) => {
	const { run } = prober(t);
	const cases: [what: string, onClient: (socket: Socket) => void, reason: string | RegExp][] = [
		['silence', () => {}, 'no TLS handshake within 300 ms'],
		[
			'a greeting',
			(socket) => socket.write('220 ready\r\n'),
			/^TLS handshake failed: .*(wrong version number|packet length too long)$/,
		],
		['a FIN', (socket) => socket.end(), 'TLS handshake failed: closed during the handshake'],
		['a RST', (socket) => socket.once('data', () => socket.resetAndDestroy()), 'TLS handshake failed: read ECONNRESET'],
	];
	for (const [what, onClient, reason] of cases) {
		const { address } = await startBackend(t, { onClient });
		const timeoutMs = what === 'silence' ? 300 : 10_000;
		t.match(await run(address, asked({}, { timeoutMs })), { type: 'bad', reason }, what);
	}
});

t.test('PostgreSQL is asked for TLS first', async (t) => {
	const { probes, run } = prober(t);
	const startTls = asked({ startTls: 'postgres' });
	const clients: TlsPeer[] = [];
	const secure = createServer({ cert: db.cert, key: db.key }, (tls) => clients.push(new TlsPeer(tls, tls)));
	const server = await startBackend(t, {
		onClient: (socket) =>
			socket.once('data', (request) => {
				if (request.toString('hex') !== '0000000804d2162f') return;
				socket.pause().write('S');
				secure.emit('connection', socket);
			}),
	});
	t.strictSame(await run(server.address, startTls), GOOD);
	t.equal(await clients[0]?.ending(), 'fin');
	clients[0]?.fin();
	await until('the probe has gone', () => probes.sockets === 0);
	const answers: [answer: string | null, reason: string][] = [
		['N', 'the backend refuses TLS (SSLRequest)'],
		['S\x16\x03', '3 bytes in answer to SSLRequest'],
		['', 'no answer to SSLRequest: closed'],
		[null, 'no answer to SSLRequest within 300 ms'],
	];
	for (const [answer, reason] of answers) {
		const onClient = (socket: Socket): void => void socket.once('data', () => answer !== null && socket.end(answer));
		const { address } = await startBackend(t, { onClient });
		const request = { ...startTls, timeoutMs: answer === null ? 300 : 10_000 };
		t.strictSame(await run(address, request), bad(reason), reason);
	}
});

t.test('a refused answer to SSLRequest still ends with a FIN', async (t) => {
	const { run } = prober(t);
	const backend = await startBackend(t, { onClient: (socket) => socket.once('data', () => socket.write('N')) });
	await run(backend.address, asked({ startTls: 'postgres' }));
	t.equal(await peerOf(await backend.accepted()).ending(), 'fin');
});
