import { X509Certificate } from 'node:crypto';
import { parseServerName } from '../config/fields-tls.ts';
import { TlsFault } from './fault.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** The certificates of a PEM text, as read and as text; what else is in it (keys, remarks) is left out. */
export interface Chain {
	readonly certificates: readonly X509Certificate[];
	/** The first of them. */
	readonly leaf: X509Certificate;
	readonly pem: string;
}

/** @throws TlsFault when there is none, or one that cannot be read. */
export function parseChain(text: string, at: 'cert' | 'ca'): Chain {
	const blocks = text.match(CERTIFICATE) ?? [];
	const certificates = blocks.map((block, i) => {
		try {
			return new X509Certificate(block);
		} catch {
			throw new TlsFault(at, `certificate ${i + 1} in it is broken`);
		}
	});
	const [leaf] = certificates;
	if (leaf !== undefined) return { certificates, leaf, pem: `${blocks.join('\n')}\n` };
	const hint = text.includes('PRIVATE KEY-----') ? ', but a private key' : '';
	throw new TlsFault(at, `it holds no certificate in PEM form${hint}`);
}

/** From when until when, in milliseconds since 1970. */
export interface Validity {
	readonly notBeforeMs: number;
	readonly notAfterMs: number;
}

export const validityOf = ({ validFromDate, validToDate }: X509Certificate): Validity => ({
	notBeforeMs: validFromDate.getTime(),
	notAfterMs: validToDate.getTime(),
});

/** As long as any of them is valid. */
export function longestValidity(certificates: readonly X509Certificate[]): Validity {
	const each = certificates.map(validityOf);
	return {
		notBeforeMs: Math.min(...each.map(({ notBeforeMs }) => notBeforeMs)),
		notAfterMs: Math.max(...each.map(({ notAfterMs }) => notAfterMs)),
	};
}

/** An order that some clients stumble over; null: a good one. */
export function chainFlaw(certificates: readonly X509Certificate[]): string | null {
	const at = certificates.findIndex((certificate, i) => {
		const next = certificates[i + 1];
		return next !== undefined && !certificate.checkIssued(next);
	});
	return at < 0 ? null : `certificate ${at + 2} of the chain is not the issuer of certificate ${at + 1}`;
}

/**
 * The DNS names that a certificate is good for, in lower case: those of its subjectAltName; its common name alone
 * when it has no subjectAltName (RFC 6125 section 6.4.4). Names that no client can ask for are left out, among them
 * those that Node puts in quotes because they hold a comma or the like.
 */
export function dnsNames({ subjectAltName, subject }: X509Certificate): string[] {
	const written =
		subjectAltName === undefined
			? [...subject.matchAll(/^CN=(.*)$/gm)].map(([, name]) => name ?? '')
			: subjectAltName.split(', ').flatMap((name) => (name.startsWith('DNS:') ? [name.slice(4)] : []));
	const wanted = written.flatMap((name) => {
		const wildcard = name.startsWith('*.');
		const result = parseServerName(wildcard ? name.slice(2) : name);
		return result.ok ? [`${wildcard ? '*.' : ''}${result.value}`] : [];
	});
	return [...new Set(wanted)];
}
