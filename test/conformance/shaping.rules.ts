import { echo, startBackend } from '../support/echo.ts';
import type { EngineName } from '../support/engines.ts';
import { flood } from '../support/flows.ts';
import type { TestConfig } from '../support/harness.ts';
import { engineTargets } from '../support/harness.ts';
import { configOf } from '../support/net-config.ts';
import { conformance } from '../support/net-rules.ts';
import { dial, digestOf, pass, patternOf, peerOf } from '../support/peers.ts';
import { download, houseOf, KBIT, MBIT, near, SLOW, SLOW_BURST, shapedBy, upload } from '../support/shaped.ts';

/** A bucket at one level, both directions, and nothing anywhere else. */
const LEVELS: Readonly<Record<string, (address: string) => TestConfig>> = {
	connection: shapedBy({ upload: { connection: SLOW }, download: { connection: SLOW } }),
	client: shapedBy({ upload: { client: SLOW }, download: { client: SLOW } }),
	listener: shapedBy({ upload: { listener: SLOW }, download: { listener: SLOW } }),
	backend: (address) => configOf([{ address, upload: SLOW, download: SLOW }]),
	pool: (address) => configOf([address], { pool: { upload: SLOW, download: SLOW } }),
	region: (address) => ({
		...configOf([address]),
		geo: {
			regions: { here: { countries: ['DE'], upload: SLOW, download: SLOW } },
			overrides: [{ network: '127.0.0.0/8', country: 'DE' }],
		},
	}),
};

/** The share that is farthest from 1. */
const farthest = (shares: readonly number[]): number =>
	shares.reduce((worst, share) => (Math.abs(share - 1) > Math.abs(worst - 1) ? share : worst), 1);

export function conform(engine: EngineName): void {
	conformance(
		{
			'a bucket at any level holds both directions to its rate': async (t, target) => {
				for (const [level, config] of Object.entries(LEVELS)) {
					await near(t, `${level}, the worse of upload and download`, async () => {
						const session = await (await houseOf(t, target, config)).session();
						const flows = [upload(session), download(session)];
						const shares = await Promise.all(flows.map((flow) => flow.shareOf(MBIT, SLOW_BURST, 0.5)));
						session.client.destroy();
						return farthest(shares);
					});
				}
			},

			'slow and fast rates are kept from the first byte on': async (t, target) => {
				const cases = [
					{ rate: '64kbit/s', burst: '4KiB', bytesPerSecond: 64 * KBIT, burstBytes: 4_096, seconds: 1.5 },
					{ rate: '10Mbit/s', burst: '128KiB', bytesPerSecond: 10 * MBIT, burstBytes: 131_072, seconds: 0.7 },
					{ rate: '200Mbit/s', burst: '5MiB', bytesPerSecond: 200 * MBIT, burstBytes: 5 * 2 ** 20, seconds: 0.7 },
				];
				for (const { rate, burst, bytesPerSecond, burstBytes, seconds } of cases) {
					const config = shapedBy({ download: { connection: { rate, burst } } });
					await near(t, rate, async () => {
						const session = await (await houseOf(t, target, config)).session();
						const share = await download(session).shareOf(bytesPerSecond, burstBytes, seconds);
						session.client.destroy();
						return share;
					});
				}
			},

			'the narrowest bucket of the chain decides': async (t, target) => {
				const config = shapedBy(
					{ download: { connection: '20Mbit/s', client: '8Mbit/s', listener: '40Mbit/s' } },
					{ pool: { download: SLOW } },
				);
				await near(t, 'the pool', async () => {
					const session = await (await houseOf(t, target, config)).session();
					const share = await download(session).shareOf(MBIT, SLOW_BURST, 0.6);
					session.client.destroy();
					return share;
				});
			},

			'a throttled direction is not idle; when it is done, idle time begins': async (t, target) => {
				const crawl = { rate: '8kbit/s', burst: '1KiB' };
				const config = shapedBy({ download: { connection: crawl } }, { listener: { timeouts: { idle: '150ms' } } });
				const { balancer, session } = await houseOf(t, target, config);
				const { client, server } = await session();
				const peer = peerOf(client);
				server.write(patternOf(2_600));
				t.equal(await peer.ending(), 'fin');
				t.equal(peer.bytes, 2_600, 'all of it came, at 512 bytes each half second');
				client.end();
				server.end();
				const [record] = await balancer.recorded(1);
				t.equal(record?.outcome, 'idle-timeout');
				const throttled = record?.throttledMs ?? 0;
				t.ok(throttled > 900 && throttled < 2_500, `throttled for ${throttled} ms`);
			},

			'a throttled direction keeps a half-closed session alive, and its FIN comes after all bytes': async (
				t,
				target,
			) => {
				const crawl = { rate: '8kbit/s', burst: '1KiB' };
				const config = shapedBy({ upload: { connection: crawl } }, { listener: { timeouts: { halfClose: '150ms' } } });
				const { balancer, session } = await houseOf(t, target, config);
				const { client, server } = await session();
				const [here, there] = [peerOf(client), peerOf(server)];
				there.fin();
				t.equal(await here.ending(), 'fin');
				here.send(patternOf(2_600));
				here.fin();
				t.equal(await there.ending(), 'fin');
				t.equal(there.digest, digestOf(patternOf(2_600)));
				t.match(await balancer.recorded(1), [{ outcome: 'completed', uploadBytes: 2_600 }]);
			},

			'what is read stops with what may pass: the sender is slowed down': async (t, target) => {
				const { session } = await houseOf(
					t,
					target,
					shapedBy({ upload: { connection: { rate: '64kbit/s', burst: '4KiB' } } }),
				);
				const { client, server } = await session();
				server.resume();
				const size = 40_000_000;
				for (let sent = 0; sent < size; sent += 1_000_000) client.write(Buffer.alloc(1_000_000));
				await pass(500);
				const taken = size - client.writableLength;
				t.ok(taken > 0 && taken < 16_000_000, `${taken} bytes are in the kernel's buffers and ours`);
				client.destroy();
			},

			'bytes come through small buckets whole and in order, both ways': async (t, target) => {
				const tight = { rate: '80Mbit/s', burst: '1KiB' };
				const backend = await startBackend(t, { onClient: echo });
				const balancer = await target.start(
					t,
					configOf([backend.address], {
						listener: { shaping: { upload: { client: tight }, download: { listener: tight } } },
					}),
				);
				const data = patternOf(3_000_001);
				const client = await dial(t, balancer.address());
				client.send(data);
				client.fin();
				t.equal(await client.ending(), 'fin');
				t.equal(client.digest, digestOf(data));
				const [record] = await balancer.recorded(1);
				t.match(record, { outcome: 'completed', uploadBytes: data.length, downloadBytes: data.length });
				t.ok((record?.throttledMs ?? 0) > 100, 'most of the time it was held back');
			},

			'a reset of the other side is seen while a direction is throttled': async (t, target) => {
				const { balancer, session } = await houseOf(t, target, shapedBy({ upload: { connection: '8kbit/s' } }));
				const { client, server } = await session();
				const here = peerOf(client);
				here.send(patternOf(200_000));
				await pass(100);
				server.resetAndDestroy();
				t.equal(await here.ending(), 'reset');
				const [record] = await balancer.recorded(1);
				t.equal(record?.outcome, 'backend-reset');
				t.ok((record?.durationMs ?? 0) < 2_000);
			},

			'without limits nothing is held back; a session that ends while it waits leaves no debt': async (t, target) => {
				const free = await houseOf(t, target, (address) => configOf([address]));
				const one = await free.session();
				const flow = download(one);
				await flow.reached(20_000_000);
				one.client.destroy();
				t.match(await free.balancer.recorded(1), [{ throttledMs: 0 }]);

				const tight = await houseOf(
					t,
					target,
					shapedBy({ download: { listener: { rate: '64kbit/s', burst: '1KiB' } } }),
				);
				const sessions = await Promise.all(Array.from({ length: 20 }, () => tight.session()));
				for (const { server } of sessions) flood(server);
				await pass(100);
				for (const { client } of sessions) client.resetAndDestroy();
				await tight.balancer.recorded(20);
				const next = download(await tight.session());
				const startMs = performance.now();
				await next.reached(1);
				t.ok(performance.now() - startMs < 600, `served after ${performance.now() - startMs} ms, not behind 20 ghosts`);
			},
		},
		engineTargets([engine]),
		[engine],
	);
}
