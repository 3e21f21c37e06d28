/** What backends get to write into our log is shortened to this. */
const MAX_SHOWN = 60;

/** So many bytes in a row of what was sent are not shown when they come back. */
const SECRET_BYTES = 4;
const HIDDEN = '***';

/**
 * Bytes as text in quotes, on one line, shortened, what is not printable escaped: `"-ERR\r\n"`. What a backend repeats of
 * what was `sent` to it is left out: a password may be in it.
 */
export function showBytes(bytes: Buffer, sent: readonly string[] = []): string {
	const text = bytes.toString('latin1');
	const secrets = new Set(sent.flatMap(piecesOf));
	const shown: string[] = [];
	let length = 0;
	for (let at = 0, hiddenTo = 0; at < text.length; at++) {
		const hidden = at < hiddenTo;
		if (secrets.has(text.slice(at, at + SECRET_BYTES))) hiddenTo = at + SECRET_BYTES;
		if (hidden) continue;
		const next = at < hiddenTo ? HIDDEN : escaped(text.charAt(at));
		length += next.length;
		if (length > MAX_SHOWN) return `"${shown.join('')}..."`;
		shown.push(next);
	}
	return `"${shown.join('')}"`;
}

const piecesOf = (text: string): string[] =>
	Array.from({ length: Math.max(0, text.length - SECRET_BYTES + 1) }, (_, at) => text.slice(at, at + SECRET_BYTES));

const ESCAPES: Readonly<Record<string, string>> = { '\r': '\\r', '\n': '\\n', '\t': '\\t', '"': '\\"', '\\': '\\\\' };

const escaped = (character: string): string =>
	ESCAPES[character] ??
	(/[\x20-\x7e]/.test(character) ? character : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
