import t from 'tap';
import { explain } from '../../src/policy/explain.ts';
import { makeGeoReader } from '../../src/policy/geo.ts';
import { formatBandwidth } from '../../src/policy/shaping.ts';
import { at } from '../../src/policy/world.ts';
import { clientLimits } from '../support/scoreboards.ts';
import { ip } from '../support/session-bench.ts';
import { type SnapshotSpec, snapshotOf } from '../support/snapshots.ts';

const bucket = (bytesPerSecond: number, burstBytes: number) => ({ bytesPerSecond, burstBytes });

const SHAPED: SnapshotSpec = {
	overrides: { '192.0.2.0/24': 'DE' },
	regions: [{ name: 'eu', countries: ['DE'], shaping: { upload: null, download: bucket(125e6, 12.5e6) } }],
	pools: [
		{
			name: 'out',
			shaping: { upload: null, download: bucket(1_000, 500) },
			backends: [{ name: 'b', shaping: { upload: bucket(12_500, 2_097_152), download: null } }],
		},
	],
	listeners: [
		{
			name: 'in',
			perClient: clientLimits(0),
			shaping: {
				listener: { upload: null, download: bucket(1.25e9, 4_096) },
				client: { upload: bucket(250_000, 65_536), download: bucket(250_000, 65_536) },
				connection: { upload: null, download: bucket(1_250_000, 262_144) },
			},
		},
	],
};

function relayTexts(spec: SnapshotSpec, client: string): string[] {
	const snapshot = snapshotOf(spec);
	const live = {
		active: () => 0,
		hasRoom: () => true,
		health: () => 'up' as const,
		peekTurn: () => 0,
		waiting: () => 0,
		/** Region full, backend half, pool promised for two seconds. */
		bucketLevel: (_slot: unknown, _direction: unknown, { burstBytes }: { burstBytes: number }) =>
			burstBytes === 500 ? -2_000 : burstBytes === 2_097_152 ? 1_048_576 : burstBytes,
		clientLevel: () => 100,
	};
	const parts = {
		live,
		geo: makeGeoReader(snapshot.geo, { country: () => null }),
		rng: () => 0.5,
		nowNs: 0,
		sni: null,
		alpn: [],
	};
	const { clients } = explain(snapshot, at(snapshot.listeners, 0), [ip(client)], parts);
	return at(clients, 0).steps.flatMap(({ stage, text }) => (stage === 'relay' ? [text] : []));
}

t.test(
	'explain tells the buckets of each direction, from the connection outward, with what stands in them',
	async (t) => {
		t.same(relayTexts(SHAPED, '192.0.2.7'), [
			'upload: client 2Mbit/s, burst 64KiB (100B left); backend b 100kbit/s, burst 2MiB (1MiB left)',
			'download: connection 10Mbit/s, burst 256KiB (full); client 2Mbit/s, burst 64KiB (100B left); pool out 8kbit/s, burst 500B (in use for the next 2000 ms); region eu 1Gbit/s, burst 11.921MiB (full); listener in 10Gbit/s, burst 4KiB (full)',
		]);
	},
);

t.test('of an unshaped direction it says so, and nothing when neither is shaped', async (t) => {
	const shaping = { upload: bucket(1_000, 1_024), download: null };
	t.same(relayTexts({ pools: [{ name: 'out', shaping }] }, '192.0.2.7'), [
		'upload: pool out 8kbit/s, burst 1KiB (full)',
		'download: unlimited',
	]);
	t.same(relayTexts({}, '192.0.2.7'), []);
});

t.test('a bandwidth is written as the configuration has it', async (t) => {
	for (const [bytes, text] of [
		[8_000, '64kbit/s'],
		[125_000, '1Mbit/s'],
		[156_250, '1.25Mbit/s'],
		[12.5e9, '100Gbit/s'],
		[10, '80bit/s'],
	] as const) {
		t.equal(formatBandwidth(bytes), text);
	}
});
