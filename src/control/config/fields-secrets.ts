import { textForm } from './fields.ts';
import { type Parsed, parsed, wrong } from './units.ts';

export { path } from './fields-tls.ts';

/** Where a secret stands: a configuration never holds one itself. */
export type SecretPlace =
	| { readonly from: 'env'; readonly name: string }
	| { readonly from: 'file'; readonly path: string };

function parseSecret(text: string): Parsed<SecretPlace> {
	const [, kind, rest] = /^(env|file):(.+)$/s.exec(text) ?? [];
	if (rest === undefined)
		return wrong('expected env:NAME or file:PATH, where the secret stands, not the secret itself');
	if (kind === 'file') return parsed<SecretPlace>({ from: 'file', path: rest });
	if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(rest)) return parsed<SecretPlace>({ from: 'env', name: rest });
	return wrong('env: is followed by the name of an environment variable');
}

/** What is wrong is told without the text: it may be the secret itself. */
export const secret = () =>
	textForm<SecretPlace>({
		unit: 'secret',
		expected: 'env:NAME or file:PATH',
		parse: parseSecret,
		pattern: '^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$',
	});

/** A URL as written, or where a secret one stands. */
export type WebhookPlace = SecretPlace | { readonly from: 'text'; readonly url: string };

/** Null, or what is wrong with a URL to post to; without the text, which may hold a secret. */
export function webhookFault(url: string): string | null {
	const parts = URL.parse(url);
	if (parts === null || !/^https?:$/.test(parts.protocol)) return 'expected a URL that begins with http:// or https://';
	if (parts.username !== '' || parts.password !== '') return 'a URL cannot have a user name or password in it';
	return null;
}

export const webhook = () =>
	textForm<WebhookPlace>({
		unit: 'URL or secret',
		expected: 'a URL, env:NAME or file:PATH',
		parse: (text) => {
			if (/^(env|file):/.test(text)) return parseSecret(text);
			const fault = webhookFault(text);
			return fault === null
				? parsed<WebhookPlace>({ from: 'text', url: text })
				: wrong(`${fault}, env:NAME or file:PATH`);
		},
		pattern: '^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|https?://.+)$',
	});
