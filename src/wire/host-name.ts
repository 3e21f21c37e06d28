import { byteAt } from './reader.ts';

/** RFC 1035 section 2.3.4: 255 octets on the wire of the DNS are 253 characters, and 63 in a label. */
const MAX_NAME = 253;
const MAX_LABEL = 63;
const DOT = 0x2e;

/** What a byte of a label is written as; empty: it belongs in none. */
const LABEL_CHARACTERS: readonly string[] = Array.from({ length: 256 }, (_, code) => {
	const character = String.fromCharCode(code);
	return /[A-Za-z0-9_-]/.test(character) ? character.toLowerCase() : '';
});

/**
 * The host name in these bytes, in lower case and without its trailing dot; null when it is none. Letters, digits, hyphens
 * (anywhere: names like `-a.example` are in use) and underscores make labels. An IPv4 address passes for a name, as every
 * server takes it, although RFC 6066 section 3 forbids clients to send one.
 */
export function readHostName(bytes: Uint8Array, at: number, end: number): string | null {
	const last = end > at && bytes[end - 1] === DOT ? end - 1 : end;
	if (last - at > MAX_NAME) return null;
	let name = '';
	let label = 0;
	for (let i = at; i < last; i++) {
		const code = byteAt(bytes, i);
		if (code === DOT) {
			if (label === 0) return null;
			label = 0;
			name += '.';
			continue;
		}
		const character = LABEL_CHARACTERS[code] ?? '';
		if (character === '' || ++label > MAX_LABEL) return null;
		name += character;
	}
	return label === 0 ? null : name;
}
