import { connect as connectTcp, type Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import t, { type Test } from 'tap';
import type { UpstreamTls } from '../../../../src/core/snapshot.ts';
import { TlsStore } from '../../../../src/engine/node/tls/tls-store.ts';
import { certificateAuthority, type Issued, selfSigned } from '../../../support/certificates.ts';
import { startBackend } from '../../../support/echo.ts';
import { acceptOne, type InHand, OPEN_GATES, placeAt } from '../../../support/node-connection.ts';
import { pass, until } from '../../../support/peers.ts';
import { startTlsBackend, type TlsBackend, upstreamTls } from '../../../support/tls.ts';

const ca = certificateAuthority(t);
const leaf = ca.issue(['db.example']);
const trusting = upstreamTls({ ca: ca.cert });

const pairOf = ({ cert, key }: Issued): TlsOptions => ({ cert, key });

/** Ends with the other side. */
const ending = (socket: Socket): Socket => socket.resume().on('end', () => socket.end());

interface Asked {
	readonly tls?: UpstreamTls;
	readonly serverName?: string | null;
	readonly alpn?: readonly string[];
	readonly preface?: string;
	readonly store?: TlsStore;
}

/** A session whose connection to the backend is to be secured. */
async function securing(t: Test, backend: Pick<TlsBackend, 'address'>, asked: Asked = {}): Promise<InHand> {
	const it = await acceptOne(t, asked.store === undefined ? {} : { tls: asked.store });
	const place = placeAt(backend);
	it.connection.connect(place.pool, place.backend, asked.preface === undefined ? null : Buffer.from(asked.preface));
	await it.next('connected');
	it.connection.secure(
		asked.tls ?? trusting,
		asked.serverName === undefined ? 'db.example' : asked.serverName,
		asked.alpn ?? [],
	);
	return it;
}

t.test('from then on the relay is inside TLS', async (t) => {
	const backend = await startTlsBackend(t, pairOf(leaf));
	const it = await securing(t, backend);
	it.client.send('early');
	await it.next('upstream-tls-ready');
	it.connection.relay(OPEN_GATES);
	const server = await backend.accepted();
	t.equal(server.tls.servername, 'db.example');
	t.equal(await server.heard(5), 'early');
	server.send('answer');
	t.equal(await it.client.heard(6), 'answer');
	t.match(it.connection.meter, { uploadBytes: 5, downloadBytes: 6 });
});

t.test('a certificate must come from a known authority and have the name', async (t) => {
	const another = certificateAuthority(t, 'Another CA');
	const table: [string, Issued, Asked, RegExp | null][] = [
		['the right name', leaf, {}, null],
		['another name', leaf, { serverName: 'other.example' }, /other\.example/],
		['an authority that nobody knows', another.issue(['db.example']), {}, /unable to verify/],
		['self-signed', selfSigned(t, ['db.example']), {}, /self-signed/],
		['self-signed, and that is what is trusted', ca, { serverName: 'Test CA' }, /Test CA/],
		['the address, when no name is sent', ca.issue(['127.0.0.1']), { serverName: null }, null],
		['not the address', leaf, { serverName: null }, /127\.0\.0\.1/],
		['a name that is an address', ca.issue(['127.0.0.1']), { serverName: '127.0.0.1' }, null],
		["the runtime's own roots do not know it", leaf, { tls: upstreamTls() }, /unable to/],
		['no verification: any', selfSigned(t, ['x']), { tls: upstreamTls({ verify: false }), serverName: 'y' }, null],
		['no verification, no name', leaf, { tls: upstreamTls({ verify: false }), serverName: null }, null],
	];
	for (const [what, issued, asked, reason] of table) {
		const it = await securing(t, await startTlsBackend(t, pairOf(issued)), asked);
		if (reason === null) await it.next('upstream-tls-ready');
		else t.match((await it.next('upstream-tls-failed')).reason, reason, what);
	}
});

t.test('failures of other kinds are told with their reason, once, and the socket is closed', async (t) => {
	const old = await startTlsBackend(t, { ...pairOf(leaf), maxVersion: 'TLSv1.2' });
	const choosy = await startTlsBackend(t, { ...pairOf(leaf), ALPNProtocols: ['a'] });
	const plain = await startBackend(t, { onClient: (socket) => ending(socket).write('220 I speak no TLS\r\n') });
	const closing = await startBackend(t, { onClient: (socket) => socket.resume().end() });
	const resetting = await startBackend(t, {
		onClient: (socket) => void socket.once('data', () => socket.resetAndDestroy()),
	});
	const table: [Pick<TlsBackend, 'address'>, Asked, RegExp][] = [
		[old, { tls: { ...trusting, identity: 'new', minVersion: 'TLSv1.3' } }, /protocol version/],
		[choosy, { alpn: ['b'] }, /no application protocol/],
		[plain, {}, /wrong version number|packet length too long/],
		[closing, {}, /closed during the handshake|ECONNRESET|EPIPE/],
		[resetting, {}, /ECONNRESET/],
	];
	for (const [backend, asked, reason] of table) {
		const it = await securing(t, backend, asked);
		t.match((await it.next('upstream-tls-failed')).reason, reason);
		await pass(10);
		t.same(it.types(), ['connected', 'upstream-tls-failed'], 'told once');
	}
	await until('gone', () => [plain, closing, resetting].every(({ sockets }) => sockets.size === 0));
});

t.test('after a failure the next backend may be tried', async (t) => {
	const bad = await startTlsBackend(t, pairOf(selfSigned(t, ['db.example'])));
	const good = await startTlsBackend(t, pairOf(leaf));
	const it = await securing(t, bad);
	await it.next('upstream-tls-failed');
	const place = placeAt(good);
	it.connection.connect(place.pool, place.backend, null);
	await it.next('connected');
	it.connection.secure(trusting, 'db.example', []);
	await it.next('upstream-tls-ready');
});

t.test('the preface comes before TLS, and a greeting, too', async (t) => {
	const heard: string[] = [];
	const { address } = await startTlsBackend(t, pairOf(leaf));
	const front = await startBackend(t, {
		onClient: (socket) => {
			socket.once('data', (preface) => {
				socket.pause();
				heard.push(`${preface}`);
				socket.write('S');
				const [host = '', port] = address.split(':');
				const onward = connectTcp(Number(port), host);
				onward.on('error', () => {});
				socket.pipe(onward).pipe(socket);
			});
		},
	});
	const it = await acceptOne(t);
	const place = placeAt(front);
	it.connection.connect(place.pool, place.backend, Buffer.from('PROXY\r\n'));
	await it.next('connected');
	it.connection.greet(Buffer.from('TLS?'));
	await it.next('greeted');
	it.connection.secure(trusting, 'db.example', []);
	await it.next('upstream-tls-ready');
	t.same(heard, ['PROXY\r\nTLS?']);
});

t.test('what is offered and shown: protocols and a certificate of our own', async (t) => {
	const own = ca.issue(['sluice'], { client: true });
	const backend = await startTlsBackend(t, {
		...pairOf(leaf),
		ca: ca.cert,
		requestCert: true,
		rejectUnauthorized: true,
		ALPNProtocols: ['y', 'x'],
	});
	const tls = upstreamTls({ ca: ca.cert, clientCertificate: { certificate: own.cert, key: own.key } });
	const it = await securing(t, backend, { tls, alpn: ['x', 'y'] });
	await it.next('upstream-tls-ready');
	const { tls: server } = await backend.accepted();
	t.equal(server.alpnProtocol, 'y');
	t.equal(server.getPeerCertificate().subject.CN, 'sluice');
});

t.test('a session is taken up again: of the same terms, backend and name', async (t) => {
	const both = ca.issue(['db.example', 'other.example']);
	for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
		const backend = await startTlsBackend(t, { ...pairOf(both), maxVersion });
		const store = new TlsStore();
		const table: [Asked, boolean][] = [
			[{}, false],
			[{}, true],
			[{ serverName: 'other.example' }, false],
			[{ tls: { ...trusting, identity: 'changed' } }, false],
			[{}, true],
			[{ store: new TlsStore() }, false],
		];
		for (const [index, [asked, resumed]] of table.entries()) {
			const it = await securing(t, backend, { store, ...asked });
			await it.next('upstream-tls-ready');
			it.connection.relay(OPEN_GATES);
			const server = await backend.accepted(index);
			t.equal(server.tls.isSessionReused(), resumed, `${maxVersion}, visit ${index}`);
			server.send('x');
			await it.client.heard(1);
		}
	}
});

t.test('a session is dropped with a handshake that fails', async (t) => {
	const store = new TlsStore();
	const mute = await startBackend(t, { onClient: (socket) => socket.resume().end() });
	const key = `${trusting.identity}\n${mute.address}\ndb.example`;
	store.backends.sessions.set(key, Buffer.from('a session of before'));
	const it = await securing(t, mute, { store });
	await it.next('upstream-tls-failed');
	t.equal(store.backends.sessions.get(key), undefined);
});

t.test('an upstream is given up in the middle of its handshake without a word', async (t) => {
	const mute = await startBackend(t, { onClient: ending });
	const it = await securing(t, mute);
	await pass(20);
	it.connection.cancelConnect();
	await until('gone', () => mute.sockets.size === 0);
	const place = placeAt(mute);
	it.connection.connect(place.pool, place.backend, null);
	await it.next('connected');
	it.connection.secure(trusting, 'db.example', []);
	it.connection.close('reset');
	await until('gone', () => mute.sockets.size === 0);
	t.same(it.types(), ['connected', 'connected', 'closed']);
});

t.test('a FIN and a RST inside TLS, both ways', async (t) => {
	const backend = await startTlsBackend(t, pairOf(leaf));
	const [half, reset, cut] = [await securing(t, backend), await securing(t, backend), await securing(t, backend)];
	for (const it of [half, reset, cut]) {
		await it.next('upstream-tls-ready');
		it.connection.relay(OPEN_GATES);
	}
	const servers = [await backend.accepted(0), await backend.accepted(1), await backend.accepted(2)] as const;
	half.connection.shutdown('backend');
	t.equal(await servers[0].ending(), 'fin');
	servers[0].send('still here');
	t.equal(await half.client.heard(10), 'still here');
	servers[0].fin();
	t.equal((await half.next('eof')).side, 'backend');
	servers[1].send('x');
	await reset.client.heard(1);
	servers[1].reset();
	t.equal((await reset.next('reset')).side, 'backend');
	servers[2].send('x');
	await cut.client.heard(1);
	cut.connection.close('reset');
	t.equal(await servers[2].ending(), 'reset');
	await cut.next('closed');
});
