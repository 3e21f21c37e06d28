import type { EngineName } from '../support/engines.ts';
import { jainsIndex } from '../support/flows.ts';
import { allTargets } from '../support/harness.ts';
import { conformance } from '../support/net-rules.ts';
import { pass, until } from '../support/peers.ts';
import { download, houseOf, MBIT, near, SLOW, SLOW_BURST, shapedBy } from '../support/shaped.ts';

export function conform(engine: EngineName): void {
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
				await near(t, 'the one that is left', async () => (await flows[0]?.shareFromNow(rate, 1)) ?? 0);
				sessions[0]?.client.destroy();
			},

			'a client has one bucket for all its connections, and each client its own': async (t, target) => {
				const { session } = await houseOf(t, target, shapedBy({ download: { client: SLOW } }));
				const sessions = [await session('127.0.0.1'), await session('127.0.0.1'), await session('127.0.0.2')];
				const [first, second, other] = sessions.map(download);
				await Promise.all([
					first?.reached(SLOW_BURST / 4),
					second?.reached(SLOW_BURST / 4),
					other?.reached(SLOW_BURST),
				]);
				const pair = (): number => (first?.bytes ?? 0) + (second?.bytes ?? 0);
				await near(t, 'two of one address together, against the one alone at its own', async () => {
					const before = [pair(), other?.bytes ?? 0] as const;
					await other?.shareFromNow(MBIT, 1);
					return (pair() - before[0]) / ((other?.bytes ?? 0) - before[1]);
				});
				await near(t, 'alone at its address', async () => (await other?.shareFromNow(MBIT, 1)) ?? 0);
				for (const { client } of sessions) client.destroy();
			},
		},
		allTargets([engine]),
		[engine],
	);
}
