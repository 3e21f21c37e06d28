import t from 'tap';
import {
	bindKey,
	type CompileInput,
	compileSnapshot,
	configuredBinds,
	hostNames,
	type SlotSource,
} from '../../../src/control/config/compile.ts';
import { parseConfigObject } from '../../../src/control/config/load.ts';
import type { ConfigInput } from '../../../src/control/config/schema.ts';
import { countriesOf } from '../../../src/control/geo/continents.ts';
import { PAPER_TLS } from '../../../src/control/tls/source.ts';
import type { SlotRef, Snapshot } from '../../../src/core/snapshot.ts';
import { parseAddress } from '../../../src/policy/address.ts';
import { lookupNetwork } from '../../../src/policy/network-table.ts';

/** Numbers places in the order of their claims, and remembers them. */
class FakeSlots implements SlotSource {
	readonly claims: string[] = [];
	readonly tables: string[] = [];
	readonly queues: string[] = [];

	claim(kind: string, name: string, address: string): SlotRef {
		this.claims.push(`${kind} ${name}${address === '' ? '' : ` @ ${address}`}`);
		return { index: this.claims.length - 1, generation: 1 };
	}

	queue(key: string): number {
		this.queues.push(key);
		return this.queues.length - 1;
	}

	clientTable(key: string, size: number, rates: readonly unknown[]): number {
		this.tables.push(`${key} ${size} ${rates.length}`);
		return this.tables.length - 1;
	}
}

const backends = [{ address: '10.1.0.1:7000' }];
const routes = [{ to: ['a'] }];
const good: ConfigInput = {
	listeners: [{ name: 'game', bind: '127.0.0.1:7000', routes }],
	pools: [{ name: 'a', backends }],
};

function compile(config: Partial<ConfigInput>, input: Partial<CompileInput> = {}): Snapshot {
	return compileSnapshot(parseConfigObject({ ...good, ...config }), {
		id: 7,
		slots: new FakeSlots(),
		resolved: new Map(),
		ports: new Map(),
		geoDatabase: 'embedded',
		tls: PAPER_TLS,
		countriesOf,
		defaultMaxConnections: 1234,
		...input,
	});
}

const inNetworks = (table: Parameters<typeof lookupNetwork>[0] | null | undefined, address: string): boolean => {
	const parsed = parseAddress(address);
	return table != null && parsed !== null && lookupNetwork(table, parsed) >= 0;
};

t.test('the process has its own cap, or the default one', async (t) => {
	t.match(compile({}), { id: 7, process: { maxConnections: 1234, rates: [] }, accessLog: 'all', drainMs: 30_000 });
	const limited = compile({
		limits: { maxConnections: 50, rate: ['5/s', '10/1m'] },
		log: { access: 'errors' },
		drain: '1s',
	});
	t.match(limited, { process: { maxConnections: 50 }, accessLog: 'errors', drainMs: 1_000 });
	t.same(
		limited.process.rates.map((rate) => rate.text),
		['5/s', '10/1m'],
	);
});

t.test('every place is claimed once, under a name of its own', async (t) => {
	const slots = new FakeSlots();
	compile(
		{
			geo: { regions: { eu: { continents: ['europe'] } } },
			listeners: [
				{ name: 'game', bind: '127.0.0.1:7000', routes, perClient: { rate: ['1/s', '5/10s'], tableSize: 500 } },
			],
			pools: [
				{ name: 'a', backends: [{ name: 'one', address: '10.1.0.1:7000' }, { address: 'unix:/run/b.sock' }] },
				{ name: 'b', backends: [{ name: 'one', address: '10.1.0.1:7000' }] },
			],
		},
		{ slots },
	);
	t.same(slots.claims.toSorted(), [
		'backend a/one @ 10.1.0.1:7000',
		'backend a/unix:/run/b.sock @ unix:/run/b.sock',
		'backend b/one @ 10.1.0.1:7000',
		'listener game',
		'pool a',
		'pool b',
		'process process',
		'region eu',
	]);
	t.same(slots.tables, ['game 500 2']);
});

t.test('a country belongs to the first region that has it, by code or by continent', async (t) => {
	const { geo, regions } = compile({
		geo: {
			regions: {
				dach: { countries: ['DE', 'AT', 'CH'], maxConnections: 5 },
				eu: { continents: ['europe'], countries: ['DE', 'TR'], rate: '9/s' },
				asia: { continents: ['asia'] },
			},
			overrides: [
				{ network: '10.0.0.0/8', country: 'DE' },
				{ network: '10.1.0.0/16', country: 'JP' },
			],
		},
	});
	const regionOf = (country: string) => geo.regionOfCountry.get(country);
	t.same(['DE', 'FR', 'TR', 'JP', 'US'].map(regionOf), [0, 1, 1, 2, undefined]);
	t.match(regions, [
		{ index: 0, name: 'dach', maxConnections: 5, rates: [] },
		{ index: 1, name: 'eu', maxConnections: null, rates: [{ count: 9 }] },
		{ index: 2, name: 'asia' },
	]);
	t.same(geo.overrideCountries, ['DE', 'JP']);
	const address = parseAddress('10.1.2.3');
	t.equal(address && geo.overrideCountries[lookupNetwork(geo.overrides, address)], 'JP', 'the most specific network');
});

t.test('routes name pools and regions by index, and what is left out is null', async (t) => {
	const [listener] = compile({
		geo: { regions: { eu: { countries: ['DE'] }, us: { countries: ['US'] } } },
		listeners: [
			{
				name: 'game',
				bind: '127.0.0.1:7000',
				routes: [
					{ match: { regions: ['us'], countries: ['DE'], networks: ['10.0.0.0/8'] }, to: ['b', 'a'] },
					{ to: ['a'] },
				],
			},
		],
		pools: [
			{ name: 'a', backends },
			{ name: 'b', backends },
		],
	}).listeners;
	const [first, second] = listener?.routes ?? [];
	t.same([first?.name, first?.pools, second?.name, second?.pools], ['1', [1, 0], '2', [0]]);
	t.same([first?.match.regions, first?.match.countries], [new Set([1]), new Set(['DE'])]);
	t.same([inNetworks(first?.match.networks, '10.2.3.4'), inNetworks(first?.match.networks, '11.2.3.4')], [true, false]);
	t.same(second?.match, { networks: null, countries: null, regions: null, sni: null, alpn: null });
});

t.test('access, limits per client, timeouts and keepalive are carried over', async (t) => {
	const [listener] = compile({
		geo: { regions: { eu: { countries: ['DE'] } } },
		listeners: [
			{
				name: 'game',
				bind: '127.0.0.1:7000',
				maxConnections: 9,
				rate: '3/s',
				access: { allow: { regions: ['eu'] }, deny: { networks: ['10.0.0.0/8'] }, action: 'silent', holdFor: '3s' },
				perClient: { maxConnections: 2, prefix: { v6: 56 }, action: 'tarpit' },
				timeouts: { idle: '1s', maxDuration: '1h' },
				keepAlive: { count: 3 },
				routes,
			},
		],
	}).listeners;
	t.match(listener, { index: 0, name: 'game', maxConnections: 9, rates: [{ count: 3, windowMs: 1_000 }] });
	t.match(listener?.access, { action: 'silent', holdForMs: 3_000 });
	t.same(listener?.access?.allow, { networks: null, countries: null, regions: new Set([0]) });
	t.equal(inNetworks(listener?.access?.deny?.networks, '10.9.9.9'), true);
	t.same(listener?.perClient, {
		maxConnections: 2,
		rates: [],
		prefixV4: 32,
		prefixV6: 56,
		action: 'tarpit',
		holdForMs: 10_000,
		tableSize: 100_000,
		table: 0,
	});
	t.same(listener?.timeouts, {
		idleMs: 1_000,
		halfCloseMs: 60_000,
		maxDurationMs: 3_600_000,
		clientHelloMs: 5_000,
		tlsHandshakeMs: 10_000,
	});
	t.same(listener?.keepAlive, { idleMs: 60_000, intervalMs: 10_000, count: 3 });
	t.match(compile({}).listeners[0], { access: null, perClient: null, maxConnections: null });
});

t.test('port 0 becomes the port that was bound', async (t) => {
	const target = { type: 'tcp', host: '127.0.0.1', port: 0 } as const;
	const listeners = [{ name: 'game', bind: ['127.0.0.1:0', 'unix:/run/x.sock', '127.0.0.1:80'], routes }];
	const [listener] = compile({ listeners }, { ports: new Map([[bindKey('game', target), 43_210]]) }).listeners;
	t.same(listener?.binds, [
		{ target: { ...target, port: 43_210 }, v6Only: false },
		{ target: { type: 'unix', path: '/run/x.sock' }, v6Only: false },
		{ target: { ...target, port: 80 }, v6Only: false },
	]);
});

t.test('[::] leaves IPv4 alone only where 0.0.0.0 has the same port', async (t) => {
	const config = parseConfigObject({
		...good,
		listeners: [
			{ name: 'six', bind: ['[::]:7000', '[::]:7001', '[::]:0', '[::1]:7002'], routes },
			{ name: 'four', bind: ['0.0.0.0:7000', '127.0.0.1:7003', '0.0.0.0:0'], routes },
		],
	});
	t.same(
		configuredBinds(config).map(({ listener, bind }) => [listener, bind.v6Only]),
		[
			['six', true],
			['six', false],
			['six', false],
			['six', false],
			['four', false],
			['four', false],
			['four', false],
		],
	);
});

t.test('a host name becomes as many backends as it has addresses', async (t) => {
	const pools = [
		{
			name: 'a',
			backends: [
				{ address: 'one.example:7000', weight: 3, maxConnections: 4, rate: '5/s', backup: true },
				{ name: 'many', address: 'many.example:7000', weight: 2 },
				{ address: 'never.example:7000' },
				{ address: '10.1.0.9:7000' },
			],
		},
	];
	const resolved = new Map([
		['one.example', ['10.1.0.1']],
		['many.example', ['2001:db8::1', '10.1.0.2', '10.1.0.2']],
	]);
	const [pool] = compile({ pools }, { resolved }).pools;
	t.same(
		pool?.backends.map((b) => [b.index, b.name, b.target, b.weight]),
		[
			[0, 'one.example:7000', { type: 'tcp', host: '10.1.0.1', port: 7000 }, 3],
			[1, 'many/10.1.0.2:7000', { type: 'tcp', host: '10.1.0.2', port: 7000 }, 2],
			[2, 'many/[2001:db8::1]:7000', { type: 'tcp', host: '2001:db8::1', port: 7000 }, 2],
			[3, '10.1.0.9:7000', { type: 'tcp', host: '10.1.0.9', port: 7000 }, 1],
		],
	);
	t.match(pool?.backends[0], { maxConnections: 4, rates: [{ text: '5/s' }], backup: true });
	t.same(compile({ pools: [{ name: 'a', backends: [{ address: 'never.example:1' }] }] }).pools[0]?.backends, []);
});

t.test('host names are listed with how often to look them up; addresses and sockets are not', async (t) => {
	const pools = [
		{
			name: 'a',
			resolve: '5s',
			backends: [{ address: 'x.example:1' }, { address: '10.1.0.1:1' }, { address: 'unix:/x' }],
		},
		{ name: 'b', backends: [{ address: 'x.example:2' }, { address: '[::1]:1' }] },
	];
	t.same(hostNames(parseConfigObject({ ...good, pools })), [
		{ host: 'x.example', everyMs: 5_000 },
		{ host: 'x.example', everyMs: 30_000 },
	]);
});

t.test('the keys of a pool are carried over', async (t) => {
	const [pool] = compile({
		pools: [
			{
				name: 'a',
				balance: { algorithm: 'ip-hash' },
				retries: { attempts: 0, backoff: '1s', maxBackoff: '3s' },
				connectTimeout: '9s',
				sourceAddress: '10.0.0.5',
				backends,
			},
		],
	}).pools;
	t.match(pool, { balance: 'ip-hash', connectTimeoutMs: 9_000, sourceAddress: '10.0.0.5' });
	t.same(pool?.retries, { attempts: 0, backoffMs: 1_000, maxBackoffMs: 3_000 });
	t.equal(compile({}).pools[0]?.sourceAddress, null);
});

t.test('a pool has a queue of its own when it asks for one', async (t) => {
	const slots = new FakeSlots();
	const snapshot = compile(
		{
			pools: [
				{ name: 'a', backends },
				{ name: 'b', backends, queue: { size: 200 } },
				{ name: 'c', backends, queue: { size: 1, timeout: '1m', first: true } },
			],
		},
		{ slots },
	);
	t.same(slots.queues, ['b', 'c']);
	t.same(
		snapshot.pools.map(({ queue }) => queue),
		[
			null,
			{ number: 0, size: 200, timeoutMs: 5_000, first: false },
			{ number: 1, size: 1, timeoutMs: 60_000, first: true },
		],
	);
});

t.test('a snapshot survives the way to a worker', async (t) => {
	const snapshot = compile({ geo: { regions: { eu: { continents: ['europe'] } } } });
	t.same(structuredClone(snapshot), snapshot);
});

t.test('the same configuration and input give the same snapshot', async (t) => {
	t.same(compile({}), compile({}));
});

t.test('buckets are carried over with their bursts, and clients with buckets alone have a table', async (t) => {
	const slots = new FakeSlots();
	const download = { listener: '1Gbit/s', client: '50Mbit/s', connection: { rate: '10Mbit/s', burst: '256KiB' } };
	const { listeners, pools, regions } = compile(
		{
			geo: { regions: { eu: { countries: ['DE'], upload: '80kbit/s' } } },
			listeners: [
				{ name: 'game', bind: '127.0.0.1:7000', routes, shaping: { download } },
				{ name: 'chat', bind: '127.0.0.1:7001', routes, shaping: { upload: { listener: '8Mbit/s' } } },
			],
			pools: [{ name: 'a', upload: '4Mbit/s', backends: [{ address: '10.1.0.1:7000', download: '1Mbit/s' }] }],
		},
		{ slots },
	);
	const bucket = (bytesPerSecond: number, burstBytes: number) => ({ bytesPerSecond, burstBytes });
	t.same(listeners[0]?.shaping, {
		listener: { upload: null, download: bucket(125e6, 12.5e6) },
		client: { upload: null, download: bucket(6.25e6, 625_000) },
		connection: { upload: null, download: bucket(1.25e6, 262_144) },
	});
	t.match(listeners[0]?.perClient, { maxConnections: null, rates: [], prefixV6: 64, table: 0 });
	t.equal(listeners[1]?.perClient, null);
	t.same(slots.tables, ['game 100000 0']);
	t.same(regions[0]?.shaping, { upload: bucket(10_000, 5_000), download: null }, 'slow: half a second');
	t.same(pools[0]?.shaping, { upload: bucket(500_000, 65_536), download: null }, 'at least 64 KiB');
	t.same(pools[0]?.backends[0]?.shaping, { upload: null, download: bucket(125_000, 65_536) });
});
