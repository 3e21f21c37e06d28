import type { EngineName } from '../support/engines.ts';
import { allTargets } from '../support/harness.ts';
import { conformance, type Rules } from '../support/net-rules.ts';
import { FAMILIES, proxyHouse, RECEIVERS, SENDERS, VERSIONS, type Way } from '../support/proxy-house.ts';

/** Every pairing: each sender, and nobody, before the balancer; each receiver behind it, told in each version. */
const WAYS: readonly Way[] = FAMILIES.flatMap((family) =>
	[null, ...SENDERS].flatMap((sender) =>
		VERSIONS.flatMap((version) => RECEIVERS.map((receiver): Way => ({ family, sender, version, receiver }))),
	),
);

const RULES: Rules = {
	'HAProxy and nginx, before and behind: the last one is told who the client is, and what it connected to': async (
		t,
		target,
	) => {
		const { balancer, visit } = await proxyHouse(t, target);
		const clients: string[] = [];
		for (const way of WAYS) {
			const { told, client, destination } = await visit(way);
			t.strictSame(told, { client, destination }, Object.values(way).join(', '));
			clients.push(client);
		}
		t.equal(clients.length, 40);
		const records = await balancer.recorded(clients.length);
		t.strictSame(records.map(({ client }) => client).sort(), clients.sort(), 'and so are the records');
		const known = records.filter(({ listener }) => listener.startsWith('behind'));
		t.ok(known.length === 32 && known.every(({ client, peer }) => client !== peer), 'the peer is the sender');
		t.ok(records.every(({ outcome }) => outcome === 'completed'));
	},
};

export function conform(engine: EngineName): void {
	conformance(RULES, allTargets([engine]), [engine]);
}
