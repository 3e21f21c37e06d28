import { createSecureContext, type SecureContext } from 'node:tls';
import type { UpstreamTls } from '../../../core/snapshot.ts';
import { Lru } from './lru.ts';

const MOST_CONTEXTS = 256;

/** A session holds the backend's certificates, so a few KiB. */
const MOST_SESSIONS = 1_024;

/**
 * What one worker keeps to speak TLS with backends: a context for each pool's TLS, and the latest session of each
 * name at each backend. A session was verified under the terms of `UpstreamTls.identity`, which is part of its key.
 */
export class ClientContexts {
	readonly #contexts = new Lru<string, SecureContext>(MOST_CONTEXTS);
	readonly sessions = new Lru<string, Buffer>(MOST_SESSIONS);

	/** @throws what `tls.createSecureContext` throws of bad certificates. */
	for(tls: UpstreamTls): SecureContext {
		const known = this.#contexts.get(tls.identity);
		if (known !== undefined) return known;
		const context = contextOf(tls);
		this.#contexts.set(tls.identity, context);
		return context;
	}

	/** Drops what no pool needs any more. */
	keep(identities: ReadonlySet<string>): void {
		this.#contexts.deleteWhere((identity) => !identities.has(identity));
	}
}

const contextOf = ({ ca, minVersion, clientCertificate }: UpstreamTls): SecureContext =>
	createSecureContext({
		minVersion,
		...(ca === null ? {} : { ca }),
		...(clientCertificate === null ? {} : { cert: clientCertificate.certificate, key: clientCertificate.key }),
	});
