import t from 'tap';
import { CertificateChoice } from '../../../../src/engine/node/tls/certificates.ts';
import { certificateAuthority } from '../../../support/certificates.ts';
import { certificateOf } from '../../../support/tls.ts';

const ca = certificateAuthority(t);
const [ecdsa, other, rsa] = [ca.issue(['any']), ca.issue(['any']), ca.issue(['any'], { keyKind: 'rsa' })];

const named = (names: string[], issued = ecdsa, isDefault = false) => certificateOf(issued, { names, isDefault });

t.test('a name is looked for among the names, then among the wildcards, then the default is taken', async (t) => {
	const fallback = named(['default.example'], ecdsa, true);
	const exact = named(['a.example', 'b.example']);
	const wildcard = named(['*.example']);
	const deep = named(['*.c.example']);
	const choice = new CertificateChoice([fallback, exact, wildcard, deep]);
	const table = [
		['a.example', exact],
		['b.example', exact],
		['d.example', wildcard],
		['example', fallback],
		['x.a.example', fallback],
		['x.c.example', deep],
		['c.example', wildcard],
		['*.example', wildcard],
		['', fallback],
		['.', fallback],
		['.example', fallback],
		[null, fallback],
	] as const;
	for (const [name, expected] of table) t.same(choice.for(name), [expected], `${name}`);
	t.equal(choice.for('a.example'), choice.for('b.example'), 'the same set is the same object');
});

t.test('all that have the name serve together, one for each kind of key', async (t) => {
	const [one, two, three] = [
		named(['a.example'], ecdsa, true),
		named(['a.example'], other),
		named(['a.example'], rsa, true),
	];
	const choice = new CertificateChoice([one, two, three]);
	t.same(choice.for('a.example'), [one, three], 'the first of each kind');
	t.same(choice.for('b.example'), [one, three], 'the default ones, too');
});

t.test('a name is not mixed with wildcards for it', async (t) => {
	const [exact, wildcard] = [named(['a.example'], ecdsa, true), named(['*.example'], rsa)];
	t.same(new CertificateChoice([exact, wildcard]).for('a.example'), [exact]);
});
