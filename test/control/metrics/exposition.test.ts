import { test } from 'tap';
import { Exposition } from '../../../src/control/metrics/exposition.ts';
import { METRICS } from '../../../src/control/metrics/names.ts';
import { type MetricSources, takeReadings } from '../../../src/control/metrics/readings.ts';
import { POOL, QUIET, STATUS } from '../../support/fake-operations.ts';

const sources = (given: Partial<MetricSources> = {}): MetricSources => ({
	status: () => STATUS,
	ready: true,
	listeners: () => [
		{
			name: 'game',
			addresses: [],
			engine: 'epoll',
			active: 3,
			maxConnections: null,
			sessions: 12,
			sessionsPerSecond: 0,
			refused: 1,
			traffic: { ...QUIET, uploadBytes: 5, downloadBytes: 6 },
			tls: null,
			clientTable: { size: 100, peak: 7, evicted: 2, overflowed: 0 },
			changed: [],
		},
	],
	regions: () => [{ name: 'eu', active: 1, maxConnections: null, sessions: 4, traffic: QUIET, changed: [] }],
	pools: () => [POOL],
	buckets: () => [{ place: 'pool eu', direction: 'upload', bytesPerSecond: 100, burstBytes: 200, levelBytes: -50 }],
	totals: () => [{ name: 'sluice_tls_handshakes_total', labels: ['full'], value: 7 }],
	histograms: () => [
		{ name: 'sluice_connect_duration_seconds', bounds: [0.1, 1], totals: { counts: [1, 2, 3], sum: 9.5 } },
	],
	...given,
});

const linesOf = async (given: Partial<MetricSources> = {}): Promise<string[]> =>
	(await new Exposition(sources(given)).text()).text.split('\n');

test('values stand with their labels', async (t) => {
	const lines = await linesOf();
	for (const line of [
		'sluice_build_info{version="0.0.0",engine="epoll"} 1',
		'sluice_sessions_total{outcome="completed"} 9',
		'sluice_listener_bytes_total{listener="game",direction="upload"} 5',
		'sluice_listener_client_evictions_total{listener="game"} 2',
		'sluice_region_sessions_total{region="eu"} 4',
		'sluice_pool_healthy{pool="eu"} 1',
		'sluice_backend_up{pool="eu",backend="eu-1"} 1',
		'sluice_bucket_fill{place="pool eu",direction="upload"} -0.25',
		'sluice_tls_handshakes_total{result="full"} 7',
	])
		t.ok(lines.includes(line), line);
});

test('histograms are cumulative and end with what is above all bounds', async (t) => {
	const lines = (await linesOf()).filter((line) => line.startsWith('sluice_connect_duration_seconds'));
	t.same(lines, [
		'sluice_connect_duration_seconds_bucket{le="0.1"} 1',
		'sluice_connect_duration_seconds_bucket{le="1"} 3',
		'sluice_connect_duration_seconds_bucket{le="+Inf"} 6',
		'sluice_connect_duration_seconds_sum 9.5',
		'sluice_connect_duration_seconds_count 6',
	]);
});

test('names of a configuration cannot break the format', async (t) => {
	const name = 'a"b\\c\nd';
	const lines = await linesOf({ pools: () => [{ ...POOL, name, backends: [] }] });
	t.ok(lines.includes('sluice_pool_healthy{pool="a\\"b\\\\c\\nd"} 0'));
});

test('a reading without its labels is a fault of ours, and seen', async (t) => {
	const wrong = { totals: () => [{ name: 'sluice_reloads_total' as const, labels: [], value: 1 }] };
	await t.rejects(linesOf(wrong), RangeError);
});

test('names keep to the rules of Prometheus and to ours', (t) => {
	for (const [name, { type, labels, help }] of Object.entries(METRICS)) {
		t.match(name, /^(?:sluice|process)_[a-z0-9_]+$/);
		t.equal(name.endsWith('_total'), type === 'counter', `${name} is a ${type}`);
		t.match(help, /^[A-Z0-9].*\.$/, `${name} says what it is`);
		const kind = /^sluice_(listener|region|pool|backend)_/.exec(name)?.[1];
		const expected = kind === 'backend' ? ['pool', 'backend'] : kind === undefined ? [] : [kind];
		t.same(labels.slice(0, expected.length), expected, `${name} is labelled by its place`);
	}
	t.end();
});

test('every reading belongs to a metric of the list', (t) => {
	for (const { name } of takeReadings(sources())) t.ok(name in METRICS, name);
	t.end();
});
