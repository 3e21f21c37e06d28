import { certificateAuthority } from '../../test/support/certificates.ts';

export const CERTIFICATE_KINDS = ['ecdsa', 'rsa'] as const;
/** P-256, or RSA with 2048 bits. The client's signature algorithms choose. */
export type CertificateKind = (typeof CERTIFICATE_KINDS)[number];

/** PEM texts of a certificate of each kind, all for the same name. */
export type TlsFiles = Readonly<Record<CertificateKind, { readonly cert: string; readonly key: string }>>;

/** What the clients of a workload come with. */
export interface TlsTerms {
	readonly certificate: CertificateKind;
	/** Each comes with the ticket of a session before, and a full handshake counts as an error; else the other way round. */
	readonly resumed: boolean;
}

/** Clients ask for it: HAProxy chooses among kinds of certificate only for a name. */
export const SERVER_NAME = 'bench.example';

/** Makes new ones with the `openssl` command. Throws when there is none. */
export function makeTlsFiles(): TlsFiles {
	const ends: (() => unknown)[] = [];
	try {
		const authority = certificateAuthority({ teardown: (end) => ends.push(end) }, 'Bench CA');
		const issue = (keyKind: CertificateKind) => {
			const { cert, key } = authority.issue([SERVER_NAME], { keyKind });
			return { cert, key };
		};
		return { ecdsa: issue('ecdsa'), rsa: issue('rsa') };
	} finally {
		for (const end of ends) end();
	}
}

export const certificateFile = (kind: CertificateKind): string => `${kind}.pem`;
export const keyFile = (kind: CertificateKind): string => `${kind}.key`;

/** By file name, as proxies that take certificate and key apart read them. */
export function pemFiles(tls: TlsFiles | null): Readonly<Record<string, string>> {
	if (tls === null) return {};
	return Object.fromEntries(
		CERTIFICATE_KINDS.flatMap((kind) => [
			[certificateFile(kind), tls[kind].cert],
			[keyFile(kind), tls[kind].key],
		]),
	);
}
