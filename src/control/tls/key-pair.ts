import { createPrivateKey, type KeyObject } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { errorText } from '../../core/errors.ts';
import type { KeyPair } from '../config/compile-tls.ts';
import { type Chain, chainFlaw, dnsNames, parseChain, type Validity, validityOf } from './certificates.ts';
import { TlsFault } from './fault.ts';

/** A certificate with its key, found to belong together, and what is told of it. */
export interface CheckedPair {
	readonly pair: KeyPair;
	/** Such as `rsa` or `ec`: OpenSSL keeps one certificate of each side by side. */
	readonly keyType: string;
	readonly validity: Validity;
	/** What clients may stumble over; null: nothing. */
	readonly flaw: string | null;
}

/** What TLS signs with. */
const KEY_TYPES: ReadonlySet<string> = new Set(['rsa', 'rsa-pss', 'ec', 'ed25519', 'ed448']);

/** DER of a SEQUENCE, which every OCSP response is (RFC 6960 section 4.2.1). */
const SEQUENCE = 0x30;

/**
 * Checks what the files of one certificate hold.
 * @throws TlsFault in words that never show the key.
 */
export function checkPair(certText: string, keyText: string, ocsp: Uint8Array | null): CheckedPair {
	const chain = parseChain(certText, 'cert');
	const key = parseKey(keyText);
	checkTogether(chain, key);
	if (ocsp !== null && ocsp[0] !== SEQUENCE) throw new TlsFault('ocsp', 'it is not an OCSP response in DER form');
	const pair: KeyPair = {
		certificate: chain.pem,
		key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
		ocsp,
		names: dnsNames(chain.leaf),
	};
	tryOut(pair);
	return {
		pair,
		keyType: key.asymmetricKeyType ?? '',
		validity: validityOf(chain.leaf),
		flaw: chainFlaw(chain.certificates),
	};
}

function parseKey(text: string): KeyObject {
	if (!text.includes('PRIVATE KEY-----')) {
		const hint = text.includes('BEGIN CERTIFICATE') ? ', but a certificate' : '';
		throw new TlsFault('key', `it holds no private key in PEM form${hint}`);
	}
	if (text.includes('BEGIN ENCRYPTED PRIVATE KEY') || /^Proc-Type: 4,ENCRYPTED/m.test(text)) {
		throw new TlsFault('key', 'the key is encrypted: write it without a passphrase, such as by openssl pkey');
	}
	const key = readKey(text);
	if (KEY_TYPES.has(key.asymmetricKeyType ?? '')) return key;
	throw new TlsFault('key', `a key of type ${key.asymmetricKeyType} cannot be used for TLS: take RSA or ECDSA`);
}

function readKey(text: string): KeyObject {
	try {
		return createPrivateKey(text);
	} catch {
		throw new TlsFault('key', 'the key in it is broken');
	}
}

function checkTogether({ certificates }: Chain, key: KeyObject): void {
	const owner = certificates.findIndex((certificate) => certificate.checkPrivateKey(key));
	if (owner === 0) return;
	if (owner < 0) throw new TlsFault('key', 'the key does not belong to the certificate');
	throw new TlsFault('cert', `the key belongs to certificate ${owner + 1} in it: the server's own goes first`);
}

/** OpenSSL has demands of its own, such as the length of a key. */
function tryOut({ certificate: cert, key }: KeyPair): void {
	try {
		createSecureContext({ cert, key });
	} catch (error) {
		throw new TlsFault('cert', `OpenSSL refuses it: ${reasonOf(error)}`);
	}
}

/** `error:0A00018F:SSL routines::ee key too small` has its reason at its end. */
const reasonOf = (error: unknown): string => errorText(error).replace(/^.*:/, '').trim();
