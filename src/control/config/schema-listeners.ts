import * as z from 'zod';
import { REFUSAL_MANNERS } from '../../core/outcome.ts';
import {
	about,
	binds,
	count,
	country,
	duration,
	maxConnections,
	name,
	network,
	overflow,
	rates,
	section,
} from './fields.ts';
import { bucket } from './fields-shaping.ts';
import { alpn, listenerTls, proxyProtocolIn, sni } from './schema-tls.ts';

const HOLD_FOR =
	'How long `silent` keeps a refused connection unanswered and `tarpit` delays it. Of no effect with `close` and `reset`.';
const MANNERS =
	'How a refusal looks: `close` sends FIN, `reset` sends RST, `silent` answers nothing for `holdFor` and then resets, `tarpit` waits for `holdFor` and then serves.';

const manner = () => z.enum(REFUSAL_MANNERS).default('close').meta(about(MANNERS, 'reset'));
const holdFor = () => duration({ atLeast: 1, atMost: 3_600_000 }).prefault('10s').meta(about(HOLD_FOR, '5s'));

/** One set of conditions of `access`: a client is in it when any of them names it. */
const accessList = (description: string, example: unknown, absent: string) =>
	section({
		networks: z
			.array(network())
			.optional()
			.meta(about('Networks, IPv4 or IPv6; a bare address is a network of one.', ['203.0.113.0/24'])),
		countries: z
			.array(country())
			.optional()
			.meta(about('Countries, ISO 3166-1 codes.', ['KP'])),
		regions: z
			.array(z.string())
			.optional()
			.meta(about('Regions of `geo.regions`.', ['eu'])),
	})
		.optional()
		.meta(about(description, example, absent));

const access = section({
	allow: accessList(
		'Who may come in, and nobody else. A client without an address (unix socket) is in no list.',
		{ countries: ['DE', 'AT'] },
		'everyone',
	),
	deny: accessList(
		'Who may not come in. Deny beats allow.',
		{ networks: ['203.0.113.0/24'], countries: ['KP'] },
		'nobody',
	),
	action: manner(),
	holdFor: holdFor(),
});

/** One direction of `shaping`. */
const shaped = (description: string) =>
	section({
		listener: bucket().meta(about('All sessions of this listener together.', '1Gbit/s', 'unlimited')),
		client: bucket().meta(about('All sessions of one client here together.', '50Mbit/s', 'unlimited')),
		connection: bucket().meta(about('Each session.', { rate: '10Mbit/s', burst: '256KiB' }, 'unlimited')),
	})
		.prefault({})
		.meta(about(description, { client: '50Mbit/s' }));

const shaping = section({
	download: shaped('From backends to clients.'),
	upload: shaped('From clients to backends.'),
});

export const perClient = section({
	maxConnections: maxConnections()
		.optional()
		.meta(about('Connections that one client may have at once.', 50, 'no cap')),
	rate: rates().meta(
		about('New connections that one client may make; of a list, all must hold.', ['5/10s', '10/1m'], 'no limit'),
	),
	prefix: section({
		v4: count(1, 32).default(32).meta(about('Bits of an IPv4 address that make one client.', 24)),
		v6: count(1, 128).default(64).meta(about('Bits of an IPv6 address that make one client.', 56)),
	})
		.prefault({})
		.meta(about('Which addresses count as one client.', { v4: 32, v6: 64 })),
	action: manner(),
	holdFor: holdFor(),
	tableSize: count(16, 4_000_000)
		.default(100_000)
		.meta(
			about(
				'Clients remembered at once. When it is full of active ones, newcomers share one entry, which is counted.',
				20_000,
			),
		),
});

const timeouts = section({
	clientHello: duration({ atLeast: 1, atMost: 600_000 })
		.prefault('5s')
		.meta(
			about(
				'With `tls`: how long a whole ClientHello may take, from the accept or the end of the PROXY header on.',
				'2s',
			),
		),
	tlsHandshake: duration({ atLeast: 1, atMost: 600_000 })
		.prefault('10s')
		.meta(about('How long a TLS handshake with a client may take.', '5s')),
	idle: duration({ atLeast: 1 })
		.prefault('10m')
		.meta(about('A session in which no byte moves either way for so long ends with `idle-timeout`.', '1h')),
	halfClose: duration({ atLeast: 1 })
		.prefault('1m')
		.meta(about('After one side has sent FIN: the session ends when no byte comes the other way for so long.', '30s')),
	maxDuration: duration({ atLeast: 1 })
		.optional()
		.meta(about('A session ends after so long, whatever it does.', '12h', 'no limit')),
});

/** Whole seconds: what TCP_KEEPIDLE and TCP_KEEPINTVL take (tcp(7)). */
const keepAliveTime = () => duration({ atLeast: 1_000, atMost: 32_767_000, step: 1_000 });

const keepAlive = section({
	idle: keepAliveTime()
		.prefault('60s')
		.meta(about('Silence before the first TCP keepalive probe, in whole seconds.', '30s')),
	interval: keepAliveTime().prefault('10s').meta(about('Time between probes, in whole seconds.', '5s')),
	count: count(1, 127).default(6).meta(about('Unanswered probes after which the connection counts as reset.', 3)),
});

const match = section({
	sni: sni(),
	alpn: alpn(),
	countries: z
		.array(country())
		.min(1)
		.optional()
		.meta(about("The client's country is one of these ISO 3166-1 codes.", ['DE', 'AT'])),
	regions: z
		.array(z.string())
		.min(1)
		.optional()
		.meta(about("The client's region is one of these.", ['eu'])),
	networks: z
		.array(network())
		.min(1)
		.optional()
		.meta(about("The client's address is in one of these networks.", ['10.0.0.0/8'])),
});

const route = section({
	match: match
		.prefault({})
		.meta(
			about('All keys given must hold, the values of one key are alternatives.', { regions: ['eu'] }, 'every client'),
		),
	to: z
		.array(z.string())
		.min(1)
		.meta(
			about('Pools in order of preference: the next one when the one before is down or full (spill).', ['eu', 'us']),
		),
});

export const listener = section({
	name: name().meta(about('What logs, metrics and other keys call it; unique.', 'game')),
	bind: binds().meta(
		about(
			'Addresses to listen on, IP and port or `unix:/path`; port 0 takes any free one. `[::]` takes IPv4 too, unless a listener has `0.0.0.0` with that port.',
			'0.0.0.0:7000',
		),
	),
	proxyProtocol: proxyProtocolIn
		.optional()
		.meta(
			about(
				'Proxies in front of this listener say who the client is: PROXY protocol, version 1 or 2. From then on that address is the client everywhere.',
				{ from: ['10.0.0.0/8'] },
				'nobody is believed',
			),
		),
	access: access.optional().meta(about('Who may connect.', { deny: { countries: ['KP'] } }, 'everyone')),
	maxConnections: maxConnections()
		.optional()
		.meta(about('Sessions of this listener at once, all workers together.', 10_000, 'no cap')),
	rate: rates().meta(about('New connections of this listener; of a list, all must hold.', '500/s', 'no limit')),
	overflow: overflow().meta(
		about(
			"What happens above `maxConnections` and `rate`: `refuse` closes at once, `wait` leaves clients in the kernel's queue until there is room (epoll engine only).",
			'wait',
		),
	),
	perClient: perClient.optional().meta(about('Limits for each client by itself.', { maxConnections: 50 }, 'no limits')),
	shaping: shaping.prefault({}).meta(
		about('How fast bytes may pass: token buckets. All that a session belongs to must allow it.', {
			download: { client: '50Mbit/s' },
		}),
	),
	tls: listenerTls
		.optional()
		.meta(about('Clients speak TLS.', { mode: 'passthrough' }, 'plain TCP, or whatever it is')),
	timeouts: timeouts.prefault({}).meta(about('When a session ends by itself.', { idle: '1h' })),
	keepAlive: keepAlive.prefault({}).meta(about('TCP keepalive, towards clients and backends.', { idle: '30s' })),
	routes: z
		.array(route)
		.min(1)
		.meta(
			about('The first route that matches decides; a client that none matches is refused with `no-route`.', [
				{ to: ['eu'] },
			]),
		),
});
