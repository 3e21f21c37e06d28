import { textForm } from './fields.ts';
import { parsed, wrong } from './units.ts';

export { path } from './fields-tls.ts';

/** Where a secret stands: a configuration never holds one itself. */
export type SecretPlace =
	| { readonly from: 'env'; readonly name: string }
	| { readonly from: 'file'; readonly path: string };

/** What is wrong is told without the text: it may be the secret itself. */
export const secret = () =>
	textForm<SecretPlace>({
		unit: 'secret',
		expected: 'env:NAME or file:PATH',
		parse: (text) => {
			const [, kind, rest] = /^(env|file):(.+)$/s.exec(text) ?? [];
			if (rest === undefined)
				return wrong('expected env:NAME or file:PATH, where the secret stands, not the secret itself');
			if (kind === 'file') return parsed<SecretPlace>({ from: 'file', path: rest });
			if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(rest)) return parsed<SecretPlace>({ from: 'env', name: rest });
			return wrong('env: is followed by the name of an environment variable');
		},
		pattern: '^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$',
	});
