import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parse } from 'yaml';
import { loadConfigFile } from '../src/control/config/load.ts';
import { allKeys } from '../src/control/config/reference.ts';
import { summarize } from '../src/control/config/summarize.ts';

const folder = new URL('../config/', import.meta.url);
const pathOf = (file: string): string => fileURLToPath(new URL(file, folder));

const EXAMPLES: Readonly<Record<string, string>> = {
	'limits.yaml': '2 listeners, 1 pools, 3 backends',
	'minimal.yaml': '1 listeners, 1 pools, 2 backends',
	'mmdb.yaml': '1 listeners, 2 pools, 3 backends',
	'postgres.yaml': '1 listeners, 2 pools, 3 backends',
	'queue.yaml': '1 listeners, 2 pools, 3 backends',
	'redis.yaml': '1 listeners, 1 pools, 3 backends',
	'reference.yaml': '1 listeners, 3 pools, 5 backends',
	'regions.yaml': '1 listeners, 4 pools, 7 backends',
	'shaping.yaml': '2 listeners, 2 pools, 3 backends',
};

t.test('every example is a good configuration', async (t) => {
	t.same(
		readdirSync(folder)
			.filter((file) => file.endsWith('.yaml'))
			.sort(),
		Object.keys(EXAMPLES),
	);
	for (const [file, summary] of Object.entries(EXAMPLES))
		t.equal(summarize(loadConfigFile(pathOf(file))), summary, file);
});

t.test('reference.yaml shows every key there is', async (t) => {
	const keys = allKeys();
	t.ok(
		keys.includes('listeners[].routes[].match.countries') && keys.includes('geo.regions.NAME.rate'),
		'keys were found',
	);
	const shown = new Set(keysIn(parse(readFileSync(pathOf('reference.yaml'), 'utf8')), ''));
	t.same(
		keys.filter((key) => !shown.has(key)),
		[],
		'none is missing',
	);
});

t.test('backends of examples have private or documentation addresses', async (t) => {
	for (const file of Object.keys(EXAMPLES)) {
		for (const { address } of loadConfigFile(pathOf(file)).pools.flatMap((pool) => pool.backends)) {
			if (address.type === 'tcp')
				t.match(address.host, /^(10\.|2001:db8:|.*\.example\.com$)/, `${file}: ${address.host}`);
		}
	}
});

/** Names as `allKeys` gives them; a region's name becomes NAME. */
function keysIn(value: unknown, path: string): string[] {
	if (Array.isArray(value)) return value.flatMap((item) => keysIn(item, `${path}[]`));
	if (typeof value !== 'object' || value === null) return [];
	return Object.entries(value).flatMap(([key, child]) => {
		const own = path === 'geo.regions' ? `${path}.NAME` : path === '' ? key : `${path}.${key}`;
		return [own, ...keysIn(child, own)];
	});
}
