import type { TlsFacts } from '../../src/core/session-io.ts';
import type { CertificateSnapshot, PassthroughTls, TerminateTls, UpstreamTls } from '../../src/core/snapshot.ts';

let identities = 0;

/** How a listener terminates TLS; the first certificate is the default one. Each call has an identity of its own. */
export function terminateTls(
	certificates: readonly CertificateSnapshot[] = [],
	more: Partial<TerminateTls> = {},
): TerminateTls {
	identities += 1;
	return {
		mode: 'terminate',
		startTls: null,
		identity: `test ${identities}`,
		certificates: certificates.map((certificate, at) => (at === 0 ? { ...certificate, isDefault: true } : certificate)),
		minVersion: 'TLSv1.2',
		ciphers: null,
		alpn: [],
		ticketKey: Buffer.alloc(48, 7),
		clientAuth: null,
		...more,
	};
}

/** How a pool speaks TLS. */
export function upstreamTls(more: Partial<UpstreamTls> = {}): UpstreamTls {
	identities += 1;
	return {
		identity: `test ${identities}`,
		startTls: null,
		verify: true,
		ca: null,
		serverName: { from: 'backend' },
		alpn: [],
		minVersion: 'TLSv1.2',
		clientCertificate: null,
		...more,
	};
}

export const PASSTHROUGH: PassthroughTls = { mode: 'passthrough', startTls: null };

/** What a handshake with a client came to. */
export const tlsFacts = (more: Partial<TlsFacts> = {}): TlsFacts => ({
	version: 'TLSv1.3',
	cipher: 'TLS_AES_128_GCM_SHA256',
	alpn: null,
	resumed: false,
	certificate: null,
	...more,
});
