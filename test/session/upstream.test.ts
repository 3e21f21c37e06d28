import t from 'tap';
import type { SessionAction, SessionEvent, TlsFacts } from '../../src/core/session-io.ts';
import type { ListenerTls, ProxyProtocolOut, ProxyTlv, UpstreamTls } from '../../src/core/snapshot.ts';
import { POSTGRES_SSL_REQUEST } from '../../src/wire/postgres.ts';
import { readProxyHeader, writeProxyHeader } from '../../src/wire/proxy-protocol.ts';
import { clientHello } from '../support/client-hello.ts';
import { between, SILENT } from '../support/proxy-bytes.ts';
import { SessionBench } from '../support/session-bench.ts';
import {
	ACCEPTED,
	arriving,
	bytes,
	CONNECTED,
	greeted,
	headerFor,
	prefaceOf,
	REFUSED,
	SECURED,
	TRUSTED,
	YES,
} from '../support/session-steps.ts';
import { type PoolSpec, type SnapshotSpec, snapshotOf } from '../support/snapshots.ts';
import { PASSTHROUGH, terminateTls, tlsFacts, upstreamTls } from '../support/tls-terms.ts';

const POSTGRES: ListenerTls = { mode: 'passthrough', startTls: 'postgres' };
const HELLO = clientHello({ serverName: 'client.example', alpn: ['h2', 'mqtt'] });
const bench = (spec: SnapshotSpec): SessionBench => new SessionBench(snapshotOf(spec));
const header = (version: 'v1' | 'v2', ...tlvs: ProxyTlv[]): ProxyProtocolOut => ({ version, tlvs });

/** What the backend of this pool is told first, about a client that came by TLS of one kind, or without. */
function prefaceTo(pool: PoolSpec, tls: ListenerTls | null, facts: TlsFacts = tlsFacts()): Uint8Array {
	const b = bench({ pools: [pool], listeners: [{ tls, needsLocal: true }] });
	const s = b.open('192.0.2.1');
	let actions = s.act(ACCEPTED);
	if (tls !== null) actions = s.act(bytes(HELLO));
	if (tls?.mode === 'terminate') actions = s.act({ type: 'tls-ready', tls: facts });
	return prefaceOf(actions) ?? new Uint8Array(0);
}

t.test('a backend is told who is calling, and where', async (t) => {
	const own = between('192.0.2.1', 4000, '192.0.2.254', 443);
	for (const version of ['v1', 'v2'] as const) {
		const told = prefaceTo({ proxyProtocol: header(version) }, null);
		t.same(told, writeProxyHeader(version, { ...SILENT, addresses: own }), 'the socket’s two ends');
	}
	const named = between('198.51.100.7', 1234, '203.0.113.5', 443);
	const b = bench({
		pools: [{ proxyProtocol: header('v2'), backends: [{}, {}] }],
		listeners: [{ proxyProtocol: TRUSTED, needsLocal: true }],
	});
	const { s } = arriving(b);
	const first = prefaceOf(s.act(bytes(headerFor('198.51.100.7'))));
	t.same(first, writeProxyHeader('v2', { ...SILENT, addresses: named }), 'what a header that came in said');
	s.send(REFUSED);
	t.same(prefaceOf(s.actAtDeadline()), first, 'with every try');
});

t.test('without an address to tell the header says so, and a pool without the key gets none', async (t) => {
	const unix = (version: 'v1' | 'v2') => {
		const b = bench({ pools: [{ proxyProtocol: header(version) }], listeners: [{ needsLocal: true }] });
		return prefaceOf(b.open(null).act(ACCEPTED));
	};
	t.same(unix('v1'), writeProxyHeader('v1', SILENT));
	t.same(unix('v2'), writeProxyHeader('v2', SILENT));
	t.equal(prefaceOf(bench({}).open().act(ACCEPTED)), null);
	t.same(prefaceTo({ proxyProtocol: null }, PASSTHROUGH), new Uint8Array(0));
});

t.test('what the header says besides is what the pool asks for, as far as it is known', async (t) => {
	const addresses = between('192.0.2.1', 4000, '192.0.2.254', 443);
	const tls = terminateTls();
	const certificate = { verified: true, error: null, commonName: 'device 7', names: [], fingerprint: 'ff' };
	const agreed = tlsFacts({ alpn: 'mqtt', certificate });
	const cases: [ProxyTlv[], ListenerTls | null, facts: Parameters<typeof writeProxyHeader>[1]][] = [
		[[], PASSTHROUGH, { ...SILENT, addresses }],
		[['authority', 'alpn', 'ssl', 'crc32c'], null, { ...SILENT, addresses, crc32c: true }],
		[['authority'], PASSTHROUGH, { ...SILENT, addresses, authority: 'client.example' }],
		[['alpn'], PASSTHROUGH, { ...SILENT, addresses, alpn: 'h2' }],
		[['ssl'], PASSTHROUGH, { ...SILENT, addresses }],
		[['authority', 'alpn'], tls, { ...SILENT, addresses, authority: 'client.example', alpn: 'mqtt' }],
		[['ssl'], tls, { ...SILENT, addresses, ssl: agreed }],
	];
	for (const [tlvs, listener, facts] of cases) {
		const told = prefaceTo({ proxyProtocol: header('v2', ...tlvs) }, listener, agreed);
		t.same(told, writeProxyHeader('v2', facts), `${listener?.mode ?? 'plain'}: ${tlvs.join(' ')}`);
	}
	const nothing = prefaceTo({ proxyProtocol: header('v2', 'alpn', 'ssl') }, tls, tlsFacts());
	t.same(nothing, writeProxyHeader('v2', { ...SILENT, addresses, ssl: tlsFacts() }), 'no protocol was agreed on');
});

t.test('a session has one unique id, whatever the backend, and another session another', async (t) => {
	const b = bench({ pools: [{ proxyProtocol: header('v2', 'unique-id'), backends: [{}, {}] }] });
	let drawn = 0;
	Object.assign(b.context.world, { rng: () => (drawn++ * 0.618) % 1 });
	const [one, other] = [b.open(), b.open()];
	const first = prefaceOf(one.act(ACCEPTED)) ?? new Uint8Array(0);
	const foreign = prefaceOf(other.act(ACCEPTED));
	one.send(REFUSED);
	t.same(prefaceOf(one.actAtDeadline()), first);
	t.notSame(foreign, first);
	t.same([...first.subarray(-35, -32)], [5, 0, 32], 'PP2_TYPE_UNIQUE_ID of 32 bytes');
	t.match(Buffer.from(first.subarray(-32)).toString('latin1'), /^[0-9a-f]{32}$/);
	t.equal(readProxyHeader(first).type, 'parsed');
});

t.test('header, then the question, then TLS, then the relay: each once and in this order', async (t) => {
	const tls = upstreamTls({ startTls: 'postgres' });
	const b = bench({ pools: [{ tls, proxyProtocol: header('v1'), connectTimeoutMs: 700 }] });
	const s = b.open();
	t.ok(prefaceOf(s.act(ACCEPTED)));
	b.pass(600);
	t.same(s.act(CONNECTED), [{ type: 'greet', bytes: POSTGRES_SSL_REQUEST }]);
	t.equal(s.dueInMs, 700, 'each has the time of a connect');
	b.pass(600);
	t.same(s.act(greeted(YES)), [{ type: 'secure', tls, serverName: null, alpn: [] }]);
	t.equal(s.dueInMs, 700);
	b.pass(600);
	t.same(s.send(SECURED), ['relay']);
	t.same(b.connects, [{ slot: s.session.backendSlot, ok: true }], 'it counts as one connect');
});

t.test('PostgreSQL that passes through: the backend is asked what the client asked', async (t) => {
	const b = bench({ listeners: [{ tls: POSTGRES }] });
	const asking = arriving(b);
	asking.client.send(POSTGRES_SSL_REQUEST);
	asking.client.send(HELLO);
	t.same(asking.s.act(CONNECTED), [{ type: 'greet', bytes: POSTGRES_SSL_REQUEST }]);
	t.same(asking.s.send(greeted(YES)), ['relay']);
	const direct = arriving(b);
	direct.client.send(clientHello({ alpn: ['postgresql'] }));
	t.same(direct.s.send(CONNECTED), ['relay'], 'and nothing where it did not ask');
	const taken = bench({ listeners: [{ tls: terminateTls([], { startTls: 'postgres' }) }] });
	const { s, client } = arriving(taken);
	client.send(POSTGRES_SSL_REQUEST);
	client.send(HELLO);
	client.tell({ type: 'tls-ready', tls: tlsFacts() });
	t.same(s.send(CONNECTED), ['relay'], 'nor where TLS was taken off');
});

t.test('TLS to a backend asks for the name and the protocols that the pool says', async (t) => {
	const backends = [{ hostName: 'b.internal' }];
	const secure = (
		given: Partial<UpstreamTls>,
		listener: ListenerTls | null,
		hello = HELLO,
		alpn: string | null = 'mqtt',
	) => {
		const b = bench({ pools: [{ tls: upstreamTls(given), backends }], listeners: [{ tls: listener }] });
		const { s, client } = arriving(b);
		if (listener !== null) client.send(hello);
		if (listener?.mode === 'terminate') client.tell({ type: 'tls-ready', tls: tlsFacts({ alpn }) });
		const [action] = s.act(CONNECTED);
		return asked(action);
	};
	const cases: [Partial<UpstreamTls>, ListenerTls | null, name: string | null, alpn: string[]][] = [
		[{}, null, 'b.internal', []],
		[{}, terminateTls(), 'b.internal', []],
		[{ serverName: { from: 'sni' } }, terminateTls(), 'client.example', []],
		[{ serverName: { from: 'sni' } }, null, 'b.internal', []],
		[{ serverName: { name: 'fixed.example' }, alpn: ['h2'] }, terminateTls(), 'fixed.example', ['h2']],
		[{ alpn: 'client' }, terminateTls(), 'b.internal', ['mqtt']],
		[{ alpn: 'client' }, null, 'b.internal', []],
	];
	for (const [given, listener, serverName, alpn] of cases) {
		t.same(secure(given, listener), { serverName, alpn }, JSON.stringify([given, listener?.mode]));
	}
	t.same(secure({ alpn: 'client' }, terminateTls(), HELLO, null).alpn, [], 'nothing was agreed on');
	const nameless = secure({ serverName: { from: 'sni' } }, terminateTls(), clientHello({}));
	t.equal(nameless.serverName, 'b.internal', 'a client that asks for no name');
});

t.test('a handshake that a client can make fail by what it asks for does not count against the backend', async (t) => {
	const sni: Partial<UpstreamTls> = { serverName: { from: 'sni' } };
	const failed: SessionEvent = { type: 'upstream-tls-failed', reason: 'the name is not in the certificate' };
	const nameless = clientHello({ alpn: ['mqtt'] });
	const cases: [string, Partial<UpstreamTls>, hello: Uint8Array, alpn: string | null, counts: boolean][] = [
		['its own name', sni, HELLO, null, false],
		['no name', sni, nameless, null, true],
		['the name that the pool says', {}, HELLO, null, true],
		['a protocol that it agreed on with us', { alpn: 'client' }, HELLO, 'mqtt', false],
		['no protocol', { alpn: 'client' }, HELLO, null, true],
	];
	for (const [what, tls, hello, alpn, counts] of cases) {
		const b = bench({
			pools: [{ tls: upstreamTls(tls), backends: [{}, {}] }],
			listeners: [{ tls: terminateTls() }],
		});
		const { s, client } = arriving(b);
		client.send(hello);
		client.tell({ type: 'tls-ready', tls: tlsFacts({ alpn }) });
		s.act(CONNECTED);
		const slot = s.session.backendSlot;
		s.act(failed);
		t.same(b.connects, [{ slot, ok: !counts }], what);
		t.same(s.expire(), ['connect pool0-b1'], `${what}: another backend is tried all the same`);
		s.act(CONNECTED);
		s.expire();
		t.equal(b.connects[1]?.ok, false, `${what}: no answer in time is the backend's doing`);
	}
});

function asked(action: SessionAction | undefined): { serverName: string | null; alpn: readonly string[] } {
	if (action?.type !== 'secure') throw new Error('no TLS');
	return { serverName: action.serverName, alpn: action.alpn };
}
