import { createHash } from 'node:crypto';
import { createServer, type Server, type TlsOptions } from 'node:tls';
import type { TerminateTls } from '../../../core/snapshot.ts';
import { CertificateChoice, type CertificateSet } from './certificates.ts';
import { Lru } from './lru.ts';
import { followHandshakes } from './server-handshake.ts';

/** How many a worker keeps ready. Each is a few dozen KiB of OpenSSL's. */
const MOST_CONTEXTS = 512;

/** Sessions have their own deadline; Node would set another of two minutes. */
const NO_HANDSHAKE_TIMEOUT = 2 ** 31 - 1;

/** The longest that OpenSSL takes (SSL_CTX_set_session_id_context(3)). */
const SESSION_CONTEXT_LENGTH = 32;

interface Prepared {
	readonly identity: string;
	readonly server: Server;
}

/**
 * What one worker has prepared to take TLS off clients' connections: a `tls.Server` that never listens for each
 * listener's TLS and set of certificates. Built when first asked for, from PEM, which takes about a millisecond.
 */
export class ServerContexts {
	readonly #choices = new Map<string, CertificateChoice>();
	readonly #prepared = new Lru<CertificateSet, Prepared>(MOST_CONTEXTS);

	/** The one for this server name and ClientHello. @throws what `tls.createServer` throws of bad certificates and ciphers. */
	for(tls: TerminateTls, serverName: string | null, hello: Uint8Array): Server {
		const set = this.#choiceOf(tls).forHello(serverName, hello);
		const known = this.#prepared.get(set);
		if (known !== undefined) return known.server;
		const server = serverOf(tls, set);
		this.#prepared.set(set, { identity: tls.identity, server });
		return server;
	}

	/** Drops what no listener needs any more; handshakes and sessions under way keep theirs. */
	keep(identities: ReadonlySet<string>): void {
		for (const identity of this.#choices.keys()) if (!identities.has(identity)) this.#choices.delete(identity);
		this.#prepared.deleteWhere((_, { identity }) => !identities.has(identity));
	}

	get size(): number {
		return this.#prepared.size;
	}

	#choiceOf({ identity, certificates }: TerminateTls): CertificateChoice {
		const known = this.#choices.get(identity);
		if (known !== undefined) return known;
		const choice = new CertificateChoice(certificates);
		this.#choices.set(identity, choice);
		return choice;
	}
}

function serverOf(tls: TerminateTls, set: CertificateSet): Server {
	const server = createServer(optionsOf(tls, set));
	staple(server, set);
	followHandshakes(server);
	return server;
}

/** Client lists of protocols without any of `ALPNProtocols` are answered with no_application_protocol (RFC 7301 section 3.2). */
const optionsOf = (tls: TerminateTls, set: CertificateSet): TlsOptions => ({
	cert: set.map(({ certificate }) => certificate),
	key: set.map(({ key }) => key),
	minVersion: tls.minVersion,
	...(tls.ciphers === null ? {} : { ciphers: tls.ciphers }),
	...(tls.alpn.length === 0 ? {} : { ALPNProtocols: [...tls.alpn] }),
	...(tls.clientAuth === null ? {} : { ca: tls.clientAuth.ca }),
	requestCert: tls.clientAuth !== null,
	// A client without a certificate is told so by an alert.
	rejectUnauthorized: tls.clientAuth?.mode === 'require',
	ticketKeys: Buffer.from(tls.ticketKey),
	sessionIdContext: termsOf(tls),
	handshakeTimeout: NO_HANDSHAKE_TIMEOUT,
});

/**
 * What a session is taken up again under, and nothing else: the key, which is a listener's own, and what was demanded
 * of the client and of the cipher. A renewed certificate does not end it.
 */
function termsOf({ ticketKey, clientAuth, minVersion, ciphers }: TerminateTls): string {
	const demands = JSON.stringify([clientAuth, minVersion, ciphers]);
	return createHash('sha256').update(ticketKey).update(demands).digest('base64').slice(0, SESSION_CONTEXT_LENGTH);
}

/** Of several certificates it is not known whose response is asked for. */
function staple(server: Server, [certificate, ...others]: CertificateSet): void {
	if (certificate === undefined || certificate.ocsp === null || others.length > 0) return;
	const response = Buffer.from(certificate.ocsp);
	server.on('OCSPRequest', (_certificate, _issuer, answer) => answer(null, response));
}
