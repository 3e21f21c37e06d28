import * as z from 'zod';
import { about, count, duration, section, share } from './fields.ts';

const OR_OFF = { error: 'expected keys and values, or off' };

const active = z
	.union(
		[
			section({
				type: z
					.enum(['tcp'])
					.default('tcp')
					.meta(about('What a probe does: `tcp` connects, and closes when the backend has accepted.', 'tcp')),
				interval: duration({ atLeast: 100, atMost: 3_600_000 })
					.prefault('5s')
					.meta(about('From one probe of a backend to its next; each 10 % longer or shorter by chance.', '2s')),
				timeout: duration({ atLeast: 1, atMost: 600_000 })
					.prefault('2s')
					.meta(
						about(
							'How long a probe may take before it counts as failed; when that is longer than `interval`, the next one follows at once.',
							'1s',
						),
					),
				rise: count(1, 1_000)
					.default(2)
					.meta(about('Good probes in a row that turn a backend up. The very first result decides alone.', 3)),
				fall: count(1, 1_000).default(3).meta(about('Failed probes in a row that turn a backend down.', 2)),
				port: count(1, 65_535)
					.optional()
					.meta(
						about(
							"Where to probe instead of the backend's own port; not for unix sockets.",
							7001,
							"the backend's port",
						),
					),
			}),
			z.enum(['off']),
		],
		OR_OFF,
	)
	.prefault({ type: 'tcp' })
	.meta(
		about(
			'Probes of every backend, from the main thread: keys as below, or `off`; then every backend counts as up. A probe is a connection of its own: it does not count towards `maxConnections`.',
			{
				interval: '2s',
			},
		),
	);

const passive = z
	.union(
		[
			section({
				failures: count(1, 1_000_000)
					.default(5)
					.meta(
						about(
							'So many failures of sessions eject a backend: a connect refused, timed out or unreachable, or a reset within a second of the connect, before any byte had passed. Our own shortage of ports or descriptors does not count.',
							3,
						),
					),
				within: duration({ atLeast: 100, atMost: 3_600_000 })
					.prefault('10s')
					.meta(about('The time in which they have to come.', '5s')),
				eject: duration({ atLeast: 100, atMost: 86_400_000 })
					.prefault('20s')
					.meta(
						about(
							'How long it then gets no new sessions, whatever its probes say. Doubles with each ejection in a row, up to 10 times this; back to this once it did without for 10 times this.',
							'30s',
						),
					),
				maxEjected: share()
					.default(0.5)
					.meta(
						about(
							"Never more than this share of the pool's backends at once, rounded down: the only backend of a pool is never ejected, 1 of 2, 1 of 3.",
							0.3,
						),
					),
			}),
			z.enum(['off']),
		],
		OR_OFF,
	)
	.prefault({ failures: 5 })
	.meta(
		about(
			'What sessions meet decides too, long before the next probe: keys as below, or `off`; then nobody is ejected.',
			{ failures: 3, eject: '30s' },
		),
	);

export const health = section({ active, passive });
