import * as z from 'zod';
import { BALANCE_ALGORITHMS } from '../../core/snapshot.ts';
import { about, backendAddress, count, duration, ipAddress, maxConnections, name, rates, section } from './fields.ts';

const ALGORITHMS =
	'`round-robin` (smooth, weighted), `least-connections` (weighted), `random` (the less busy of two), `first` (in file order) or `ip-hash` (the same client, the same backend).';

const algorithm = () => z.enum(BALANCE_ALGORITHMS);

/** A name alone, or the long form, which later keys join. */
const balance = z
	.union([
		algorithm().transform((chosen) => ({ algorithm: chosen })),
		section({ algorithm: algorithm().meta(about(ALGORITHMS, 'ip-hash')) }),
	])
	.prefault('round-robin');

const retries = section({
	attempts: count(0, 100)
		.default(2)
		.meta(about('Tries after the first, on another backend first. Never after a byte was sent.', 3)),
	backoff: duration({ atLeast: 0, atMost: 60_000 })
		.prefault('100ms')
		.meta(about('Wait before the first retry; doubles each time, jittered.', '50ms')),
	maxBackoff: duration({ atLeast: 0, atMost: 600_000 })
		.prefault('2s')
		.meta(about('The longest wait between tries.', '1s')),
});

const backend = section({
	name: name()
		.optional()
		.meta(about('What logs call it; unique in its pool. `ip-hash` hashes it.', 'eu-1', 'the address')),
	address: backendAddress().meta(
		about(
			'`host:port`, `[v6]:port` or `unix:/path`. Each address of a host name becomes a backend of its own with the same weight and caps, called `name/address` when there are several.',
			'10.1.0.1:7000',
		),
	),
	weight: count(0, 256).default(1).meta(about('Its share against the others; 0 takes no new sessions.', 2)),
	maxConnections: maxConnections()
		.optional()
		.meta(about('Sessions on it at once, all workers together; exact.', 500, 'no cap')),
	rate: rates().meta(about('New sessions on it; of a list, all must hold.', '100/s', 'no limit')),
	backup: z
		.boolean()
		.default(false)
		.meta(about('Used only while no other backend of the pool can take a session.', true)),
});

export const pool = section({
	name: name().meta(about('What routes, logs and metrics call it; unique.', 'eu')),
	balance: balance.meta(
		about(`How a backend is chosen, by name or as \`{ algorithm: NAME }\`: ${ALGORITHMS}`, 'least-connections'),
	),
	retries: retries.prefault({}).meta(about('What happens when a backend cannot be reached.', { attempts: 1 })),
	connectTimeout: duration({ atLeast: 1, atMost: 600_000 })
		.prefault('5s')
		.meta(about('How long a connect to a backend may take.', '2s')),
	sourceAddress: ipAddress()
		.optional()
		.meta(about('Local IP address of the connections to backends.', '10.0.0.5', "the system's choice")),
	resolve: duration({ atLeast: 1_000, atMost: 86_400_000 })
		.prefault('30s')
		.meta(about('How often host names of backends are looked up again.', '5m')),
	backends: z
		.array(backend)
		.min(1)
		.max(65_536)
		.meta(about('The servers.', [{ address: '10.1.0.1:7000' }])),
});
