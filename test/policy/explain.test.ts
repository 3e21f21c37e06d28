import t from 'tap';
import type { CertificateSnapshot } from '../../src/core/snapshot.ts';
import { type ExplainParts, explain } from '../../src/policy/explain.ts';
import { makeGeoReader } from '../../src/policy/geo.ts';
import { buildNetworkTable } from '../../src/policy/network-table.ts';
import { at } from '../../src/policy/world.ts';
import { FakeBoard } from '../support/fake-desk.ts';
import { ip } from '../support/session-bench.ts';
import { type SnapshotSpec, snapshotOf } from '../support/snapshots.ts';
import { terminateTls, upstreamTls } from '../support/tls-terms.ts';

const HOUSE: SnapshotSpec = {
	regions: [{ name: 'eu', countries: ['DE', 'FR'] }],
	overrides: { '192.0.2.0/24': 'DE', '198.51.100.0/24': 'US' },
	pools: [
		{
			name: 'eu',
			balance: 'least-connections',
			backends: [
				{ name: 'eu-1', maxConnections: 1 },
				{ name: 'eu-2', maxConnections: 1 },
			],
		},
		{ name: 'us', backends: [{ name: 'us-1' }] },
	],
	listeners: [
		{
			name: 'game',
			access: {
				allow: null,
				deny: { networks: buildNetworkTable(['198.51.100.66']), countries: null, regions: null },
				action: 'reset',
				holdForMs: 0,
			},
			routes: [{ match: { regions: new Set([0]) }, to: ['eu', 'us'] }, { to: ['us'] }],
		},
	],
};

function explainIps(
	ips: readonly string[],
	spec: SnapshotSpec = HOUSE,
	asked: Partial<Pick<ExplainParts, 'sni' | 'alpn'>> = {},
) {
	const snapshot = snapshotOf(spec);
	const board = new FakeBoard();
	const live = { ...lookOnly(board) };
	const geo = makeGeoReader(snapshot.geo, { country: () => null });
	const parts = { live, geo, rng: () => 0.5, nowNs: 0, sni: null, alpn: [], ...asked };
	const told = explain(snapshot, at(snapshot.listeners, 0), ips.map(ip), parts);
	t.equal(board.total, 0, 'nothing is taken on the real board');
	return told;
}

const lookOnly = (board: FakeBoard) => ({
	active: board.active.bind(board),
	hasRoom: board.hasRoom.bind(board),
	health: board.health.bind(board),
	peekTurn: () => 0,
	waiting: board.waiting.bind(board),
	bucketLevel: () => 0,
	clientLevel: () => 0,
});

t.test('each stage tells its decision and its reason', async (t) => {
	const { clients } = explainIps(['192.0.2.7']);
	t.match(clients, [{ client: '192.0.2.7', country: 'DE', region: 'eu', route: '1', pool: 'eu', outcome: null }]);
	t.same(
		at(clients, 0).steps.map(({ stage, text }) => `${stage}: ${text}`),
		[
			'accept: process: below its cap of 1000, no rate',
			'accept: listener game: no cap, no rate',
			'admit: client 192.0.2.7: country DE, region eu',
			'admit: access rules let it in',
			'admit: region eu: no cap, no rate',
			'route: route 1 matches: pools in order: eu, us',
			'balance: pool eu: 2 of 2 open (backends, up)',
			`balance: least-connections picks eu/${at(clients, 0).backend}, weight 1`,
		],
	);
});

t.test('what a ClientHello says decides where TLS is read, and nowhere else', async (t) => {
	const tls = { mode: 'passthrough', startTls: 'postgres' } as const;
	const routes = [
		{ match: { sni: { exact: new Set(['a.example']), parents: new Set<string>() } }, to: ['eu'] },
		{ match: { alpn: new Set(['mqtt']) }, to: ['us'] },
	];
	const proxyProtocol = { from: buildNetworkTable(['10.0.0.0/8']), timeoutMs: 1 };
	const pools = [{ name: 'eu', proxyProtocol: { version: 'v2', tlvs: ['authority'] } as const }, { name: 'us' }];
	const asked = (given: Partial<Pick<ExplainParts, 'sni' | 'alpn'>>, reads = true) =>
		at(
			explainIps(['192.0.2.7'], { pools, listeners: [{ proxyProtocol, tls: reads ? tls : null, routes }] }, given)
				.clients,
			0,
		);
	t.match(asked({ sni: 'a.example' }), { route: '1', pool: 'eu' });
	t.match(asked({ sni: 'b.example', alpn: ['mqtt'] }), { route: '2', pool: 'us' });
	t.match(asked({}), { outcome: 'no-route' });
	t.match(asked({ sni: 'a.example' }, false), { outcome: 'no-route' });
	const texts = asked({ sni: 'a.example' }).steps.map(({ stage, text }) => `${stage}: ${text}`);
	t.same(texts, [
		'accept: process: below its cap of 1000, no rate',
		'accept: listener listener0: no cap, no rate',
		'identify: peers in 10.0.0.0/8 must send a PROXY header: the address asked about is the one it names',
		'admit: client 192.0.2.7: country unknown, region none',
		'admit: no access rules: everyone may come in',
		'identify: TLS begins as postgres clients ask for it',
		'identify: ClientHello: server name a.example; no protocols offered',
		'route: route 1 matches: pools in order: eu',
		'balance: pool eu: 1 of 1 open (backends, up)',
		'balance: round-robin picks eu/eu-b0, weight 1',
		'connect: the backend gets a PROXY v2 header with authority',
		'connect: the backend is asked for TLS as postgres clients ask, if the client asked so',
	]);
	const unnamed = asked({ alpn: ['h2'] }).steps.map(({ text }) => text);
	t.ok(unnamed.includes('ClientHello: no server name: only routes without sni match; protocols h2'));
	t.ok(unnamed.includes('route 1 does not match: sni differs'));
	t.ok(unnamed.includes('route 2 does not match: alpn differs'));
	const silent = asked({ sni: 'a.example' }, false).steps.map(({ text }) => text);
	t.ok(silent.includes('no ClientHello is read here: server name and protocols are of no effect'));
});

t.test('TLS on both sides is told, and what is asked of certificates', async (t) => {
	const clientAuth = { ca: '', mode: 'require', names: [], fingerprints: [] } as const;
	const spec: SnapshotSpec = {
		pools: [{ name: 'eu', tls: upstreamTls({ startTls: 'postgres', verify: false }) }],
		listeners: [{ tls: terminateTls([], { clientAuth }) }],
	};
	const texts = at(explainIps(['192.0.2.7'], spec).clients, 0).steps.map(({ stage, text }) => `${stage}: ${text}`);
	t.same(
		texts.filter((text) => /^(identify|connect)/.test(text)),
		[
			'identify: ClientHello: no server name: only routes without sni match; no protocols offered',
			'identify: TLS is terminated with the default certificate',
			'identify: client certificates are required and checked against a CA',
			'connect: the backend is asked for TLS as postgres clients ask',
			'connect: TLS to the backend, its certificate is not verified',
		],
	);
});

t.test('a peer without room is told that nothing is read of it', async (t) => {
	const proxyProtocol = { from: buildNetworkTable(['10.0.0.0/8']), timeoutMs: 1 };
	const { clients } = explainIps(['192.0.2.7'], { listeners: [{ proxyProtocol, maxConnections: 0 }] });
	t.match(clients, [{ outcome: 'max-connections' }]);
	t.notOk(at(clients, 0).steps.some(({ stage }) => stage === 'identify'));
});

t.test('a refused client is told why and in which manner', async (t) => {
	const { clients } = explainIps(['198.51.100.66']);
	t.match(clients, [{ outcome: 'access-denied', manner: 'reset', pool: null, backend: null }]);
	t.match(at(clients, 0).steps.at(-1), { text: /refused: deny network 198\.51\.100\.66/ });
});

t.test('several clients are rehearsed as if the ones before had stayed, and their spread is told', async (t) => {
	const { clients, spread } = explainIps(['192.0.2.1', '192.0.2.2', '192.0.2.3', '198.51.100.1', '198.51.100.66']);
	t.same(new Set(clients.slice(0, 2).map(({ backend }) => backend)), new Set(['eu-1', 'eu-2']));
	t.equal(at(clients, 2).backend, 'us-1', 'both are full: spill');
	t.match(spread[0], { pool: 'us', backend: 'us-1', clients: 2 });
	t.equal(
		spread.reduce((sum, row) => sum + row.clients, 0),
		5,
	);
	t.ok(spread.some((row) => row.outcome === 'access-denied' && row.clients === 1));
});

t.test('the tarpit is told, and that the client is served after it', async (t) => {
	const listener = {
		...HOUSE.listeners?.[0],
		access: { ...at(HOUSE.listeners ?? [], 0).access, action: 'tarpit', holdForMs: 50 },
	};
	const { clients } = explainIps(['198.51.100.66'], { ...HOUSE, listeners: [listener as never] });
	t.match(clients, [{ outcome: null, pool: 'us' }]);
	t.ok(at(clients, 0).steps.some(({ text }) => text === 'served all the same after 50 ms in the tarpit'));
});

t.test('who finds every pool full is told of the queue it would wait in, or that it is full', async (t) => {
	const queue = { number: 0, size: 2, timeoutMs: 5_000, first: false };
	const spec = { pools: [{ name: 'eu', queue, backends: [{ name: 'eu-1', maxConnections: 1 }] }] };
	const { clients, spread } = explainIps(['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'], spec);
	t.match(clients, [
		{ pool: 'eu', backend: 'eu-1', outcome: null },
		{ pool: 'eu', backend: null, outcome: null },
		{ pool: 'eu', backend: null, outcome: null },
		{ pool: null, outcome: 'pool-full' },
	]);
	t.same(
		clients.slice(1).map(({ steps }) => steps.at(-1)?.text),
		[
			'would wait in the queue of pool eu (0 of 2 waiting), up to 5000 ms',
			'would wait in the queue of pool eu (1 of 2 waiting), up to 5000 ms',
			'the queue of pool eu is full (2 of 2 waiting)',
		],
	);
	t.ok(
		clients[2]?.steps.some(({ text }) => text === 'pool eu: 1 of 2 wait in its queue, newcomers join behind'),
		'and of those who wait already',
	);
	t.match(spread[0], { pool: 'eu', backend: null, outcome: null, clients: 2 });
});

t.test('the certificate that it names is the one that is shown: an exact name goes before a wildcard', async (t) => {
	const certificate = (...names: string[]): CertificateSnapshot => ({
		certificate: '',
		key: '',
		ocsp: null,
		names,
		isDefault: false,
	});
	const tls = terminateTls([certificate('default.example'), certificate('*.example'), certificate('a.example')]);
	const cases: [sni: string | null, text: string][] = [
		['a.example', 'with the certificate for a.example'],
		['b.example', 'with the certificate for *.example'],
		['b.a.example', 'with the default certificate for default.example'],
		[null, 'with the default certificate for default.example'],
	];
	for (const [sni, text] of cases) {
		const { steps } = at(explainIps(['192.0.2.7'], { listeners: [{ tls }] }, { sni }).clients, 0);
		t.ok(
			steps.some((step) => step.text === `TLS is terminated ${text}`),
			`${sni}`,
		);
	}
});
