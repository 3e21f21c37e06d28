import { byteAt } from './reader.ts';

/**
 * ALPN names are bytes (RFC 7301 section 3.1), most of them readable ASCII. As text, what is not printable ASCII, and the
 * backslash, is written `\xNN`: names differ as their bytes do, and none can break a log line. `h2` is `h2`; what
 * browsers send as GREASE (RFC 8701) is such as `\x0a\x0a` or `\xea\xea`.
 */
export function readAlpn(bytes: Uint8Array, at: number, end: number): string {
	let text = '';
	for (let i = at; i < end; i++) text += CHARACTERS[byteAt(bytes, i)] ?? '';
	return text;
}

const CHARACTERS: readonly string[] = Array.from({ length: 256 }, (_, code) => {
	const character = String.fromCharCode(code);
	return /[ -[\]-~]/.test(character) ? character : `\\x${code.toString(16).padStart(2, '0')}`;
});

const UTF8 = new TextEncoder();
const ESCAPED = /\\x([0-9a-f]{2})/;

/** The bytes of a name that `readAlpn` has written, or that an operator wrote (beyond ASCII: UTF-8). */
export function alpnBytes(text: string): Uint8Array {
	if (!text.includes('\\')) return UTF8.encode(text);
	// Split by a group: every second part is the two digits of an escape.
	const parts = text.split(ESCAPED);
	return Uint8Array.from(
		parts.flatMap((part, i) => (i % 2 === 1 ? [Number.parseInt(part, 16)] : [...UTF8.encode(part)])),
	);
}
