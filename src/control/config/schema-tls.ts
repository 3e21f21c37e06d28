import * as z from 'zod';
import { PROXY_TLVS, START_TLS } from '../../core/snapshot.ts';
import { about, duration, network, section } from './fields.ts';
import { ciphers, clientName, fingerprint, path, protocol, serverName, serverNamePattern } from './fields-tls.ts';

/** Every worker keeps a TLS context for each. */
const MAX_CERTIFICATES = 1_000;
const MAX_NAMES = 10_000;
const MAX_PROTOCOLS = 64;

/** Servers name a lifetime of at most seven days for a ticket (RFC 8446 section 4.6.1). */
const MAX_ROTATE_MS = 7 * 86_400_000;

const minVersion = () => z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2');

/** Names of a ClientHello, for `match`. */
export const sni = () =>
	z
		.array(serverNamePattern())
		.min(1)
		.max(MAX_NAMES)
		.optional()
		.meta(
			about(
				"The server name of the client's TLS ClientHello is one of these; `*.` stands for one label. A client that names none matches no route with `sni`.",
				['eu.example.com', '*.eu.example.com'],
			),
		);

export const alpn = () =>
	z
		.array(protocol())
		.min(1)
		.max(MAX_PROTOCOLS)
		.optional()
		.meta(about("The client's TLS ClientHello offers one of these protocols (ALPN).", ['mqtt']));

export const proxyProtocolIn = section({
	from: z
		.array(network())
		.min(1)
		.meta(
			about(
				'The peers that send a header, and that are believed. What comes from others is payload; clients of a unix socket are never among them.',
				['10.0.0.0/8'],
			),
		),
	timeout: duration({ atLeast: 1, atMost: 600_000 })
		.prefault('3s')
		.meta(about('How long the header may take, from the accept on.', '1s')),
});

const certificate = section({
	cert: path().meta(about('Certificate and, after it, its chain: PEM.', 'certs/a.pem')),
	key: path().meta(about('Its private key: PEM, not encrypted.', 'certs/a.key')),
	ocsp: path()
		.optional()
		.meta(about('The OCSP response that is stapled: DER.', 'certs/a.ocsp', 'none is stapled')),
	default: z
		.boolean()
		.default(false)
		.meta(
			about(
				'Shown to clients that name no server, or one that no certificate is good for. One for each kind of key (RSA, ECDSA) may be; when none is, the first in the list is.',
				true,
			),
		),
});

const clientAuth = section({
	ca: path().meta(about("The authorities that clients' certificates must come from: PEM.", 'certs/clients.pem')),
	mode: z
		.enum(['require', 'request'])
		.default('require')
		.meta(
			about(
				'`require`: without a good certificate nobody comes in. `request`: without any one may; with one it must be good.',
				'request',
			),
		),
	names: z
		.array(clientName())
		.max(MAX_NAMES)
		.default([])
		.meta(
			about("One of the certificate's names must be one of these; `*.` stands for one label.", ['*.devices.example']),
		),
	fingerprints: z
		.array(fingerprint())
		.max(MAX_NAMES)
		.default([])
		.meta(
			about(
				'The SHA-256 of the certificate must be one of these, as `openssl x509 -fingerprint -sha256` prints it. With `names`, both must hold.',
				['ab'.repeat(32)],
			),
		),
});

const tickets = section({
	rotate: duration({ atLeast: 1_000, atMost: MAX_ROTATE_MS })
		.prefault('12h')
		.meta(
			about(
				'How often the key of session tickets is replaced. There is one key at a time: whoever comes with a ticket from before makes a full handshake, once.',
				'1h',
			),
		),
});

const startTls = (description: string) =>
	z
		.enum(START_TLS)
		.optional()
		.meta(about(description, 'postgres', 'no'));

export const listenerTls = section({
	mode: z
		.enum(['terminate', 'passthrough'])
		.meta(
			about(
				'`passthrough`: the ClientHello is read for routes, and not a byte is changed. `terminate`: TLS ends here, on the node engine, whatever `engine` says.',
				'passthrough',
			),
		),
	startTls: startTls("`postgres`: PostgreSQL's `SSLRequest` comes before TLS, and is answered."),
	certificates: z
		.array(certificate)
		.min(1)
		.max(MAX_CERTIFICATES)
		.optional()
		.meta(
			about(
				"With `terminate`: chosen by the server name that the client asks for, among the certificates' own names; of several, by the kind of key that it takes.",
				[{ cert: 'certs/a.pem', key: 'certs/a.key' }],
			),
		),
	minVersion: minVersion().meta(about('The oldest version that is spoken, `TLSv1.2` or `TLSv1.3`.', 'TLSv1.3')),
	ciphers: ciphers()
		.optional()
		.meta(
			about(
				"The cipher suites in OpenSSL's form (see ciphers(1)).",
				'ECDHE+AESGCM:ECDHE+CHACHA20',
				"the runtime's default",
			),
		),
	alpn: z
		.array(protocol())
		.max(MAX_PROTOCOLS)
		.default([])
		.meta(
			about(
				'The protocols spoken here, best first (ALPN). A client that offers only others is refused by TLS, one that offers none is not.',
				['mqtt'],
			),
		),
	tickets: tickets
		.prefault({})
		.meta(about('Session tickets: who comes again saves half of the handshake.', { rotate: '1h' })),
	clientAuth: clientAuth
		.optional()
		.meta(about('Clients show a certificate of their own.', { ca: 'certs/clients.pem' }, 'no')),
});

export const proxyProtocolOut = z.enum(['none', 'v1', 'v2']).default('none');

export const proxyTlvs = z.array(z.enum(PROXY_TLVS)).default([]);

const clientCertificate = section({
	cert: path().meta(about('Certificate and, after it, its chain: PEM.', 'certs/c.pem')),
	key: path().meta(about('Its private key: PEM, not encrypted.', 'certs/c.key')),
});

export const poolTls = section({
	verify: z
		.boolean()
		.default(true)
		.meta(
			about(
				"The backend's certificate must come from a known authority and have the server's name. `false` takes any: whoever is in between may listen.",
				false,
			),
		),
	ca: path()
		.optional()
		.meta(about('The authorities it may come from: PEM.', 'certs/ca.pem', "the runtime's own")),
	serverName: serverName()
		.optional()
		.meta(
			about(
				'The name that is asked for (SNI) and must be in the certificate: `sni` is what the client asked for, else a fixed name.',
				'db.example.com',
				"the host name of the backend's address",
			),
		),
	alpn: z
		.union([z.enum(['client']), z.array(protocol()).max(MAX_PROTOCOLS)], { error: 'expected client or a list' })
		.default([])
		.meta(about('The protocols offered (ALPN): a list, or `client`, what was agreed on with the client.', ['mqtt'])),
	minVersion: minVersion().meta(about('The oldest version that is spoken, `TLSv1.2` or `TLSv1.3`.', 'TLSv1.3')),
	clientCertificate: clientCertificate
		.optional()
		.meta(
			about('What we show when a backend asks who we are.', { cert: 'certs/c.pem', key: 'certs/c.key' }, 'nothing'),
		),
	startTls: startTls("`postgres`: PostgreSQL's `SSLRequest` is sent, and its answer awaited, before TLS."),
});
