import { test } from 'tap';
import { parseConfigObject } from '../../../src/control/config/load.ts';
import type { Config } from '../../../src/control/config/schema.ts';
import { RuntimeChanges } from '../../../src/control/steering/changes.ts';
import { hasPlace, parsePlace } from '../../../src/control/steering/shaped-places.ts';

const CONFIG = parseConfigObject({
	geo: { regions: { eu: { continents: ['europe'] } } },
	listeners: [
		{ name: 'game', bind: '127.0.0.1:0', shaping: { upload: { client: '1Mbit/s' } }, routes: [{ to: ['eu'] }] },
	],
	pools: [
		{
			name: 'eu',
			backends: [
				{ name: 'a', address: '127.0.0.1:1', weight: 3 },
				{ name: 'b', address: '127.0.0.1:2' },
			],
		},
	],
});
const AUTHOR = { by: 'a test', time: '2026-01-01T00:00:00.000Z' };

const weights = (config: Config): Record<string, number> =>
	Object.fromEntries((config.pools[0]?.backends ?? []).map(({ name, weight }) => [name ?? '', weight]));

function changed(make: (changes: RuntimeChanges) => void): {
	readonly changes: RuntimeChanges;
	readonly config: Config;
} {
	const changes = new RuntimeChanges();
	make(changes);
	return { changes, config: changes.apply(CONFIG) };
}

test('without changes a configuration is what it was', (t) => {
	t.equal(new RuntimeChanges().apply(CONFIG), CONFIG);
	t.end();
});

test('drained and disabled backends have weight 0 and get their weight back', (t) => {
	for (const state of ['draining', 'disabled'] as const) {
		const { changes, config } = changed((changes) => changes.setState('eu', 'a', state, AUTHOR));
		t.same(weights(config), { a: 0, b: 1 });
		t.equal(changes.stateOf('eu', 'a'), state);
		t.same(changes.list(), [{ target: 'backend eu/a', what: 'state', value: state, ...AUTHOR }]);
		changes.setState('eu', 'a', 'enabled', AUTHOR);
		t.same(weights(changes.apply(CONFIG)), { a: 3, b: 1 });
		t.equal(changes.size, 0, 'nothing is left of it');
	}
	t.end();
});

test('a weight set at run time waits while the backend is disabled', (t) => {
	const { changes, config } = changed((changes) => {
		changes.setWeight('eu', 'a', 7, AUTHOR);
		changes.setState('eu', 'a', 'disabled', AUTHOR);
	});
	t.same(weights(config), { a: 0, b: 1 });
	changes.setState('eu', 'a', 'enabled', AUTHOR);
	t.same(weights(changes.apply(CONFIG)), { a: 7, b: 1 });
	t.same(changes.ofBackend('eu', 'a'), ['weight']);
	t.end();
});

test('backends come and go', (t) => {
	const { changes, config } = changed((changes) => {
		changes.add('eu', { address: '127.0.0.1:3', name: 'c', weight: 2, maxConnections: 9 }, AUTHOR);
		changes.add('eu', { address: '127.0.0.1:4' }, AUTHOR);
		changes.remove('eu', 'b', true, AUTHOR);
	});
	const backends = config.pools[0]?.backends ?? [];
	t.same(
		backends.map(({ name, weight, maxConnections }) => [name, weight, maxConnections]),
		[
			['a', 3, undefined],
			['c', 2, 9],
			[undefined, 1, undefined],
		],
	);
	changes.remove('eu', 'c', false, AUTHOR);
	changes.remove('eu', '127.0.0.1:4', false, AUTHOR);
	t.same(weights(changes.apply(CONFIG)), { a: 3 });
	t.same(
		changes.list().map(({ target, what }) => `${target} ${what}`),
		['backend eu/b removed'],
		'what was added and removed again is forgotten',
	);
	t.end();
});

test('a backend that the file has by now is the file’s', (t) => {
	const { config } = changed((changes) => changes.add('eu', { address: '127.0.0.1:9', name: 'a', weight: 50 }, AUTHOR));
	t.same(weights(config), { a: 3, b: 1 });
	t.end();
});

test('what the file has by now is removed, too; an addition under a removed name is the one that serves', (t) => {
	const { changes } = changed((changes) => {
		changes.add('eu', { address: '127.0.0.1:9', name: 'a' }, AUTHOR);
		changes.remove('eu', 'a', true, AUTHOR);
	});
	t.same(weights(changes.apply(CONFIG)), { b: 1 });
	changes.add('eu', { address: '127.0.0.1:9', name: 'a', weight: 5 }, AUTHOR);
	t.same(weights(changes.apply(CONFIG)), { b: 1, a: 5 });
	changes.remove('eu', 'a', true, AUTHOR);
	t.same(weights(changes.apply(CONFIG)), { b: 1 });
	t.end();
});

test('what no file could have is refused', (t) => {
	const changes = new RuntimeChanges();
	t.throws(() => changes.add('eu', { address: 'nonsense' }, AUTHOR), { code: 'refused', message: /backend nonsense/ });
	for (const address of ['unix:s', `unix:/${'s'.repeat(200)}`])
		t.throws(() => changes.add('eu', { address }, AUTHOR), { code: 'refused', message: /address: the path has/ });
	const place = parsePlace('pool eu');
	t.throws(() => changes.setShaping(place, { upload: '5 apples' }, AUTHOR), { code: 'refused', message: /5 apples/ });
	t.throws(() => changes.setShaping(place, { upload: '1bit/s' }, AUTHOR), { code: 'refused', message: /too slow/ });
	t.equal(changes.size, 0);
	t.end();
});

test('rates of every kind of place can be set, lifted, and left as they are', (t) => {
	const { changes, config } = changed((changes) => {
		changes.setShaping(parsePlace('listener game'), { upload: '8Mbit/s' }, AUTHOR);
		changes.setShaping(parsePlace('region eu'), { download: { rate: '80Mbit/s', burst: '1MiB' } }, AUTHOR);
		changes.setShaping(parsePlace('pool eu'), { upload: '8Mbit/s', download: null }, AUTHOR);
		changes.setShaping(parsePlace('backend eu/a'), { upload: '16Mbit/s' }, AUTHOR);
		changes.setShaping(parsePlace('backend eu/a'), { download: '24Mbit/s' }, AUTHOR);
	});
	const [listener] = config.listeners;
	t.match(listener?.shaping.upload, { listener: { bytesPerSecond: 1_000_000 }, client: { bytesPerSecond: 125_000 } });
	t.match(config.geo.regions.eu, { download: { bytesPerSecond: 10_000_000, burstBytes: 1_048_576 } });
	t.match(config.pools[0]?.upload, { bytesPerSecond: 1_000_000 });
	t.equal(config.pools[0]?.download, undefined);
	t.match(config.pools[0]?.backends[0], { upload: { bytesPerSecond: 2e6 }, download: { bytesPerSecond: 3e6 } });
	t.same(changes.ofBackend('eu', 'a').sort(), ['download', 'upload']);
	t.same(changes.ofPlace('pool', 'eu'), ['upload', 'download']);
	t.ok(changes.list().some(({ target, value }) => target === 'region eu' && value === '80Mbit/s, burst 1MiB'));
	t.end();
});

test('places are named by kind and name', (t) => {
	t.ok(hasPlace(CONFIG, parsePlace('backend eu/a')));
	t.notOk(hasPlace(CONFIG, parsePlace('backend eu/z')));
	t.notOk(hasPlace(CONFIG, parsePlace('region us')));
	for (const text of ['', 'eu', 'house eu', 'pool']) t.throws(() => parsePlace(text), { code: 'not-found' });
	t.end();
});

test('what is stored is read again as it was', (t) => {
	const { changes } = changed((changes) => {
		changes.setWeight('eu', 'a', 7, AUTHOR);
		changes.setState('eu', 'b', 'draining', AUTHOR);
		changes.add('eu', { address: '127.0.0.1:3', backup: true }, AUTHOR);
		changes.setShaping(parsePlace('pool eu'), { upload: '8Mbit/s', download: null }, AUTHOR);
	});
	const again = RuntimeChanges.parse(changes.text);
	t.same(again.list(), changes.list());
	t.same(again.apply(CONFIG), changes.apply(CONFIG));
	t.same(changes.copy().apply(CONFIG), changes.apply(CONFIG));
	t.end();
});

test('a store that is not ours is told, not half read', (t) => {
	const cases = [
		'',
		'null',
		'{}',
		'{"version":2,"backends":[],"shaping":[]}',
		'{"version":1,"backends":[{}],"shaping":[]}',
	];
	for (const text of cases) t.throws(() => RuntimeChanges.parse(text), { code: 'state-invalid' }, text);
	t.throws(() => RuntimeChanges.parse('{"version":1,'), { message: /^not JSON/ }, 'one that was cut off');
	t.end();
});
