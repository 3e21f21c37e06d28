import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { loadConfigFile, parseConfigObject, parseConfigText } from '../../../src/control/config/load.ts';
import type { ConfigInput } from '../../../src/control/config/schema.ts';
import { summarize } from '../../../src/control/config/summarize.ts';
import { ConfigError, SluiceError } from '../../../src/core/errors.ts';

const good: ConfigInput = {
	listeners: [{ name: 'game', bind: '127.0.0.1:7000', routes: [{ to: ['a'] }] }],
	pools: [{ name: 'a', backends: [{ address: '10.1.0.1:7000' }] }],
};

function thrownBy(run: () => unknown): SluiceError {
	try {
		run();
	} catch (error) {
		if (error instanceof SluiceError) return error;
		throw error;
	}
	throw new Error('nothing was thrown');
}

const messagesOf = (text: string): string => thrownBy(() => parseConfigText(text, { file: 'x.yaml' })).message;

t.test('defaults are filled in and units converted', async (t) => {
	const config = parseConfigObject({ ...good, drain: '1.5m', limits: { rate: '5/10s' } });
	t.match(config, {
		engine: 'auto',
		workers: 'auto',
		drain: 90_000,
		preStop: 0,
		log: { level: 'info', access: 'all' },
	});
	t.same(config.limits, { rate: [{ count: 5, windowMs: 10_000, text: '5/10s' }], overflow: 'refuse' });
	t.same(config.geo, { database: 'embedded', regions: {}, overrides: [] });
	t.same(config.listeners[0]?.timeouts, {
		clientHello: 5_000,
		tlsHandshake: 10_000,
		idle: 600_000,
		halfClose: 60_000,
	});
	t.same(config.listeners[0]?.keepAlive, { idle: 60_000, interval: 10_000, count: 6 });
	t.match(config.pools[0], { balance: { algorithm: 'round-robin' }, connectTimeout: 5_000, resolve: 30_000 });
	t.same(config.pools[0]?.retries, { attempts: 2, backoff: 100, maxBackoff: 2_000 });
	t.same(config.pools[0]?.backends[0], {
		address: { type: 'tcp', host: '10.1.0.1', port: 7000 },
		weight: 1,
		rate: [],
		backup: false,
	});
});

t.test('a file and an object that say the same are the same', async (t) => {
	t.same(parseConfigText(JSON.stringify(good), { file: 'x.json' }), parseConfigObject(good));
	t.equal(summarize(parseConfigObject(good)), '1 listeners, 1 pools, 1 backends');
});

t.test('regions keep the order of the file', async (t) => {
	const regions = 'geo: { regions: { z: { countries: [DE] }, a: { countries: [FR] }, m: { countries: [IT] } } }';
	const rest = Object.entries(good).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
	const config = parseConfigText([regions, ...rest].join('\n'), { file: 'x.yaml' });
	t.same(Object.keys(config.geo.regions), ['z', 'a', 'm']);
});

t.test('problems of an object have no line but say where they are', async (t) => {
	const error = thrownBy(() => parseConfigObject({ ...good, drain: 30, pools: [] }));
	t.ok(error instanceof ConfigError);
	t.same((error as ConfigError).problems, [
		{
			file: 'configuration',
			line: 0,
			column: 0,
			path: 'drain',
			message: '30 has no unit: write for example 30s or 30ms',
		},
		{ file: 'configuration', line: 0, column: 0, path: 'pools', message: 'must not be empty' },
		{ file: 'configuration', line: 0, column: 0, path: 'listeners[0].routes[0].to[0]', message: 'unknown pool "a"' },
	]);
	t.equal(error.exitCode, 1);
	t.match(error.message, /^configuration: drain: 30 has no unit/);
});

t.test('syntax errors have their line and column', async (t) => {
	t.equal(
		messagesOf('drain: 1s\n   preStop: 1s\n\tpools: []\n'),
		[
			'x.yaml:1:8: Nested mappings are not allowed in compact mappings',
			'x.yaml:1:8: Implicit keys need to be on a single line',
			'x.yaml:3:1: Tabs are not allowed as indentation',
		].join('\n'),
	);
	t.match(messagesOf('{\n  "drain": "1s" "preStop": "1s"\n'), /^x\.yaml:2:\d+: .*\n.*Flow map must end with a }$/s);
});

t.test('relative unix paths are relative to the file', async (t) => {
	const text = JSON.stringify({
		listeners: [{ name: 'game', bind: ['unix:run/in.sock', 'unix:/abs.sock'], routes: [{ to: ['a'] }] }],
		pools: [{ name: 'a', backends: [{ address: 'unix:../out.sock' }] }],
	});
	const config = parseConfigText(text, { file: '/etc/sluice/main.json' });
	t.same(config.listeners[0]?.bind, [
		{ type: 'unix', path: '/etc/sluice/run/in.sock' },
		{ type: 'unix', path: '/abs.sock' },
	]);
	t.same(config.pools[0]?.backends[0]?.address, { type: 'unix', path: '/etc/out.sock' });
	t.same(parseConfigObject(JSON.parse(text), { folder: '/srv' }).pools[0]?.backends[0]?.address, {
		type: 'unix',
		path: '/out.sock',
	});
});

t.test('a file that cannot be read is named with its reason, and exits with 1', async (t) => {
	const folder = mkdtempSync(join(tmpdir(), 'sluice-config-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const file = (name: string, content: string | Uint8Array): string => {
		writeFileSync(join(folder, name), content);
		return join(folder, name);
	};
	const table: [string, RegExp][] = [
		[join(folder, 'absent.yaml'), /^configuration .*absent\.yaml: cannot be read: no such file$/],
		[folder, /: cannot be read: it is a directory$/],
		[file('latin1.yaml', Uint8Array.of(0x64, 0xe4)), /: cannot be read: not UTF-8 text$/],
		[file('huge.yaml', ' '.repeat(4 * 1024 * 1024 + 1)), /: cannot be read: larger than 4 MiB$/],
		['/dev/zero', /: cannot be read: larger than 4 MiB$/],
	];
	for (const [path, message] of table) {
		const error = thrownBy(() => loadConfigFile(path));
		t.match(error.message, message);
		t.equal(error.code, 'config-unreadable');
		t.equal(error.exitCode, 1);
	}
	t.equal(summarize(loadConfigFile(file('good.json', JSON.stringify(good)))), '1 listeners, 1 pools, 1 backends');
});

t.test('a hostile text is refused in little time', async (t) => {
	const wide = `a: &a [${'x, '.repeat(20_000)}]\nb: [${'*a, '.repeat(90)}]`;
	const table: [string, string, RegExp][] = [
		['nesting', '['.repeat(100_000), /nested too deeply/],
		['nesting within the parser', `a: ${'{ a: '.repeat(70)}1${' }'.repeat(70)}`, /nested more than 64 levels deep/],
		['aliases of something large', wide, /more than 500000 values/],
		['many aliases', `a: &a [1]\nb: [${'*a, '.repeat(100_000)}]`, /aliases cannot be expanded/],
		['many lost aliases', `b: [${'*a, '.repeat(20_000)}]`, /no anchor "&a" before this alias/],
		['unknown keys', Array.from({ length: 20_000 }, (_, i) => `k${i}: 1`).join('\n'), /unknown key "k19999"/],
		['one long key', `${'k'.repeat(1_000)}: 1`, /unknown key "k{57}\.\.\."/],
		['control characters', '"a\\nb\\e[2J": 1', /unknown key "a\\nb\\u001b\[2J"/],
	];
	for (const [name, text, message] of table) {
		const started = performance.now();
		t.match(messagesOf(text), message, name);
		t.ok(performance.now() - started < 5_000, `${name}: in time`);
	}
});

t.test('whatever the text or object, the only error is a ConfigError', async () => {
	const only = (run: () => unknown): boolean => {
		try {
			run();
			return true;
		} catch (error) {
			return error instanceof ConfigError && error.problems.length > 0;
		}
	};
	const yamlish = fc.string({ unit: fc.constantFrom(...'ab:-[]{}&*!,"\'# \n\t|>?%@0'), maxLength: 60 });
	fc.assert(
		fc.property(fc.oneof(yamlish, fc.string()), (text) => only(() => parseConfigText(text, { file: 'x.yaml' }))),
	);
	const keys = fc.constantFrom(
		'listeners',
		'pools',
		'geo',
		'regions',
		'name',
		'bind',
		'routes',
		'to',
		'backends',
		'access',
		'rate',
		'retries',
	);
	const { tree } = fc.letrec((tie) => ({
		tree: fc.oneof({ depthSize: 'small' }, tie('leaf'), fc.array(tie('tree')), fc.dictionary(keys, tie('tree'))),
		leaf: fc.constantFrom(null, true, 5, 'a', '5/s', '1s', '10.0.0.1:7', undefined),
	}));
	fc.assert(
		fc.property(tree, (value) => only(() => parseConfigObject(value))),
		{ numRuns: 500 },
	);
});
