import t from 'tap';
import { readHostName } from '../../src/wire/host-name.ts';
import { utf8 } from '../support/hello-bytes.ts';

const read = (text: string): string | null => {
	const bytes = utf8(text);
	return readHostName(bytes, 0, bytes.length);
};

const LONGEST = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`;

const NAMES: readonly (readonly [text: string, name: string])[] = [
	['localhost', 'localhost'],
	['Example.COM', 'example.com'],
	['example.com.', 'example.com'],
	['xn--bcher-kva.example', 'xn--bcher-kva.example'],
	['1.example', '1.example'],
	['a_b._tcp.example', 'a_b._tcp.example'],
	['-a-.example', '-a-.example'],
	['r3---sn-4g5e.example', 'r3---sn-4g5e.example'],
	['192.0.2.1', '192.0.2.1'],
	['a', 'a'],
	[`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`],
	[LONGEST, LONGEST],
	[`${LONGEST}.`, LONGEST],
];

for (const [text, name] of NAMES) {
	t.test(`${text.slice(0, 40)} is a host name`, (t) => {
		t.equal(read(text), name);
		t.end();
	});
}

const REFUSED = [
	...['', '.', '..', '.example', 'a..example', 'example..', 'a. .example', ' example', 'example\n', 'a\0', '\0'],
	...['*.example', 'a/b', 'a:443', '[::1]', '::1', 'user@example', 'a,b', 'a\\b', '"a"', 'a%20b', 'bücher.example'],
	...[`${'a'.repeat(64)}.example`, `${LONGEST}d`, 'a.'.repeat(254), '\u0130.example', '\u212a.example'],
];

for (const text of REFUSED) {
	t.test(`${JSON.stringify(text.slice(0, 40))} is none`, (t) => {
		t.equal(read(text), null);
		t.end();
	});
}

t.test('of all bytes, only letters, digits, hyphen and underscore make a label', (t) => {
	const taken = Array.from({ length: 256 }, (_, byte) => readHostName(Uint8Array.of(byte, 0x61), 0, 2));
	const expected = Array.from({ length: 256 }, (_, byte) => {
		const character = String.fromCharCode(byte);
		return /[A-Za-z0-9_-]/.test(character) ? `${character.toLowerCase()}a` : null;
	});
	t.strictSame(taken, expected);
	t.end();
});

t.test('only the bytes asked for are read', (t) => {
	t.equal(readHostName(utf8('xxa.exampleyy'), 2, 11), 'a.example');
	t.equal(readHostName(utf8('a.'), 1, 1), null);
	t.end();
});
