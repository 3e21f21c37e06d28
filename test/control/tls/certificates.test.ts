import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { chainFlaw, dnsNames, longestValidity, parseChain } from '../../../src/control/tls/certificates.ts';
import { TlsFault } from '../../../src/control/tls/fault.ts';
import { certificateAuthority, selfSigned } from '../../support/certificates.ts';

const authority = certificateAuthority(t, 'Test CA');
const other = certificateAuthority(t, 'Other CA');
const leaf = authority.issue(['a.example', '*.B.example', '127.0.0.1', 'who@c.example']);

t.test('the names of a certificate are those of its subjectAltName, in lower case', async (t) => {
	t.same(dnsNames(new X509Certificate(leaf.cert)), ['a.example', '*.b.example']);
});

t.test('names that no host can have, or that hide in others, are left out', async (t) => {
	const namesOf = (subjectAltName: string | undefined, subject = 'CN=common.example') =>
		dnsNames({ subjectAltName, subject } as X509Certificate);
	const table: [string, string | undefined, string[]][] = [
		['none: the common name', undefined, ['common.example']],
		['an address alone: no name', 'IP Address:10.0.0.1', []],
		['twice, and with a final dot', 'DNS:a.example, DNS:A.example, DNS:b.example.', ['a.example', 'b.example']],
		['a name with a comma, as Node writes it', 'DNS:"a\\u002c DNS:evil.example", DNS:b.example', ['b.example']],
		['within something else', 'URI:"http://x/\\u002c DNS:evil.example", email:DNS:evil.example', []],
		['wildcards', 'DNS:*.a.example, DNS:*, DNS:f*.a.example, DNS:*.*.a.example', ['*.a.example']],
		['an address as a name', 'DNS:10.0.0.1, DNS:*.10.0.0.1', []],
	];
	for (const [name, written, wanted] of table) t.same(namesOf(written), wanted, name);
	t.same(namesOf(undefined, 'O=CN=x\nCN=Some Body\nCN=b.example'), ['b.example'], 'common names that are hosts');
});

t.test('a chain is what a PEM text has in certificates, and nothing else of it', async (t) => {
	const {
		certificates,
		leaf: first,
		pem,
	} = parseChain(`remark\n${leaf.key}${leaf.cert}\nx\n${authority.cert}`, 'cert');
	t.equal(certificates.length, 2);
	t.equal(first.fingerprint256, new X509Certificate(leaf.cert).fingerprint256);
	t.notMatch(pem, /PRIVATE|remark|^x$/m);
	t.equal(parseChain(pem.replaceAll('\n', '\r\n'), 'cert').certificates.length, 2, 'with any line ends');
});

t.test('what is no certificate is told without its text', async (t) => {
	const table: [string, string][] = [
		['', 'it holds no certificate in PEM form'],
		['hello', 'it holds no certificate in PEM form'],
		[leaf.key, 'it holds no certificate in PEM form, but a private key'],
		[leaf.cert.slice(0, 300), 'it holds no certificate in PEM form'],
		[`${leaf.cert}${authority.cert.replace(/M/, '!')}`, 'certificate 2 in it is broken'],
	];
	for (const [text, message] of table) t.throws(() => parseChain(text, 'ca'), new TlsFault('ca', message));
});

t.test('a chain is in order when each is issued by the next', async (t) => {
	const flawOf = (...all: { cert: string }[]) => chainFlaw(all.map(({ cert }) => new X509Certificate(cert)));
	t.equal(flawOf(leaf), null);
	t.equal(flawOf(leaf, authority), null);
	t.equal(flawOf(leaf, other), 'certificate 2 of the chain is not the issuer of certificate 1');
	t.equal(flawOf(leaf, authority, other), 'certificate 3 of the chain is not the issuer of certificate 2');
});

t.test('of several authorities the longest validity counts', async (t) => {
	const short = new X509Certificate(leaf.cert);
	const long = new X509Certificate(selfSigned(t, ['x.example']).cert);
	const late = new X509Certificate(authority.cert);
	t.same(longestValidity([short, late, long]), {
		notBeforeMs: Math.min(short.validFromDate.getTime(), late.validFromDate.getTime(), long.validFromDate.getTime()),
		notAfterMs: late.validToDate.getTime(),
	});
});
