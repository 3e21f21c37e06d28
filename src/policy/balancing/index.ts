import type { BalanceAlgorithm } from '../../core/snapshot.ts';
import type { BalancedBackend, Balancer, BalancerFactory } from './contract.ts';
import { makeFirst } from './first.ts';
import { makeIpHash } from './ip-hash.ts';
import { makeLeastConnections } from './least-connections.ts';
import { makeRandom } from './random.ts';
import { makeRoundRobin } from './round-robin.ts';

const factories: Readonly<Record<BalanceAlgorithm, BalancerFactory>> = {
	'round-robin': makeRoundRobin,
	'least-connections': makeLeastConnections,
	random: makeRandom,
	first: makeFirst,
	'ip-hash': makeIpHash,
};

/** The algorithm's balancer for a pool; made once per snapshot and worker, as some precompute from the weights. */
export const makeBalancer = (algorithm: BalanceAlgorithm, backends: readonly BalancedBackend[]): Balancer =>
	factories[algorithm](backends);
