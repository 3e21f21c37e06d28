import t from 'tap';
import { compileListenerTls, compileNames, type TlsSource } from '../../../src/control/config/compile-tls.ts';
import { parseConfigObject } from '../../../src/control/config/load.ts';
import type { ConfigInput } from '../../../src/control/config/schema.ts';
import { paperSnapshot } from '../../../src/control/paper-snapshot.ts';
import type { ProbeType, TerminateTls } from '../../../src/core/snapshot.ts';
import { parseAddress } from '../../../src/policy/address.ts';
import { lookupNetwork } from '../../../src/policy/network-table.ts';

type ListenerInput = ConfigInput['listeners'][number];
type PoolInput = ConfigInput['pools'][number];
type TlsInput = NonNullable<ListenerInput['tls']>;

const A = { cert: '/a.pem', key: '/a.key' };
const B = { cert: '/b.pem', key: '/b.key', ocsp: '/b.ocsp' };
const TERMINATE: TlsInput = { mode: 'terminate', certificates: [A] };

const configOf = (listener: Partial<ListenerInput>, pools: readonly Partial<PoolInput>[] = [{}]) =>
	parseConfigObject({
		listeners: [{ name: 'in', bind: '127.0.0.1:7000', routes: [{ to: ['pool0'] }], ...listener }],
		pools: pools.map((pool, i) => ({ name: `pool${i}`, backends: [{ address: 'db.example:1' }], ...pool })),
	});

const snapshotOf = (...args: Parameters<typeof configOf>) =>
	paperSnapshot(configOf(...args), new Map([['db.example', ['10.1.0.1']]]));

/** Says which files it was asked for. */
const source: TlsSource = {
	pair: ({ cert, key, ocsp }) => ({
		certificate: cert,
		key,
		ocsp: ocsp === null ? null : Buffer.from(ocsp),
		names: ['x.example'],
	}),
	authorities: (file) => file,
	ticketKey: (listener, settings) => Buffer.from(`${listener} ${settings}`),
};

function terminated(tls: TlsInput, from = source): TerminateTls {
	const [listener] = configOf({ tls }).listeners;
	const compiled = listener === undefined ? null : compileListenerTls(listener, from);
	if (compiled?.mode !== 'terminate') throw new Error('it does not terminate');
	return compiled;
}

t.test('passthrough has nothing but its mode', async (t) => {
	const tlsOf = (tls: TlsInput) => snapshotOf({ tls }).listeners[0]?.tls;
	t.strictSame(tlsOf({ mode: 'passthrough' }), { mode: 'passthrough', startTls: null });
	t.strictSame(tlsOf({ mode: 'passthrough', startTls: 'postgres' }), { mode: 'passthrough', startTls: 'postgres' });
	t.equal(snapshotOf({}).listeners[0]?.tls, null);
});

t.test('terminate has what files hold', async (t) => {
	const { identity, ticketKey, ...rest } = terminated({
		mode: 'terminate',
		startTls: 'postgres',
		certificates: [A, B],
		minVersion: 'TLSv1.3',
		ciphers: 'ECDHE+AESGCM',
		alpn: ['mqtt'],
		clientAuth: { ca: '/ca.pem', names: ['*.X.example'], fingerprints: ['AB'.repeat(32)] },
	});
	const common = { names: ['x.example'] };
	t.strictSame(rest, {
		mode: 'terminate',
		startTls: 'postgres',
		certificates: [
			{ certificate: '/a.pem', key: '/a.key', ocsp: null, ...common, isDefault: true },
			{ certificate: '/b.pem', key: '/b.key', ocsp: Buffer.from('/b.ocsp'), ...common, isDefault: false },
		],
		minVersion: 'TLSv1.3',
		ciphers: 'ECDHE+AESGCM',
		alpn: ['mqtt'],
		clientAuth: { ca: '/ca.pem', mode: 'require', names: ['*.x.example'], fingerprints: ['ab'.repeat(32)] },
	});
	t.match(identity, /^[\w-]{43}$/);
	t.match(Buffer.from(ticketKey).toString(), /^in /);
	const defaults = terminated(TERMINATE);
	t.match(defaults, { startTls: null, minVersion: 'TLSv1.2', ciphers: null, alpn: [], clientAuth: null });
});

t.test('the defaults are those that are said to be, else the first', async (t) => {
	const defaults = (...certificates: NonNullable<TlsInput['certificates']>) =>
		terminated({ mode: 'terminate', certificates }).certificates.map(({ isDefault }) => isDefault);
	t.same(defaults(A, B), [true, false]);
	t.same(defaults(A, { ...B, default: true }), [false, true]);
	t.same(defaults({ ...A, default: true }, { ...B, default: true }), [true, true]);
});

t.test('an identity changes with anything that is served, a ticket key with what is asked of clients', async (t) => {
	const clientAuth = { ca: '/ca.pem' };
	const variants: Readonly<Record<string, [tls: TlsInput, from?: TlsSource]>> = {
		plain: [TERMINATE],
		startTls: [{ ...TERMINATE, startTls: 'postgres' }],
		certificate: [{ ...TERMINATE, certificates: [B] }],
		version: [{ ...TERMINATE, minVersion: 'TLSv1.3' }],
		alpn: [{ ...TERMINATE, alpn: ['mqtt'] }],
		'client certificates': [{ ...TERMINATE, clientAuth }],
		'other names': [{ ...TERMINATE, clientAuth: { ...clientAuth, names: ['x'] } }],
		'a mode': [{ ...TERMINATE, clientAuth: { ...clientAuth, mode: 'request' } }],
		'other authorities': [
			{ ...TERMINATE, clientAuth },
			{ ...source, authorities: () => 'other' },
		],
		'another response': [{ ...TERMINATE, certificates: [{ ...A, ocsp: '/x' }] }],
		'a rotated key': [TERMINATE, { ...source, ticketKey: () => Buffer.from('other') }],
	};
	const compiled = Object.values(variants).map(([tls, from]) => terminated(tls, from));
	t.equal(new Set(compiled.map(({ identity }) => identity)).size, compiled.length);
	t.equal(terminated(TERMINATE).identity, compiled[0]?.identity, 'the same for the same');
	const keys = compiled.map(({ ticketKey }) => Buffer.from(ticketKey).toString());
	t.equal(new Set(keys.slice(0, 5)).size, 1, 'not with how it is served');
	t.equal(new Set(keys.slice(4, 9)).size, 5);
	t.equal(terminated({ ...TERMINATE, tickets: { rotate: '1h' } }).identity, compiled[0]?.identity);
});

t.test('TLS to backends', async (t) => {
	const tlsOf = (tls: NonNullable<PoolInput['tls']>) => snapshotOf({ tls: TERMINATE }, [{ tls }]).pools[0]?.tls;
	const { identity, ...defaults } = tlsOf({}) ?? { identity: null };
	t.match(identity, /^[\w-]{43}$/);
	t.strictSame(defaults, {
		startTls: null,
		verify: true,
		ca: null,
		serverName: { from: 'backend' },
		alpn: [],
		minVersion: 'TLSv1.2',
		clientCertificate: null,
	});
	t.match(tlsOf({ serverName: 'sni', alpn: 'client', verify: false }), {
		serverName: { from: 'sni' },
		alpn: 'client',
		verify: false,
	});
	t.match(
		tlsOf({ serverName: 'DB.example.', alpn: ['h2'], ca: '/ca.pem', clientCertificate: A, startTls: 'postgres' }),
		{
			serverName: { name: 'db.example' },
			alpn: ['h2'],
			ca: '',
			clientCertificate: { certificate: '', key: '' },
			startTls: 'postgres',
		},
	);
	const identities = [tlsOf({}), tlsOf({ ca: '/ca.pem' }), tlsOf({ verify: false }), tlsOf({ serverName: 'a' })];
	t.equal(new Set(identities.map((tls) => tls?.identity)).size, 4);
	t.equal(snapshotOf({}).pools[0]?.tls, null);
	t.equal(snapshotOf({}).pools[0]?.backends[0]?.hostName, 'db.example');
});

t.test('the PROXY protocol, in and out', async (t) => {
	const { listeners, pools } = snapshotOf(
		{ proxyProtocol: { from: ['10.0.0.0/8'] }, timeouts: { clientHello: '1s', tlsHandshake: '2s' } },
		[{}, { proxyProtocol: 'v1' }, { proxyProtocol: 'v2', proxyTlvs: ['ssl', 'crc32c'] }],
	);
	const [listener] = listeners;
	t.equal(listener?.proxyProtocol?.timeoutMs, 3_000);
	t.match(listener?.timeouts, { clientHelloMs: 1_000, tlsHandshakeMs: 2_000 });
	const from = listener?.proxyProtocol?.from;
	const isTrusted = (text: string): boolean => {
		const address = parseAddress(text);
		return from !== undefined && address !== null && lookupNetwork(from, address) >= 0;
	};
	t.same([isTrusted('10.2.3.4'), isTrusted('11.2.3.4')], [true, false]);
	t.strictSame(
		pools.map(({ proxyProtocol }) => proxyProtocol),
		[null, { version: 'v1', tlvs: [] }, { version: 'v2', tlvs: ['ssl', 'crc32c'] }],
	);
	t.equal(snapshotOf({}).listeners[0]?.proxyProtocol, null);
});

t.test('names of a match are in lower case, wildcards by what they stand before', async (t) => {
	t.equal(compileNames(undefined), null);
	const [listener] = snapshotOf({
		tls: { mode: 'passthrough' },
		routes: [{ match: { sni: ['A.example.', '*.B.example'], alpn: ['mqtt', 'H2'] }, to: ['pool0'] }, { to: ['pool0'] }],
	}).listeners;
	const [first, second] = listener?.routes ?? [];
	t.strictSame(first?.match.sni, { exact: new Set(['a.example']), parents: new Set(['b.example']) });
	t.strictSame(first?.match.alpn, new Set(['mqtt', 'H2']));
	t.same([second?.match.sni, second?.match.alpn], [null, null]);
});

t.test('what a listener needs depends on its TLS and on the pools that it routes to', async (t) => {
	const pools = [{}, { tls: {} }, { proxyProtocol: 'v1' as const }, { tls: {}, proxyProtocol: 'v2' as const }];
	const table: [tls: TlsInput | undefined, to: number[], needsNode: boolean, needsLocal: boolean][] = [
		[undefined, [0], false, false],
		[{ mode: 'passthrough' }, [0], false, false],
		[TERMINATE, [0], true, false],
		[undefined, [0, 1], true, false],
		[undefined, [2], false, true],
		[{ mode: 'passthrough' }, [0, 2], false, true],
		[undefined, [3], true, true],
	];
	for (const [tls, to, needsNode, needsLocal] of table) {
		const routes = to.map((pool) => ({ to: [`pool${pool}`] }));
		const [listener] = snapshotOf({ ...(tls && { tls }), routes }, pools).listeners;
		t.match(listener, { needsNode, needsLocal }, `${tls?.mode ?? 'plain'} to ${to}`);
	}
});

t.test('probes by type', async (t) => {
	const probeOf = (active: object): ProbeType | undefined =>
		snapshotOf({}, [{ health: { active } }]).pools[0]?.health.active?.probe;
	const table: [object, ProbeType][] = [
		[{}, { type: 'tcp' }],
		[{ type: 'tls' }, { type: 'tls' }],
		[{ type: 'http' }, { type: 'http', path: '/', status: [200] }],
		[
			{ type: 'http', path: '/up', status: 204 },
			{ type: 'http', path: '/up', status: [204] },
		],
		[
			{ type: 'http', status: [200, 301] },
			{ type: 'http', path: '/', status: [200, 301] },
		],
		[
			{ type: 'script', steps: [{ send: 'PING\r\n' }, { expect: '+PONG\xff' }] },
			{ type: 'script', steps: [{ send: 'PING\r\n' }, { expect: '+PONG\xff' }] },
		],
	];
	for (const [written, wanted] of table) t.strictSame(probeOf(written), wanted);
});
