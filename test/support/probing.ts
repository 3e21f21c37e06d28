import type { ProbeRequest, ProbeResult } from '../../src/control/probe/request.ts';
import { Probes } from '../../src/control/probes.ts';
import type { SocketTarget } from '../../src/core/address.ts';
import type { Teardown } from './echo.ts';
import { targetOf } from './peers.ts';

const target = (address: string): SocketTarget => {
	const where = targetOf(address);
	return 'path' in where ? { type: 'unix', path: where.path } : { type: 'tcp', ...where };
};

/** A probe that connects, from no place, without TLS. */
export const probeRequest = (address: string, more: Partial<ProbeRequest> = {}): ProbeRequest => ({
	lane: 'good',
	probe: { type: 'tcp' },
	target: target(address),
	hostName: null,
	sourceAddress: null,
	proxyProtocol: null,
	tls: null,
	timeoutMs: 10_000,
	...more,
});

/** Probes that end with the test. */
export function prober(t: Teardown, maxOpen?: number) {
	const probes = new Probes(maxOpen);
	t.teardown(() => probes.close());
	const run = (address: string, more: Partial<ProbeRequest> = {}): Promise<ProbeResult> =>
		new Promise((resolve) => probes.probe(probeRequest(address, more), resolve));
	return { probes, run };
}

export const GOOD: ProbeResult = { type: 'good' };
export const bad = (reason: string): ProbeResult => ({ type: 'bad', reason });
