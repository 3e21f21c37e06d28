import type { EngineName } from '../support/engines.ts';
import { allTargets } from '../support/harness.ts';
import { configOf } from '../support/net-config.ts';
import { conformance } from '../support/net-rules.ts';
import { pass } from '../support/peers.ts';
import { download, houseOf, MBIT, near, shapedBy } from '../support/shaped.ts';

export function conform(engine: EngineName): void {
	conformance(
		{
			'a reload reaches live sessions within a second: limited, slower, faster, lifted': async (t, target) => {
				const house = await houseOf(t, target, (address) => configOf([address]));
				const session = await house.session();
				const flow = download(session);
				await flow.reached(50_000_000);
				const reload = (rate: string): Promise<void> =>
					house.balancer.reload(shapedBy({ download: { listener: rate } })(house.backend.address));
				await reload('16Mbit/s');
				await pass(500);
				const share = await flow.shareFromNow(16 * MBIT, 0.5);
				t.ok(share > 0.3 && share < 3, `limited within a second: ${share}`);
				await near(t, 'limited', () => flow.shareFromNow(16 * MBIT, 0.5));
				await reload('8kbit/s');
				await pass(600);
				const before = flow.bytes;
				await pass(500);
				t.ok(flow.bytes - before <= 1_536, `slow: ${flow.bytes - before} bytes in half a second`);
				await reload('16Mbit/s');
				const crawled = flow.bytes;
				await pass(1_000);
				t.ok(flow.bytes - crawled > 200_000, `faster within a second: ${flow.bytes - crawled} bytes`);
				await near(t, 'faster', () => flow.shareFromNow(16 * MBIT, 0.5));
				await house.balancer.reload(configOf([house.backend.address]));
				const lifted = flow.bytes;
				await pass(1_000);
				t.ok(flow.bytes - lifted > 10_000_000, `lifted: ${flow.bytes - lifted} bytes in a second`);
				session.client.destroy();
			},
		},
		allTargets([engine]),
		[engine],
	);
}
