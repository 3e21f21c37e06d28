import t from 'tap';
import type { SessionAction, SessionEvent, TlsFacts } from '../../src/core/session-io.ts';
import type { ClientAuth, ListenerTls, TerminateTls, UpstreamTls } from '../../src/core/snapshot.ts';
import { refuseCertificate } from '../../src/policy/client-auth.ts';
import { buildNetworkTable } from '../../src/policy/network-table.ts';
import { POSTGRES_SSL_REQUEST } from '../../src/wire/postgres.ts';
import { type ProxyFacts, readProxyHeader, writeProxyHeader } from '../../src/wire/proxy-protocol.ts';
import { clientHello } from '../support/client-hello.ts';
import { type BenchSession, ip, SessionBench } from '../support/session-bench.ts';
import { type SnapshotSpec, snapshotOf } from '../support/snapshots.ts';

const ACCEPTED: SessionEvent = { type: 'accepted' };
const EARLY: SessionEvent = { type: 'early-bytes' };
const CONNECTED: SessionEvent = { type: 'connected' };
const EOF: SessionEvent = { type: 'eof', side: 'client' };
const bytes = (...parts: (Uint8Array | readonly number[])[]): SessionEvent => ({
	type: 'bytes',
	bytes: Uint8Array.from(parts.flatMap((part) => [...part])),
});

const PASSTHROUGH: ListenerTls = { mode: 'passthrough', startTls: null };
const POSTGRES: ListenerTls = { mode: 'passthrough', startTls: 'postgres' };
const TERMINATE: TerminateTls = {
	mode: 'terminate',
	startTls: null,
	identity: '',
	certificates: [],
	minVersion: 'TLSv1.2',
	ciphers: null,
	alpn: [],
	ticketKey: new Uint8Array(48),
	clientAuth: null,
};
const UPSTREAM: UpstreamTls = {
	identity: '',
	startTls: null,
	verify: true,
	ca: null,
	serverName: { from: 'backend' },
	alpn: [],
	minVersion: 'TLSv1.2',
	clientCertificate: null,
};
const FACTS: TlsFacts = { version: 'TLSv1.3', cipher: 'AES', alpn: 'mqtt', resumed: false, certificate: null };
const FROM = { from: buildNetworkTable(['192.0.2.0/24']), timeoutMs: 3_000 };
const NO_TLVS: Omit<ProxyFacts, 'addresses'> = {
	authority: null,
	alpn: null,
	ssl: null,
	uniqueId: null,
	crc32c: false,
};
const GSS_REQUEST = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30];

const headerFor = (client: string): Uint8Array =>
	writeProxyHeader('v2', {
		addresses: {
			source: { address: ip(client), port: 1234 },
			destination: { address: ip('203.0.113.5'), port: 443 },
		},
		...NO_TLVS,
	});

const bench = (spec: SnapshotSpec): SessionBench => new SessionBench(snapshotOf(spec));

/** The actions of one event, whole. */
function acts(s: BenchSession, b: SessionBench, event: SessionEvent): SessionAction[] {
	const out: SessionAction[] = [];
	s.session.handle(event, b.nowNs, out);
	return out;
}

/** What the backend is told first, when the session has come to its connect. */
function prefaceOf(actions: readonly SessionAction[]): Uint8Array | null {
	const connect = actions.find((action) => action.type === 'connect');
	if (connect?.type !== 'connect') throw new Error('no connect');
	return connect.preface;
}

t.test('behind a trusted peer the client is the one that the header names', async (t) => {
	const b = bench({
		overrides: { '198.51.100.0/24': 'DE' },
		regions: [{ name: 'eu', countries: ['DE'] }],
		listeners: [{ proxyProtocol: FROM, routes: [{ match: { regions: new Set([0]) }, to: ['pool0'] }] }],
	});
	const s = b.open('192.0.2.1');
	t.same(s.send(ACCEPTED), ['peek']);
	t.equal(s.dueInMs, 3_000);
	const header = headerFor('198.51.100.7');
	s.send(EARLY);
	t.same(s.send(bytes(header.subarray(0, 20))), ['peek'], 'half of it is none');
	b.pass(1_000);
	t.equal(s.dueInMs, 2_000, 'more of it moves no deadline');
	t.same(s.send(bytes(header, [1, 2, 3])), ['consume', 'connect pool0-b0']);
	s.send({ type: 'kill', outcome: 'shutdown' });
	t.match(b.records, [
		{ peer: ip('192.0.2.1'), client: ip('198.51.100.7'), clientPort: 1234, country: 'DE', region: 'eu' },
	]);
});

t.test('from anybody else the bytes are payload, and nothing is read', async (t) => {
	const b = bench({ listeners: [{ proxyProtocol: FROM }] });
	t.same(b.open('203.0.113.9').send(ACCEPTED), ['connect pool0-b0']);
	t.same(b.open(null).send(ACCEPTED), ['connect pool0-b0'], 'a unix socket has no address that could be trusted');
});

t.test('access is decided by the true client, room by the peer', async (t) => {
	const access = {
		allow: null,
		deny: { networks: buildNetworkTable(['198.51.100.7']), countries: null, regions: null },
		action: 'reset',
		holdForMs: 0,
	} as const;
	const b = bench({ listeners: [{ proxyProtocol: FROM, access, maxConnections: 2 }] });
	const refused = b.open();
	refused.send(ACCEPTED);
	t.same(refused.send(bytes(headerFor('198.51.100.7'))), ['consume', 'close reset']);
	const waiting = b.open();
	t.same(waiting.send(ACCEPTED), ['peek']);
	t.same(b.open().send(ACCEPTED), ['close fin'], 'both places are taken before a byte is read');
	t.match(b.records, [
		{ outcome: 'access-denied', client: ip('198.51.100.7') },
		{ outcome: 'max-connections', client: ip('192.0.2.1') },
	]);
});

t.test('a header alone is no payload: who ends behind it while queued has left', async (t) => {
	const queue = { number: 0, size: 2, timeoutMs: 3_000, first: false };
	const b = bench({ pools: [{ queue, backends: [{ maxConnections: 1 }] }], listeners: [{ proxyProtocol: FROM }] });
	b.open('203.0.113.1').send(ACCEPTED);
	for (const [rest, actions] of [
		[[], ['close fin']],
		[[1], []],
	] as const) {
		const s = b.open();
		s.send(ACCEPTED);
		s.send(EARLY);
		s.send(bytes(headerFor('198.51.100.7'), rest));
		t.equal(s.session.currentState, 'queued');
		t.same(s.send(EOF), actions);
	}
	t.match(b.records, [{ outcome: 'client-left' }]);
});

t.test('what does not come, or comes wrong, ends the session', async (t) => {
	const cases: [
		name: string,
		listener: object,
		events: (SessionEvent | 'wait')[],
		outcome: string,
		detail: RegExp | null,
	][] = [
		['no header in time', { proxyProtocol: FROM }, ['wait'], 'proxy-header-timeout', /3000 ms/],
		['no header', { proxyProtocol: FROM }, [EARLY, bytes([71, 69, 84])], 'proxy-header-invalid', /./],
		['half a header', { proxyProtocol: FROM }, [EARLY, bytes([0x50, 0x52]), EOF], 'proxy-header-invalid', /ended/],
		['nothing, then FIN', { proxyProtocol: FROM }, [EOF], 'client-left', null],
		['no hello in time', { tls: PASSTHROUGH }, ['wait'], 'client-hello-timeout', /5000 ms/],
		['not TLS', { tls: PASSTHROUGH }, [EARLY, bytes([71, 69, 84])], 'not-tls', /./],
		['half a hello', { tls: PASSTHROUGH }, [EARLY, bytes([22, 3, 1]), EOF], 'client-hello-invalid', /ended/],
		['nothing but FIN', { tls: PASSTHROUGH }, [EOF], 'client-left', null],
		['no handshake in time', { tls: TERMINATE }, [EARLY, bytes(clientHello({})), 'wait'], 'tls-failed', /10000 ms/],
		[
			'a failed handshake',
			{ tls: TERMINATE },
			[EARLY, bytes(clientHello({})), { type: 'tls-failed', reason: 'alert 42' }],
			'tls-failed',
			/alert 42/,
		],
		[
			'PostgreSQL in the clear',
			{ tls: POSTGRES },
			[EARLY, bytes([0, 0, 0, 9, 0, 3, 0, 0, 0])],
			'not-tls',
			/SSLRequest/,
		],
		[
			'bytes behind SSLRequest',
			{ tls: POSTGRES },
			[EARLY, bytes(POSTGRES_SSL_REQUEST, [1])],
			'client-hello-invalid',
			/before its answer/,
		],
		[
			'direct TLS without ALPN',
			{ tls: POSTGRES },
			[EARLY, bytes(clientHello({}))],
			'client-hello-invalid',
			/postgresql/,
		],
		['two GSSENCRequests', { tls: POSTGRES }, [EARLY, bytes(GSS_REQUEST), bytes(GSS_REQUEST)], 'not-tls', /second/],
	];
	for (const [name, listener, events, outcome, detail] of cases) {
		const b = bench({ listeners: [listener] });
		const s = b.open();
		s.send(ACCEPTED);
		for (const event of events) event === 'wait' ? s.expire() : s.send(event);
		t.equal(s.session.currentState, 'closing', name);
		t.match(b.records, [{ outcome }], name);
		if (detail !== null) t.match(b.records[0]?.detail, detail, name);
		s.send({ type: 'closed' });
		t.equal(b.board.total, 0, `${name}: everything is given back`);
	}
});

t.test('routes go by what the ClientHello says, and it goes into the record', async (t) => {
	const routes = [
		{ match: { sni: { exact: new Set<string>(), parents: new Set(['eu.example']) } }, to: ['eu'] },
		{ match: { alpn: new Set(['mqtt']) }, to: ['us'] },
	];
	const pools = [{ name: 'eu' }, { name: 'us' }];
	const cases: [hello: Parameters<typeof clientHello>[0], actions: string[], record: object][] = [
		[{ serverName: 'A.eu.example', alpn: ['h2'] }, ['connect eu-b0'], { sni: 'a.eu.example', alpn: 'h2', route: '1' }],
		[{ serverName: 'eu.example', alpn: ['x', 'mqtt'] }, ['connect us-b0'], { alpn: 'x,mqtt', route: '2' }],
		[{}, ['close fin'], { outcome: 'no-route', sni: null, alpn: null }],
	];
	for (const [hello, actions, record] of cases) {
		const b = bench({ pools, listeners: [{ tls: PASSTHROUGH, routes }] });
		const s = b.open();
		s.send(ACCEPTED);
		t.same(s.send(bytes(clientHello(hello))), actions);
		s.send({ type: 'kill', outcome: 'shutdown' });
		t.match(b.records, [record]);
	}
});

t.test('no handshake is made for a client without a route, and no backend is bothered before it', async (t) => {
	const routes = [{ match: { alpn: new Set(['mqtt']) }, to: ['pool0'] }];
	const b = bench({ listeners: [{ tls: TERMINATE, routes }] });
	const [lost, found] = [b.open(), b.open()];
	lost.send(ACCEPTED);
	t.same(lost.send(bytes(clientHello({ alpn: ['h2'] }))), ['close fin']);
	found.send(ACCEPTED);
	t.same(found.send(bytes(clientHello({ alpn: ['mqtt'] }))), ['handshake']);
	t.same(found.send({ type: 'tls-ready', tls: FACTS }), ['connect pool0-b0']);
	found.send({ type: 'kill', outcome: 'shutdown' });
	t.match(b.records, [{ outcome: 'no-route' }, { tls: 'TLSv1.3 AES', alpn: 'mqtt' }]);
});

t.test('PostgreSQL: declined, accepted, and the backend asked the same', async (t) => {
	const b = bench({ listeners: [{ tls: POSTGRES }] });
	const s = b.open();
	s.send(ACCEPTED);
	t.same(acts(s, b, bytes(GSS_REQUEST)).slice(0, 2), [
		{ type: 'consume', bytes: 8 },
		{ type: 'reply', bytes: Uint8Array.of(0x4e) },
	]);
	t.same(acts(s, b, bytes(POSTGRES_SSL_REQUEST)).slice(0, 2), [
		{ type: 'consume', bytes: 8 },
		{ type: 'reply', bytes: Uint8Array.of(0x53) },
	]);
	t.same(s.send(bytes(clientHello({ serverName: 'db.example' }))), ['connect pool0-b0']);
	t.same(acts(s, b, CONNECTED), [{ type: 'greet', bytes: POSTGRES_SSL_REQUEST }]);
	t.equal(s.dueInMs, 5_000);
	t.same(s.send({ type: 'greeted', bytes: Uint8Array.of(0x53) }), ['relay']);
	const direct = b.open();
	direct.send(ACCEPTED);
	direct.send(bytes(clientHello({ alpn: ['postgresql'] })));
	t.same(direct.send(CONNECTED), ['relay'], 'a backend of one who did not ask is not asked');
});

t.test('a backend that refuses TLS is a failed connect, and another one is tried', async (t) => {
	const answers = [Uint8Array.of(0x4e), Uint8Array.of(0x53, 0x53), Uint8Array.of(0x45)];
	for (const answer of answers) {
		const tls = { ...UPSTREAM, startTls: 'postgres' } as const;
		const b = bench({ pools: [{ tls, backends: [{}, {}], retries: { attempts: 1, backoffMs: 1, maxBackoffMs: 1 } }] });
		const s = b.open();
		s.send(ACCEPTED);
		t.same(s.send(CONNECTED), ['greet']);
		t.same(s.send({ type: 'greeted', bytes: answer }), ['cancel-connect']);
		t.match(b.connects, [{ ok: false }], 'it counts for passive health');
		t.same(s.expire(), ['connect pool0-b1']);
		s.send(CONNECTED);
		t.same(s.send({ type: 'upstream-tls-failed', reason: 'closed' }), ['close reset']);
		t.match(b.records, [{ outcome: 'upstream-tls-failed', attempts: 2, detail: /pool0-b1: tls \(closed\)/ }]);
	}
});

t.test('TLS to a backend asks for the name and the protocols that the pool says', async (t) => {
	const secure = (given: Partial<UpstreamTls>): SessionAction | undefined => {
		const tls = { ...UPSTREAM, ...given };
		const b = bench({ pools: [{ tls, backends: [{ hostName: 'b.internal' }] }], listeners: [{ tls: TERMINATE }] });
		const s = b.open();
		s.send(ACCEPTED);
		s.send(bytes(clientHello({ serverName: 'client.example' })));
		s.send({ type: 'tls-ready', tls: FACTS });
		return acts(s, b, CONNECTED)[0];
	};
	t.match(secure({}), { type: 'secure', serverName: 'b.internal', alpn: [] });
	t.match(secure({ serverName: { from: 'sni' } }), { serverName: 'client.example' });
	t.match(secure({ serverName: { name: 'fixed.example' }, alpn: ['h2'] }), {
		serverName: 'fixed.example',
		alpn: ['h2'],
	});
	t.match(secure({ alpn: 'client' }), { alpn: ['mqtt'] });
});

t.test('a backend is told who is calling, before anything else and with every try', async (t) => {
	const proxyProtocol = { version: 'v2', tlvs: [] } as const;
	const b = bench({
		pools: [{ proxyProtocol, backends: [{}, {}], retries: { attempts: 1, backoffMs: 1, maxBackoffMs: 1 } }],
		listeners: [{ proxyProtocol: FROM, needsLocal: true }],
	});
	const s = b.open();
	s.send(ACCEPTED);
	const told = prefaceOf(acts(s, b, bytes(headerFor('198.51.100.7'))));
	t.match(readProxyHeader(told ?? new Uint8Array()), {
		header: {
			addresses: {
				source: { address: ip('198.51.100.7'), port: 1234 },
				destination: { address: ip('203.0.113.5'), port: 443 },
			},
		},
	});
	s.send({ type: 'connect-failed', cause: 'refused', code: 'ECONNREFUSED' });
	b.nowNs = s.session.deadlineNs;
	t.same(prefaceOf(acts(s, b, { type: 'deadline' })), told);
});

t.test('without an address to tell the header says so, and a pool without the key gets none', async (t) => {
	const v1 = bench({ pools: [{ proxyProtocol: { version: 'v1', tlvs: [] } }], listeners: [{ needsLocal: true }] });
	const s = v1.open(null);
	t.equal(String.fromCharCode(...(prefaceOf(acts(s, v1, ACCEPTED)) ?? [])), 'PROXY UNKNOWN\r\n');
	const none = bench({});
	t.equal(prefaceOf(acts(none.open(), none, ACCEPTED)), null);
});

t.test('client certificates: who may come in', async (t) => {
	const auth = (given: Partial<ClientAuth>): ClientAuth => ({
		ca: '',
		mode: 'require',
		names: [],
		fingerprints: [],
		...given,
	});
	const good = { verified: true, error: null, commonName: 'a', names: ['a.devices.example', 'a'], fingerprint: 'ff' };
	const bad = { ...good, verified: false, error: 'certificate has expired' };
	const cases: [ClientAuth | null, typeof good | typeof bad | null, RegExp | null][] = [
		[null, null, null],
		[auth({}), null, /none was sent/],
		[auth({ mode: 'request' }), null, null],
		[auth({}), good, null],
		[auth({}), bad, /certificate has expired/],
		[auth({ mode: 'request' }), bad, /certificate has expired/],
		[auth({ names: ['*.devices.example'] }), good, null],
		[auth({ names: ['devices.example', '*.example'] }), good, /names/],
		[auth({ fingerprints: ['ff'] }), good, null],
		[auth({ fingerprints: ['00'] }), good, /fingerprint/],
		[auth({ fingerprints: ['ff'], names: ['b'] }), good, /names/],
	];
	for (const [given, certificate, refused] of cases) {
		const why = refuseCertificate(given, certificate);
		if (refused === null) t.equal(why, null);
		else t.match(why, refused);
	}
	const b = bench({ listeners: [{ tls: { ...TERMINATE, clientAuth: auth({}) } }] });
	const s = b.open();
	s.send(ACCEPTED);
	s.send(bytes(clientHello({})));
	t.same(s.send({ type: 'tls-ready', tls: FACTS }), ['close fin']);
	t.match(b.records, [{ outcome: 'tls-failed', detail: /none was sent/ }]);
});
