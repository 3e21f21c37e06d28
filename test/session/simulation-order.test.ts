import t from 'tap';
import type { ListenerSnapshot, PoolSnapshot, Snapshot } from '../../src/core/snapshot.ts';
import { SimulatedHouse } from '../support/simulated-house.ts';
import { Simulation } from '../support/simulation.ts';
import { PASSTHROUGH } from '../support/tls-terms.ts';

/** What is seen to be wrong when sessions take the configuration to be this one. */
function faultsOf(misread: (snapshot: Snapshot) => Snapshot): readonly string[] {
	const options = { seed: 5, sessions: 3_000, workers: 2, misread, stopAtFault: true };
	return new Simulation(new SimulatedHouse(options.workers, options.seed), options).run().faults;
}

const listeners =
	(change: (listener: ListenerSnapshot) => Partial<ListenerSnapshot>) =>
	(snapshot: Snapshot): Snapshot => ({
		...snapshot,
		listeners: snapshot.listeners.map((listener) => ({ ...listener, ...change(listener) })),
	});

const pools =
	(change: (pool: PoolSnapshot) => Partial<PoolSnapshot>) =>
	(snapshot: Snapshot): Snapshot => ({
		...snapshot,
		pools: snapshot.pools.map((pool) => ({ ...pool, ...change(pool) })),
	});

/** What a session that left out a step would do, and what is seen of it. */
const PLANTED: Readonly<Record<string, [misread: (snapshot: Snapshot) => Snapshot, seen: RegExp]>> = {
	'that reads no header': [listeners(() => ({ proxyProtocol: null })), /a connect before the header was read/],
	'that reads no hello': [listeners(() => ({ tls: null })), /a connect before (the hello had come|TLS was taken off)/],
	'that takes off no TLS': [
		listeners(({ tls }) => ({ tls: tls?.mode === 'terminate' ? { ...PASSTHROUGH, startTls: tls.startTls } : tls })),
		/a connect before TLS was taken off/,
	],
	'that speaks in the clear with a backend': [pools(() => ({ tls: null })), /a relay in the clear/],
	'that does not ask a backend for TLS first': [
		pools(({ tls }) => ({ tls: tls === null ? null : { ...tls, startTls: null } })),
		/TLS before the backend was asked/,
	],
	'that tells a backend nothing of its client': [pools(() => ({ proxyProtocol: null })), /not as us has it/],
	'that tells of clients unasked': [
		pools(() => ({ proxyProtocol: { version: 'v1', tlvs: [] } })),
		/not as (us|eu) has it/,
	],
};

t.test('as configured, the steps are in order', async (t) => {
	t.same(
		faultsOf((snapshot) => snapshot),
		[],
	);
});

for (const [name, [misread, seen]] of Object.entries(PLANTED)) {
	t.test(`a planted session ${name} is caught`, async (t) => t.match(faultsOf(misread).join('\n'), seen));
}
