import * as z from 'zod';
import type { ScriptStep } from '../../core/snapshot.ts';
import { about, count, duration, listed, oneOrMore, section, share, textForm } from './fields.ts';
import { parsed, wrong } from './units.ts';
import { quote } from './wording.ts';

const OR_OFF = { error: 'expected keys and values, or off' };

/** Of a probe's conversation. */
const MAX_STEPS = 32;
const MAX_STEP_BYTES = 4_096;

const httpPath = () =>
	textForm<string>({
		unit: 'path of a URL',
		expected: 'a path such as /healthz',
		parse: (text) =>
			/^\/[\x21-\x7e]{0,2000}$/.test(text)
				? parsed(text)
				: wrong(`${quote(text)} is not the path of a URL: a slash, then letters and signs of ASCII, no spaces`),
	});

const statusCodes = () => oneOrMore(count(100, 599), 64).transform(listed).meta({ unit: 'status code, or a list' });

/** Each character is one byte, so that any byte can be written: `"\\xd2"`. */
const probeBytes = () =>
	textForm<string>({
		unit: 'bytes as text',
		expected: 'text such as "PING\\r\\n"',
		parse: (text) => {
			if (text === '') return wrong('is empty');
			if (text.length > MAX_STEP_BYTES) return wrong(`is too long: at most ${MAX_STEP_BYTES} bytes`);
			return /^[\0-\xff]*$/.test(text)
				? parsed(text)
				: wrong(`${quote(text)}: each character is one byte, \\x00 to \\xff; write others byte by byte`);
		},
	});

const scriptStep = section({
	send: probeBytes()
		.optional()
		.meta(
			about('What is sent; each character is one byte, such as `\\r` and `\\xff` in quotes.', 'PING\r\n', 'nothing'),
		),
	expect: probeBytes()
		.optional()
		.meta(about('What must come, after anything else or at once; each character is one byte.', '+PONG', 'nothing')),
}).transform(({ send, expect }, context): ScriptStep => {
	if (send !== undefined && expect === undefined) return { send };
	if (expect !== undefined && send === undefined) return { expect };
	context.addIssue({ code: 'custom', message: 'a step is one of send and expect' });
	return z.NEVER;
});

const active = z
	.union(
		[
			section({
				type: z
					.enum(['tcp', 'tls', 'http', 'script'])
					.default('tcp')
					.meta(
						about(
							"What a probe does once it is connected: `tcp` nothing more; `tls` a handshake; `http` a GET; `script` a conversation. With the pool's `tls`, the last two speak TLS.",
							'http',
						),
					),
				path: httpPath()
					.optional()
					.meta(about('With `http`: what is asked for.', '/healthz', '`/`')),
				status: statusCodes()
					.optional()
					.meta(about('With `http`: the status codes that are good, one or a list.', [200, 204], '`200`')),
				steps: z
					.array(scriptStep)
					.min(1)
					.max(MAX_STEPS)
					.optional()
					.meta(
						about(
							'With `script`: what is sent and what must come back, in this order. Required there.',
							[{ send: 'PING\r\n' }, { expect: '+PONG' }],
							'none',
						),
					),
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
