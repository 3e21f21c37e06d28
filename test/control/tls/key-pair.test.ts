import { execFileSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { TlsFault } from '../../../src/control/tls/fault.ts';
import { checkPair } from '../../../src/control/tls/key-pair.ts';
import { certificateAuthority } from '../../support/certificates.ts';

const authority = certificateAuthority(t);
const ecdsa = authority.issue(['a.example']);
const rsa = authority.issue(['a.example'], { keyKind: 'rsa' });

const encrypted = (key: string, type: 'pkcs8' | 'sec1'): string =>
	createPrivateKey(key)
		.export({ type, format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' } as never)
		.toString();

const keyOf = (type: 'x25519' | 'dsa'): string => {
	const pem = {
		privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
		publicKeyEncoding: { type: 'spki', format: 'pem' },
	};
	const options = { ...pem, modulusLength: 1024 } as never;
	return String(generateKeyPairSync(type as never, options).privateKey);
};

/** A certificate that only OpenSSL itself finds too weak. */
function weak(): { cert: string; key: string } {
	const [certFile, keyFile] = [join(authority.folder, 'weak.pem'), join(authority.folder, 'weak.key')];
	const args = ['req', '-x509', '-nodes', '-newkey', 'rsa:512', '-subj', '/CN=weak.example', '-days', '9'];
	execFileSync('openssl', [...args, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
	return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}

t.test('a pair that belongs together is taken, whatever else is in its files', async (t) => {
	const der = authority.ocsp(rsa).der;
	const found = checkPair(`${rsa.cert}${authority.cert}`, `${rsa.cert}${rsa.key}`, der);
	t.match(found, { keyType: 'rsa', flaw: null, pair: { names: ['a.example'], ocsp: der } });
	t.equal(found.pair.certificate.match(/BEGIN CERTIFICATE/g)?.length, 2);
	t.notMatch(found.pair.key, /CERTIFICATE/);
	t.ok(found.validity.notAfterMs > Date.now());
	t.match(checkPair(ecdsa.cert, ecdsa.key, null), { keyType: 'ec', pair: { ocsp: null } });
	const sec1 = createPrivateKey(ecdsa.key).export({ type: 'sec1', format: 'pem' }).toString();
	t.equal(checkPair(ecdsa.cert, sec1, null).pair.key, checkPair(ecdsa.cert, ecdsa.key, null).pair.key, 'any PEM form');
});

t.test('what cannot be served is told, at the file at fault, without showing a key', async (t) => {
	const { cert, key } = ecdsa;
	const table: [name: string, cert: string, key: string, ocsp: Uint8Array | null, fault: TlsFault][] = [
		['no certificate', '', key, null, new TlsFault('cert', 'it holds no certificate in PEM form')],
		[
			'the wrong way round',
			key,
			cert,
			null,
			new TlsFault('cert', 'it holds no certificate in PEM form, but a private key'),
		],
		['no key', cert, cert, null, new TlsFault('key', 'it holds no private key in PEM form, but a certificate')],
		['an empty key', cert, '', null, new TlsFault('key', 'it holds no private key in PEM form')],
		['half a key', cert, key.replace(/\n[^-]{40}/, '\n'), null, new TlsFault('key', 'the key in it is broken')],
		['another key', cert, rsa.key, null, new TlsFault('key', 'the key does not belong to the certificate')],
		[
			'the chain first',
			`${authority.cert}${cert}`,
			key,
			null,
			new TlsFault('cert', "the key belongs to certificate 2 in it: the server's own goes first"),
		],
		[
			'OCSP in PEM',
			cert,
			key,
			Buffer.from('-----BEGIN'),
			new TlsFault('ocsp', 'it is not an OCSP response in DER form'),
		],
		['an empty OCSP', cert, key, new Uint8Array(), new TlsFault('ocsp', 'it is not an OCSP response in DER form')],
	];
	for (const [name, certText, keyText, ocsp, fault] of table) {
		t.throws(() => checkPair(certText, keyText, ocsp), fault, name);
	}
	for (const type of ['pkcs8', 'sec1'] as const) {
		t.throws(
			() => checkPair(cert, encrypted(key, type), null),
			new TlsFault('key', 'the key is encrypted: write it without a passphrase, such as by openssl pkey'),
		);
	}
	for (const type of ['x25519', 'dsa'] as const) {
		const message = `a key of type ${type} cannot be used for TLS: take RSA or ECDSA`;
		t.throws(() => checkPair(cert, keyOf(type), null), new TlsFault('key', message));
	}
	const { cert: weakCert, key: weakKey } = weak();
	t.throws(() => checkPair(weakCert, weakKey, null), new TlsFault('cert', 'OpenSSL refuses it: ee key too small'));
});
