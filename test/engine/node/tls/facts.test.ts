import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { namesOf } from '../../../../src/engine/node/tls/facts.ts';
import { certificateAuthority } from '../../../support/certificates.ts';

t.test('names of a subject alternative name, as Node writes it', async (t) => {
	const table: [string, string[]][] = [
		['', []],
		['DNS:a.example', ['a.example']],
		['DNS:a.example, DNS:*.b.example', ['a.example', '*.b.example']],
		['email:x@y.example, URI:spiffe://a/b', ['x@y.example', 'spiffe://a/b']],
		['IP Address:10.0.0.1, DNS:a.example', ['a.example']],
		['URI:"spiffe://a/b\\u002cc, DNS:evil", DNS:b', ['spiffe://a/b,c, DNS:evil', 'b']],
		['DNS:"a\\u0000.example"', ['a\0.example']],
		['DNS:"', []],
		['DNS:"\\', []],
		['othername:<unsupported>, DNS:a', ['a']],
		['Registered ID:1.2.3, DNS:a', ['a']],
		['DirName:"C=US, CN=DNS:evil", DNS:a', ['a']],
	];
	for (const [text, names] of table) t.same(namesOf(text), names, text);
});

t.test('what Node cannot have written is no reason to throw', async (t) => {
	const piece = fc.constantFrom('DNS:', 'URI:', '"', '\\', ', ', 'a', '\\u00', ':', 'email:x@y');
	fc.assert(
		fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
			t.ok(namesOf(pieces.join('')).every((name) => name.length <= 60));
		}),
		{ numRuns: 500, seed: 1 },
	);
});

t.test('names of real certificates, whatever is in them', async (t) => {
	const names = ['a.example', '*.b.example', 'who@c.example', 'spiffe://d/e,f', 'http://g/, DNS:evil'];
	const { cert } = certificateAuthority(t).issue([...names, '10.0.0.1', '::1'], { commonName: 'someone' });
	t.same(namesOf(new X509Certificate(cert).subjectAltName ?? ''), names);
});
