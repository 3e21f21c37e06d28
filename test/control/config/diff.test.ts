import t from 'tap';
import { describeDiff, diffConfigs, diffFields } from '../../../src/control/config/diff.ts';
import { parseConfigObject } from '../../../src/control/config/load.ts';
import type { ConfigInput } from '../../../src/control/config/schema.ts';

const listener = (name: string, port: number, more: object = {}) => ({
	name,
	bind: `127.0.0.1:${port}`,
	routes: [{ to: ['a'] }],
	...more,
});
const one = { name: 'one', address: '10.1.0.1:7000' };
const base: ConfigInput = {
	geo: { regions: { eu: { countries: ['DE'] }, us: { countries: ['US'] } } },
	listeners: [listener('game', 7000), listener('chat', 7001)],
	pools: [{ name: 'a', backends: [one, { address: '10.1.0.2:7000' }] }],
};
const against = (after: Partial<ConfigInput>) =>
	diffConfigs(parseConfigObject(base), parseConfigObject({ ...base, ...after }));

t.test('what means the same is no change', async (t) => {
	const same = against({
		drain: '30000ms',
		pools: [
			{ name: 'a', balance: { algorithm: 'round-robin' }, backends: [one, { address: '10.1.0.2:7000', weight: 1 }] },
		],
	});
	t.equal(describeDiff(same), 'no changes');
	t.same(diffFields(same), {});
	t.same(same.restart, []);
});

t.test('each kind of change is named', async (t) => {
	const table: [string, Partial<ConfigInput>, string][] = [
		[
			'listeners',
			{ listeners: [listener('game', 7000, { maxConnections: 5 }), listener('talk', 7002)] },
			'listeners: +talk -chat ~game',
		],
		['pools', { pools: [...base.pools, { name: 'b', backends: [one] }] }, 'pools: +b; backends: +b/one'],
		[
			'a pool alone',
			{ pools: [{ name: 'a', connectTimeout: '1s', backends: [one, { address: '10.1.0.2:7000' }] }] },
			'pools: ~a',
		],
		[
			'backends',
			{ pools: [{ name: 'a', backends: [{ ...one, weight: 2 }, { address: '10.1.0.3:7000' }] }] },
			'backends: +a/10.1.0.3:7000 -a/10.1.0.2:7000 ~a/one',
		],
		[
			'regions',
			{ geo: { regions: { eu: { countries: ['FR'] }, asia: { continents: ['asia'] } } } },
			'regions: +asia -us ~eu',
		],
		[
			'the order of regions',
			{ geo: { regions: { us: { countries: ['US'] }, eu: { countries: ['DE'] } } } },
			'settings: geo.regions',
		],
		[
			'overrides',
			{ geo: { ...base.geo, overrides: [{ network: '10.0.0.0/8', country: 'DE' }] } },
			'settings: geo.overrides',
		],
		[
			'settings',
			{ log: { level: 'warn' }, limits: { maxConnections: 5 }, drain: '1s', preStop: '1s' },
			'settings: log limits drain preStop',
		],
	];
	for (const [name, after, text] of table) t.equal(describeDiff(against(after)), text, name);
});

t.test('keys that need a restart are named apart', async (t) => {
	const diff = against({ engine: 'node', workers: 4, drain: '1s' });
	t.same(diff.restart, ['engine', 'workers']);
	t.same(diffFields(diff), { settings: 'drain', restart: 'engine workers' });
	t.equal(describeDiff(diff), 'settings: drain; restart: engine workers');
});
