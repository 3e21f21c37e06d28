import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { ClientCertificate, TlsFacts } from '../../../core/session-io.ts';

/** What a finished handshake with a client came to. */
export function tlsFactsOf(socket: TLSSocket): TlsFacts {
	const certificate = socket.getPeerX509Certificate();
	return {
		version: socket.getProtocol() ?? 'unknown',
		cipher: socket.getCipher().standardName,
		alpn: socket.alpnProtocol || null,
		resumed: socket.isSessionReused(),
		certificate: certificate === undefined ? null : clientCertificateOf(socket, certificate),
	};
}

function clientCertificateOf(socket: TLSSocket, certificate: X509Certificate): ClientCertificate {
	const commonName = commonNameOf(certificate);
	const names = namesOf(certificate.subjectAltName ?? '');
	const all = new Set((commonName === null ? names : [...names, commonName]).map((name) => name.toLowerCase()));
	return {
		verified: socket.authorized,
		error: socket.authorized ? null : `${socket.authorizationError ?? 'not verified'}`,
		commonName,
		names: [...all],
		fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
	};
}

/** The last one, which is the most specific. */
function commonNameOf(certificate: X509Certificate): string | null {
	const name: string | string[] | undefined = certificate.toLegacyObject().subject.CN;
	return (Array.isArray(name) ? name.at(-1) : name) ?? null;
}

/**
 * Node's text of a subject alternative name: entries such as `DNS:a.example` with `, ` between them, in which a value
 * with anything out of the ordinary is a JSON string (Node.js documentation, `x509.subjectAltName`).
 */
const ENTRY = /(?:^|, )([^:",]+):("(?:[^"\\]|\\.)*"|[^",]*)(?=, |$)/gy;

const NAMES = new Set(['DNS', 'email', 'URI']);

/** The names in it that stand for somebody. */
export function namesOf(subjectAltName: string): string[] {
	const names: string[] = [];
	for (const [, kind = '', value = ''] of subjectAltName.matchAll(ENTRY)) {
		if (NAMES.has(kind)) names.push(value.startsWith('"') ? unquoted(value) : value);
	}
	return names;
}

function unquoted(value: string): string {
	try {
		return `${JSON.parse(value)}`;
	} catch {
		return value;
	}
}
