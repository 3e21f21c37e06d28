import * as z from 'zod';
import { BALANCE_ALGORITHMS } from '../../core/snapshot.ts';
import { MAX_QUEUE_SIZE } from '../../shared/queue-layout.ts';
import {
	about,
	backendAddress,
	count,
	duration,
	ipAddress,
	maxConnections,
	name,
	rates,
	section,
	share,
} from './fields.ts';
import { bucket } from './fields-shaping.ts';
import { health } from './schema-health.ts';
import { poolTls, proxyProtocolOut, proxyTlvs } from './schema-tls.ts';

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

const queue = section({
	size: count(1, MAX_QUEUE_SIZE).meta(
		about('How many may wait at once; who comes then is refused with `pool-full`.', 200),
	),
	timeout: duration({ atLeast: 1, atMost: 86_400_000 })
		.prefault('5s')
		.meta(about('How long a client waits at most; then it is refused with `queue-timeout`.', '10s')),
	first: z
		.boolean()
		.default(false)
		.meta(
			about('Wait here before going to the next pool of the route. `false`: wait only when no pool has room.', true),
		),
});

export const backend = section({
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
	upload: bucket().meta(about('What clients may send to it, all together.', '100Mbit/s', 'unlimited')),
	download: bucket().meta(about('What it may send to clients, all together.', '400Mbit/s', 'unlimited')),
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
	queue: queue
		.optional()
		.meta(
			about(
				'Clients wait here while every backend is full, and get the places that become free, oldest first, whichever worker they came to.',
				{ size: 200, timeout: '5s' },
				'no queue: refused, or on to the next pool',
			),
		),
	connectTimeout: duration({ atLeast: 1, atMost: 600_000 })
		.prefault('5s')
		.meta(
			about(
				'How long a connect to a backend may take; so long again its answer to SSLRequest, and its TLS handshake.',
				'2s',
			),
		),
	proxyProtocol: proxyProtocolOut.meta(
		about(
			"The header that tells backends who the client is, before anything else: `none`, or the PROXY protocol's `v1` or `v2`.",
			'v2',
		),
	),
	proxyTlvs: proxyTlvs.meta(
		about(
			'What a `v2` header says besides: `authority` (the server name asked for), `alpn`, `ssl` (version, cipher, name of the client certificate), `unique-id` (one for each session) and `crc32c`.',
			['authority', 'alpn', 'ssl', 'unique-id'],
		),
	),
	sourceAddress: ipAddress()
		.optional()
		.meta(about('Local IP address of the connections to backends.', '10.0.0.5', "the system's choice")),
	resolve: duration({ atLeast: 1_000, atMost: 86_400_000 })
		.prefault('30s')
		.meta(about('How often host names of backends are looked up again.', '5m')),
	tls: poolTls
		.optional()
		.meta(
			about(
				'Backends are spoken to in TLS. Listeners with routes to such a pool run on the node engine, whatever `engine` says.',
				{ ca: 'certs/ca.pem' },
				'plain TCP, or whatever clients speak',
			),
		),
	health: health.prefault({}).meta(
		about('When a backend gets no new sessions because it is broken. Sessions that it has go on.', {
			active: { interval: '2s' },
			passive: 'off',
		}),
	),
	panicBelow: share()
		.default(0)
		.meta(
			about(
				'When every pool of a route is down and less than this share of this one (of its backends with a weight) is not, health is ignored: better a try than none. 0: never.',
				0.3,
			),
		),
	upload: bucket().meta(about('What clients may send to the pool, all together.', '1Gbit/s', 'unlimited')),
	download: bucket().meta(
		about('What the pool may send to clients, all together.', { rate: '4Gbit/s', burst: '8MiB' }, 'unlimited'),
	),
	backends: z
		.array(backend)
		.min(1)
		.max(65_536)
		.meta(about('The servers.', [{ address: '10.1.0.1:7000' }])),
});
