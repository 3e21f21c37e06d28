import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parse } from 'yaml';
import { main } from '../src/cli/main.ts';
import { loadConfigFile } from '../src/control/config/load.ts';
import { allKeys } from '../src/control/config/reference.ts';
import { summarize } from '../src/control/config/summarize.ts';
import { readTlsFiles } from '../src/control/tls/files.ts';

const folder = new URL('../config/', import.meta.url);
const pathOf = (file: string): string => fileURLToPath(new URL(file, folder));

const EXAMPLES: Readonly<Record<string, string>> = {
	'limits.yaml': '2 listeners, 1 pools, 3 backends',
	'minimal.yaml': '1 listeners, 1 pools, 2 backends',
	'mmdb.yaml': '1 listeners, 2 pools, 3 backends',
	'postgres-tls.yaml': '2 listeners, 3 pools, 4 backends',
	'postgres.yaml': '1 listeners, 2 pools, 3 backends',
	'proxy-protocol.yaml': '2 listeners, 2 pools, 3 backends',
	'queue.yaml': '1 listeners, 2 pools, 3 backends',
	'redis.yaml': '1 listeners, 1 pools, 3 backends',
	'reference.yaml': '1 listeners, 3 pools, 5 backends',
	'regions.yaml': '1 listeners, 4 pools, 7 backends',
	'shaping.yaml': '2 listeners, 2 pools, 3 backends',
	'tls-backends.yaml': '1 listeners, 2 pools, 3 backends',
	'tls-passthrough.yaml': '1 listeners, 3 pools, 4 backends',
	'tls-terminate.yaml': '1 listeners, 1 pools, 2 backends',
};

/** Examples that name certificate files, with how many are read together. */
const CERTIFICATES: Readonly<Record<string, number>> = {
	'postgres-tls.yaml': 2,
	'tls-backends.yaml': 2,
	'tls-terminate.yaml': 2,
};

t.test('every example is a good configuration', async (t) => {
	t.same(
		readdirSync(folder)
			.filter((file) => file.endsWith('.yaml') && !file.startsWith('prometheus-'))
			.sort(),
		Object.keys(EXAMPLES),
	);
	for (const [file, summary] of Object.entries(EXAMPLES))
		t.equal(summarize(loadConfigFile(pathOf(file))), summary, file);
});

t.test('the certificates that examples name are made by the commands in them', async (t) => {
	for (const [file, certs] of Object.entries(CERTIFICATES)) {
		const folder = t.testdir();
		copyFileSync(pathOf(file), join(folder, file));
		const commands = readFileSync(pathOf(file), 'utf8').matchAll(/^# +sluice cert (.*)$/gm);
		for (const [, args = ''] of commands) {
			const words = args.replaceAll('"', '').replace('config/certs', join(folder, 'certs')).split(' ');
			t.equal(await main(['cert', ...words], { out: () => {}, err: t.comment }), 0, args);
		}
		t.equal((await readTlsFiles(loadConfigFile(join(folder, file)))).size, certs, file);
	}
	const others = Object.keys(EXAMPLES).filter((file) => !(file in CERTIFICATES) && file !== 'reference.yaml');
	for (const file of others) t.equal((await readTlsFiles(loadConfigFile(pathOf(file)))).size, 0, file);
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
