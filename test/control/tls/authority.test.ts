import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { type CertificateWish, issueCertificate, makeAuthority } from '../../../src/control/tls/authority.ts';
import { checkPair } from '../../../src/control/tls/key-pair.ts';

const DAY_MS = 86_400_000;
const START = new Date('2026-01-01T00:00:00Z');
const END = new Date('2027-01-01T00:00:00Z');
const authority = await makeAuthority(START, END);
const issue = async (more: Partial<CertificateWish>) => {
	const pem = await issueCertificate(authority, {
		names: ['a.example'],
		client: false,
		notBefore: START,
		notAfter: END,
		...more,
	});
	return { pem, certificate: new X509Certificate(pem.certificate) };
};

t.test('the authority may sign certificates and nothing else', async (t) => {
	const parsed = new X509Certificate(authority.certificate);
	t.ok(parsed.ca);
	t.ok(parsed.verify(parsed.publicKey));
	t.equal(parsed.subject, 'CN=Sluice development CA');
	t.same([parsed.validFromDate, parsed.validToDate], [START, END]);
	t.match(checkPair(authority.certificate, authority.key, null), { keyType: 'ec' });
	t.not((await makeAuthority(START, END)).key, authority.key);
});

t.test('a certificate is for the names asked for, and has a key of its own', async (t) => {
	const { pem, certificate } = await issue({ names: ['a.example', '*.b.example', '127.0.0.1', '::1'] });
	const issuer = new X509Certificate(authority.certificate);
	t.ok(certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey));
	t.notOk(certificate.ca);
	t.equal(certificate.subject, 'CN=a.example');
	t.equal(
		certificate.subjectAltName,
		'DNS:a.example, DNS:*.b.example, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
	);
	t.same([certificate.checkHost('x.b.example'), certificate.checkHost('b.example')], ['*.b.example', undefined]);
	t.equal(certificate.checkIP('::1'), '::1');
	t.same(checkPair(pem.certificate, pem.key, null).pair.names, ['a.example', '*.b.example']);
	const { certificate: second } = await issue({});
	t.not(second.serialNumber, certificate.serialNumber);
	t.not(second.fingerprint256, certificate.fingerprint256);
});

t.test('it is for servers or for clients, and for as long as it says', async (t) => {
	const [serverAuth, clientAuth] = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'];
	t.same((await issue({})).certificate.keyUsage, [serverAuth]);
	const notAfter = new Date(START.getTime() + 3 * DAY_MS);
	const { certificate } = await issue({ client: true, notAfter });
	t.same(certificate.keyUsage, [clientAuth]);
	t.same([certificate.validFromDate, certificate.validToDate], [START, notAfter]);
});

t.test('a name that is too long for a common name is whole among the others', async (t) => {
	const name = `${'a'.repeat(60)}.${'b'.repeat(60)}.example`;
	const { certificate } = await issue({ names: [name] });
	t.equal(certificate.subject, `CN=${name.slice(0, 64)}`);
	t.equal(certificate.subjectAltName, `DNS:${name}`);
});
