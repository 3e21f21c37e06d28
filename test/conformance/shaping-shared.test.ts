import { jainsIndex } from '../support/flows.ts';
import { allTargets } from '../support/harness.ts';
import { configOf } from '../support/net-config.ts';
import { conformance } from '../support/net-rules.ts';
import { pass, until } from '../support/peers.ts';
import { download, houseOf, MBIT, near, SLOW, SLOW_BURST, shapedBy } from '../support/shaped.ts';

conformance(
	{
		'sessions share a bucket equally, and use what one leaves': async (t, target) => {
			const rate = 8 * MBIT;
			const { session } = await houseOf(
				t,
				target,
				shapedBy({ download: { listener: { rate: '8Mbit/s', burst: '64KiB' } } }),
			);
			const sessions = await Promise.all(Array.from({ length: 4 }, () => session()));
			const flows = sessions.map(download);
			const total = (): number => flows.reduce((sum, { bytes }) => sum + bytes, 0);
			await until('the burst is spent', () => total() > 65_536 + rate * 0.2);
			const before = flows.map(({ bytes }) => bytes);
			await until('a second of it', () => total() > 65_536 + rate * 1.2);
			const index = jainsIndex(flows.map(({ bytes }, i) => bytes - (before[i] ?? 0)));
			t.ok(index >= 0.98, `Jain's index ${index.toFixed(4)}`);
			for (const { client } of sessions.slice(1)) client.destroy();
			await pass(200);
			near(t, (await flows[0]?.shareFromNow(rate, 1)) ?? 0, 'the one that is left');
			sessions[0]?.client.destroy();
		},

		'a client has one bucket for all its connections, and each client its own': async (t, target) => {
			const { session } = await houseOf(t, target, shapedBy({ download: { client: SLOW } }));
			const sessions = [await session('127.0.0.1'), await session('127.0.0.1'), await session('127.0.0.2')];
			const [first, second, other] = sessions.map(download);
			near(t, (await other?.shareOf(MBIT, SLOW_BURST, 1)) ?? 0, 'alone at its address');
			const elapsed = ((first?.lastMs ?? 0) - (first?.firstMs ?? 0)) / 1_000;
			near(
				t,
				((first?.bytes ?? 0) + (second?.bytes ?? 0) - SLOW_BURST) / (MBIT * elapsed),
				'two of one address together',
			);
			for (const { client } of sessions) client.destroy();
		},

		'a reload reaches live sessions within a second: limited, slower, faster, lifted': async (t, target) => {
			const house = await houseOf(t, target, (address) => configOf([address]));
			const session = await house.session();
			const flow = download(session);
			await flow.reached(50_000_000);
			const reload = (rate: string): Promise<void> =>
				house.balancer.reload(shapedBy({ download: { listener: rate } })(house.backend.address));
			await reload('16Mbit/s');
			await pass(600);
			near(t, await flow.shareFromNow(16 * MBIT, 0.5), 'limited');
			await reload('8kbit/s');
			await pass(600);
			const before = flow.bytes;
			await pass(500);
			t.ok(flow.bytes - before <= 1_536, `slow: ${flow.bytes - before} bytes in half a second`);
			await reload('16Mbit/s');
			await pass(600);
			near(t, await flow.shareFromNow(16 * MBIT, 0.5), 'faster');
			await house.balancer.reload(configOf([house.backend.address]));
			const lifted = flow.bytes;
			await pass(1_000);
			t.ok(flow.bytes - lifted > 50_000_000, `lifted: ${flow.bytes - lifted} bytes in a second`);
			session.client.destroy();
		},
	},
	allTargets(),
);
