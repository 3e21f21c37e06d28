import 'reflect-metadata';
import { createPrivateKey, KeyObject, type webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
	AuthorityKeyIdentifierExtension,
	BasicConstraintsExtension,
	ExtendedKeyUsage,
	ExtendedKeyUsageExtension,
	KeyUsageFlags,
	KeyUsagesExtension,
	SubjectAlternativeNameExtension,
	SubjectKeyIdentifierExtension,
	X509Certificate,
	X509CertificateGenerator,
} from '@peculiar/x509';

/** A certificate and its private key, PEM. */
export interface Pem {
	readonly certificate: string;
	readonly key: string;
}

export interface CertificateWish {
	/** Host names, also with `*.`, and IP addresses. At least one; the first is the common name, too. */
	readonly names: readonly string[];
	/** For clients, else for servers. */
	readonly client: boolean;
	readonly notBefore: Date;
	readonly notAfter: Date;
}

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;

/** RFC 5280 appendix A.1: the longest common name. */
const MAX_COMMON_NAME = 64;

/** An authority of one's own, for development: whoever trusts it trusts every certificate that is made with its key. */
export async function makeAuthority(notBefore: Date, notAfter: Date): Promise<Pem> {
	const keys = await newKeys();
	const certificate = await X509CertificateGenerator.createSelfSigned({
		name: [{ CN: ['Sluice development CA'] }],
		notBefore,
		notAfter,
		keys,
		signingAlgorithm: SIGNING,
		extensions: [
			new BasicConstraintsExtension(true, 0, true),
			new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
			await SubjectKeyIdentifierExtension.create(keys.publicKey),
		],
	});
	return pemOf(certificate, keys.privateKey);
}

/** @throws when the authority's key is not one that `makeAuthority` makes. */
export async function issueCertificate(authority: Pem, wish: CertificateWish): Promise<Pem> {
	const issuer = new X509Certificate(authority.certificate);
	const signingKey = createPrivateKey(authority.key).toCryptoKey(ECDSA, false, ['sign']);
	const keys = await newKeys();
	const certificate = await X509CertificateGenerator.create({
		subject: [{ CN: [(wish.names[0] ?? '').slice(0, MAX_COMMON_NAME)] }],
		issuer: issuer.subjectName,
		notBefore: wish.notBefore,
		notAfter: wish.notAfter,
		publicKey: keys.publicKey,
		signingKey,
		signingAlgorithm: SIGNING,
		extensions: [
			new BasicConstraintsExtension(false, undefined, true),
			new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
			new ExtendedKeyUsageExtension([wish.client ? ExtendedKeyUsage.clientAuth : ExtendedKeyUsage.serverAuth]),
			new SubjectAlternativeNameExtension(wish.names.map(alternativeName)),
			await SubjectKeyIdentifierExtension.create(keys.publicKey),
			await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
		],
	});
	return pemOf(certificate, keys.privateKey);
}

const alternativeName = (value: string) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value });

const newKeys = (): Promise<webcrypto.CryptoKeyPair> => crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);

const pemOf = (certificate: X509Certificate, key: webcrypto.CryptoKey): Pem => ({
	certificate: `${certificate.toString('pem').trim()}\n`,
	key: KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString(),
});
