import type { SecureVersion, TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import type { TerminateTls } from '../../../../src/core/snapshot.ts';
import { certificateAuthority } from '../../../support/certificates.ts';
import { echo, startBackend } from '../../../support/echo.ts';
import { descriptors } from '../../../support/net-ports.ts';
import { type AcceptOptions, acceptOne, type InHand, OPEN_GATES, placeAt } from '../../../support/node-connection.ts';
import { digestOf, pass, patternOf, peerOf, until } from '../../../support/peers.ts';
import {
	certificateOf,
	clientByHand,
	type DialTlsOptions,
	secureClient,
	type TlsPeer,
	terminateTls,
} from '../../../support/tls.ts';

const ca = certificateAuthority(t);
const leaf = certificateOf(ca.issue(['a.example']));
const trusting = { ca: ca.cert, servername: 'a.example' };
const plain = terminateTls([leaf]);
const VERSIONS: readonly SecureVersion[] = ['TLSv1.2', 'TLSv1.3'];

const acceptTls = (t: Test, options: AcceptOptions = {}): Promise<InHand> => acceptOne(t, { ...options, paused: true });

/** A client whose TLS has been taken off. */
async function terminated(t: Test, tls: TerminateTls, options: DialTlsOptions = {}): Promise<[InHand, TlsPeer]> {
	const it = await acceptTls(t);
	it.connection.handshake(tls, 'a.example');
	const [peer] = await Promise.all([secureClient(it.client.socket, { ...trusting, ...options }), it.next('tls-ready')]);
	return [it, peer];
}

/** A handshake that fails; what the client heard of it. */
async function refused(t: Test, tls: TerminateTls, options: DialTlsOptions = {}): Promise<[string, Error]> {
	const it = await acceptTls(t);
	it.connection.handshake(tls, 'a.example');
	const over = Promise.withResolvers<Error>();
	const onSocket = (socket: TLSSocket): void => {
		socket.on('error', over.resolve).on('end', () => over.resolve(new Error('no alert')));
	};
	secureClient(it.client.socket, { ...trusting, ...options, onSocket }).catch(() => {});
	const { reason } = await it.next('tls-failed');
	it.connection.close('fin');
	t.same(it.types().slice(-2), ['tls-failed', 'closed']);
	const heard = await over.promise;
	t.equal(it.stragglers.size, 0, 'its socket is closed');
	return [reason, heard];
}

t.test('what was held goes into the handshake first, and what comes meanwhile after it', async (t) => {
	for (const cut of [1, 5, 100, 10_000]) {
		const it = await acceptOne(t);
		const client = clientByHand(trusting);
		it.client.socket.on('data', client.hear);
		const hello = await client.written();
		it.connection.peek(0, 16_384);
		it.client.send(hello.subarray(0, cut));
		await it.next('bytes');
		it.connection.handshake(plain, 'a.example');
		it.client.send(hello.subarray(cut));
		it.client.send(await client.written());
		t.match(await it.next('tls-ready'), { tls: { version: 'TLSv1.3', alpn: null, resumed: false, certificate: null } });
	}
});

t.test('from then on its bytes are those inside, held, looked at and relayed', async (t) => {
	const backend = await startBackend(t);
	const [it, client] = await terminated(t, plain);
	client.send('for us for them');
	await it.next('early-bytes');
	it.connection.peek(7, 4_096);
	t.equal(`${(await it.next('bytes')).bytes}`, 'for us for them');
	it.connection.consume(7);
	const place = placeAt(backend);
	it.connection.connect(place.pool, place.backend, null);
	const server = peerOf(await backend.accepted());
	await it.next('connected');
	it.connection.relay(OPEN_GATES);
	t.equal(await server.heard(8), 'for them');
	server.send('and back');
	t.equal(await client.heard(8), 'and back');
	t.match(it.connection.meter, { uploadBytes: 8, downloadBytes: 8 });
});

t.test('the facts of the handshake', async (t) => {
	const alpn = terminateTls([leaf], { alpn: ['mqtt', 'x'] });
	for (const version of VERSIONS) {
		const it = await acceptTls(t);
		it.connection.handshake(alpn, 'a.example');
		await secureClient(it.client.socket, { ...trusting, maxVersion: version, ALPNProtocols: ['y', 'x'] });
		const { tls } = await it.next('tls-ready');
		t.match(tls, { version, alpn: 'x', resumed: false, certificate: null });
		t.match(tls.cipher, /^TLS_/);
	}
});

t.test('a client that offers no protocol at all is served', async (t) => {
	const [it] = await terminated(t, terminateTls([leaf], { alpn: ['mqtt'] }));
	t.match(it.events.at(-1), { type: 'tls-ready', tls: { alpn: null } });
});

t.test('handshakes that cannot be are told with a reason, and the client hears an alert', async (t) => {
	const stranger = certificateAuthority(t, 'Other CA').issue(['stranger'], { client: true });
	const require = { ca: ca.cert, mode: 'require', names: [], fingerprints: [] } as const;
	const own = { cert: stranger.cert, key: stranger.key };
	const table: [string, Partial<TerminateTls>, DialTlsOptions, RegExp, RegExp][] = [
		['no common protocol', { alpn: ['a'] }, { ALPNProtocols: ['b'] }, /no application protocol/, /alert number 120/],
		['too old', { minVersion: 'TLSv1.3' }, { maxVersion: 'TLSv1.2' }, /unsupported protocol/, /alert number 70/],
		[
			'no common cipher',
			{ ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' },
			{ maxVersion: 'TLSv1.2' },
			/no shared cipher/,
			/alert number 40/,
		],
		['no certificate', { clientAuth: require }, {}, /did not return a certificate/, /alert number 116/],
		['a stranger', { clientAuth: require }, own, /client certificate: UNABLE_TO_VERIFY_LEAF_SIGNATURE/, /no alert/],
	];
	for (const [what, terms, options, reason, alert] of table) {
		const [told, heard] = await refused(t, terminateTls([leaf], terms), options);
		t.match(told, reason, what);
		t.match(heard.message, alert, what);
	}
});

t.test('what is not TLS, or ends too early, fails the handshake', async (t) => {
	for (const [sent, fin, reason] of [
		['GET / HTTP/1.1\r\n\r\n', false, /http request/],
		['\x16\x03\x01', true, /closed during the handshake/],
		['', true, /closed/],
	] as const) {
		const it = await acceptOne(t);
		it.client.send(sent);
		if (sent !== '') await it.next('early-bytes');
		it.connection.handshake(plain, null);
		if (fin) it.client.fin();
		t.match((await it.next('tls-failed')).reason, reason);
		it.connection.close('fin');
		await until('gone', () => it.stragglers.size === 0);
		await it.client.ending();
	}
	const it = await acceptOne(t);
	it.client.fin();
	await it.next('eof');
	it.connection.handshake(plain, null);
	t.match((await it.next('tls-failed')).reason, /closed before/);
});

t.test('a client that resets during the handshake is told of as such', async (t) => {
	const it = await acceptOne(t);
	it.connection.handshake(plain, null);
	it.client.send('\x16\x03\x01');
	await pass(10);
	it.client.reset();
	t.equal((await it.next('reset')).side, 'client');
	t.same(it.types(), ['reset'], 'once');
	it.connection.close('reset');
	t.equal(it.stragglers.size, 0);
});

t.test('a session that ends during the handshake closes the connection as it is told', async (t) => {
	for (const manner of ['fin', 'reset'] as const) {
		const it = await acceptOne(t);
		it.connection.handshake(plain, null);
		it.client.send('\x16\x03\x01');
		await pass(10);
		it.connection.close(manner);
		t.equal(await it.client.ending(), manner);
		await until('gone', () => it.stragglers.size === 0);
		t.same(it.types(), ['closed'], 'nothing more is told');
	}
});

t.test('a FIN inside TLS is a FIN, both ways, whichever comes first', async (t) => {
	for (const maxVersion of VERSIONS) {
		const backend = await startBackend(t);
		for (const first of ['client', 'backend'] as const) {
			const [it, client] = await terminated(t, plain, { maxVersion });
			const place = placeAt(backend);
			it.connection.connect(place.pool, place.backend, null);
			await it.next('connected');
			it.connection.relay(OPEN_GATES);
			it.onEvent = (event) => {
				if (event.type === 'eof') it.connection.shutdown(event.side === 'client' ? 'backend' : 'client');
			};
			const server = peerOf(await backend.accepted(first === 'client' ? 0 : 1));
			const [one, other] = first === 'client' ? [client, server] : [server, client];
			one.send('question');
			one.fin();
			t.equal(await other.ending(), 'fin');
			t.equal(other.text, 'question');
			other.send('late answer');
			t.equal(await one.heard(11), 'late answer');
			other.fin();
			t.equal(await one.ending(), 'fin');
			await it.next('relay-ended');
		}
	}
});

t.test('a RST is a RST, both ways', async (t) => {
	const [it, client] = await terminated(t, plain);
	client.send('x');
	await it.next('early-bytes');
	client.reset();
	t.equal((await it.next('reset')).side, 'client');
	const [other, second] = await terminated(t, plain);
	other.connection.close('reset');
	t.equal(await second.ending(), 'reset');
	t.match(second.tls.errored, { code: 'ECONNRESET' });
});

t.test('a RST right behind a FIN loses no descriptor', async (t) => {
	const backend = await startBackend(t, { onClient: echo });
	const before = descriptors();
	for (let i = 0; i < 10; i++) {
		const [it, client] = await terminated(t, plain);
		const place = placeAt(backend);
		it.connection.connect(place.pool, place.backend, null);
		await it.next('connected');
		it.connection.relay(OPEN_GATES);
		client.send('x');
		await client.heard(1);
		it.connection.shutdown('client');
		it.connection.close('reset');
		await client.ending();
		await it.next('closed');
		client.transport.destroy();
	}
	// Each test server listens on.
	await until('all is closed', () => descriptors() <= before + 10);
});

t.test('a client that asks for another handshake is cut off', async (t) => {
	const [it, client] = await terminated(t, plain, { maxVersion: 'TLSv1.2' });
	client.tls.renegotiate({}, () => {});
	t.equal((await it.next('reset')).side, 'client');
	it.connection.close('reset');
	await client.ending();
	await until('gone', () => it.stragglers.size === 0);
});

t.test('rubbish inside an established session is an end of the connection', async (t) => {
	const [it, client] = await terminated(t, plain);
	client.transport.write('this is no TLS record, as anybody can see');
	t.equal((await it.next('reset')).side, 'client');
	it.connection.close('reset');
	await client.ending();
});

t.test('what was read before rubbish, and was held back, goes to the other side once', async (t) => {
	const backend = await startBackend(t);
	const [it, client] = await terminated(t, plain);
	const place = placeAt(backend);
	it.connection.connect(place.pool, place.backend, null);
	await it.next('connected');
	const readyNs = performance.now() * 1e6 + 50e6;
	const upload = { ...OPEN_GATES.upload, readyNs, ask: (want: number, nowNs: number) => (nowNs < readyNs ? 0 : want) };
	it.connection.relay({ ...OPEN_GATES, upload });
	it.onEvent = (event) => {
		if (event.type === 'reset') it.connection.flush('backend');
	};
	const server = peerOf(await backend.accepted());
	const sent = patternOf(40_000);
	client.send(sent);
	client.transport.write('this is no TLS record, as anybody can see');
	await it.next('flushed');
	it.connection.close('fin');
	await server.ending();
	t.equal(server.bytes, sent.length);
	t.equal(server.digest, digestOf(sent));
});
