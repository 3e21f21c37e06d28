import { countries } from 'countries-list';
import t from 'tap';
import { parseConfigObject } from '../src/control/config/load.ts';
import { openEmbeddedGeo } from '../src/control/geo/embedded.ts';
import { justStarted, paperSnapshot } from '../src/control/paper-snapshot.ts';
import { type AccessLine, type ConfigInput, createSluice } from '../src/index.ts';
import { parseAddress } from '../src/policy/address.ts';
import { type Explanation, explain } from '../src/policy/explain.ts';
import { makeGeoReader } from '../src/policy/geo.ts';
import { seededRng } from '../src/rng.ts';
import { EchoClient, echoBackend } from './support/backends.ts';
import { knownCountries } from './support/known-countries.ts';
import { configFile, sluice } from './support/sluice-process.ts';

/** Small countries may give the same address twice; the last of the sample are IPv6. */
const KNOWN = [...new Map(knownCountries(1_200).map((known) => [known.address, known])).values()].slice(-1_000);
const POOLS = ['home', 'europe', 'americas', 'pacific', 'rest'] as const;
type PoolName = (typeof POOLS)[number];

/** Regions that overlap, routes that shadow each other: the order of both decides. */
const config = (addresses: Readonly<Record<PoolName, string>>, geo: Partial<ConfigInput['geo']> = {}) =>
	({
		workers: 2,
		geo: {
			regions: {
				europe: { continents: ['europe'] },
				americas: { continents: ['north-america', 'south-america'] },
				pacific: { countries: ['GB', 'US'], continents: ['asia', 'oceania'] },
			},
			...geo,
		},
		listeners: [
			{
				name: 'game',
				bind: '127.0.0.1:0',
				routes: [
					{ match: { countries: ['DE', 'JP'] }, to: ['home'] },
					{ match: { regions: ['europe'] }, to: ['europe', 'rest'] },
					{ match: { regions: ['americas'] }, to: ['americas', 'rest'] },
					{ match: { countries: ['DE', 'BR'], regions: ['pacific'] }, to: ['home'] },
					{ match: { regions: ['pacific'] }, to: ['pacific'] },
					{ to: ['rest'] },
				],
			},
		],
		pools: POOLS.map((name) => ({ name, backends: [{ name, address: addresses[name] }] })),
	}) satisfies ConfigInput;

/** The same by hand, from the library's table of continents and no code of ours. */
function poolOf(country: string): PoolName {
	if (country === 'DE' || country === 'JP') return 'home';
	const continent = Object.entries(countries).find(([code]) => code === country)?.[1].continent;
	switch (continent) {
		case 'EU':
			return 'europe';
		case 'NA':
		case 'SA':
			return 'americas';
		case 'AS':
		case 'OC':
			return 'pacific';
		default:
			return 'rest';
	}
}

const NOWHERE = Object.fromEntries(POOLS.map((name) => [name, '127.0.0.1:9'])) as Record<PoolName, string>;

/** Clients that were sent elsewhere than to the pool of their country, in words. */
function astray({ clients }: Explanation): string[] {
	return KNOWN.flatMap(({ address, country }, i) => {
		const [found, wanted] = [clients[i], poolOf(country)];
		if (found?.pool === wanted && found.backend === wanted && found.country === country) return [];
		return [`${address} of ${country}: ${found?.country} to ${found?.pool}, not ${wanted}`];
	});
}

t.test('the sample is what it claims to be', (t) => {
	t.equal(KNOWN.length, 1_000);
	t.equal(new Set(KNOWN.map(({ address }) => address)).size, KNOWN.length, 'no address twice');
	t.ok(new Set(KNOWN.map(({ country }) => country)).size > 200, 'of nearly all countries');
	const perPool = Object.groupBy(KNOWN, ({ country }) => poolOf(country));
	for (const pool of POOLS) t.ok((perPool[pool]?.length ?? 0) >= 8, `${pool}: ${perPool[pool]?.length}`);
	t.end();
});

t.test('1,000 addresses of known countries reach the right pool through explain', (t) => {
	const snapshot = paperSnapshot(parseConfigObject(config(NOWHERE)), new Map());
	const [listener] = snapshot.listeners;
	if (listener === undefined) throw new Error('no listener');
	const addresses = KNOWN.map(({ address }) => parseAddress(address)).filter((address) => address !== null);
	const explanation = explain(snapshot, listener, addresses, {
		live: justStarted(snapshot),
		geo: makeGeoReader(snapshot.geo, openEmbeddedGeo()),
		rng: seededRng(1),
		sni: null,
		alpn: [],
		nowNs: 0,
	});
	t.strictSame(astray(explanation), []);
	checkSpread(t, explanation);
	t.end();
});

t.test('the command line says the same of all of them at once', async (t) => {
	const { path } = configFile(t, config(NOWHERE));
	const ips = KNOWN.flatMap(({ address }) => ['--ip', address]);
	const { code, stdout, stderr } = await sluice(t, 'explain', '-c', path, '--listener', 'game', '--json', ...ips);
	t.match({ code, stderr }, { code: 0, stderr: '' });
	const explanation = JSON.parse(stdout) as Explanation;
	t.strictSame(astray(explanation), []);
	checkSpread(t, explanation);
});

t.test('clients on sockets reach the pool of the country that overrides give them', async (t) => {
	const sample = sampleOf(60);
	const overrides = [
		{ network: '127.0.0.0/16', country: 'ZA' },
		...sample.map((country, i) => ({ network: `127.0.0.${100 + i}`, country })),
	];
	const backends = await Promise.all(POOLS.map((name) => echoBackend(t, name)));
	const addresses = Object.fromEntries(backends.map(({ name, address }) => [name, address])) as typeof NOWHERE;
	const records: AccessLine[] = [];
	await using balancer = await createSluice(config(addresses, { overrides }), {
		onRecord: (record) => records.push(record),
	});
	const port = Number(balancer.addresses[0]?.address.split(':').at(-1));
	const clients = [
		...sample.map((country, i) => ({ from: `127.0.0.${100 + i}`, country })),
		{ from: '127.0.0.1', country: 'ZA' },
		{ from: '127.1.0.1', country: null },
	];
	for (const { from, country } of clients) {
		const client = new EchoClient(t, port, from);
		const wanted = country === null ? 'rest' : poolOf(country);
		t.equal(await client.greeting(), wanted, `${from} as from ${country}`);
		client.close();
		await client.end();
	}
	await balancer.close();
	t.equal(records.length, clients.length);
	for (const { from, country } of clients) {
		const record = records.find(({ client }) => client?.startsWith(`${from}:`));
		const pool = country === null ? 'rest' : poolOf(country);
		t.match(record, { country, pool, backend: pool, region: regionOf(country), outcome: 'completed' }, from);
	}
});

/** Countries from all over the world, among them one for each pool. */
function sampleOf(count: number): string[] {
	const known = [...new Set(KNOWN.map(({ country }) => country))];
	const step = Math.floor(known.length / count);
	const spread = known.filter((_, i) => i % step === 0).slice(0, count - POOLS.length);
	return [...spread, ...POOLS.flatMap((pool) => known.find((country) => poolOf(country) === pool) ?? [])];
}

/** Countries route before regions, but do not change the region that is recorded. */
function regionOf(country: string | null): string | null {
	if (country === 'DE') return 'europe';
	if (country === 'JP') return 'pacific';
	const pool = country === null ? 'rest' : poolOf(country);
	return pool === 'rest' ? null : pool;
}

function checkSpread(t: Pick<typeof import('tap').t, 'strictSame'>, { spread }: Explanation): void {
	const found = spread.map(({ pool, clients }) => [pool, clients]);
	const wanted = POOLS.map((pool) => [pool, KNOWN.filter(({ country }) => poolOf(country) === pool).length]);
	const byName = (rows: typeof wanted) => rows.toSorted(([a], [b]) => String(a).localeCompare(String(b)));
	t.strictSame(byName(found as typeof wanted), byName(wanted), 'the spread over the pools');
}
