import fc from 'fast-check';
import t from 'tap';
import { alpnBytes, readAlpn } from '../../src/wire/alpn.ts';
import { hex, utf8 } from '../support/hello-bytes.ts';

const NAMES: readonly (readonly [bytes: Uint8Array, text: string])[] = [
	[utf8('h2'), 'h2'],
	[utf8('http/1.1'), 'http/1.1'],
	[utf8('a b~!"'), 'a b~!"'],
	[hex('0a0a'), '\\x0a\\x0a'],
	[hex('ea ea'), '\\xea\\xea'],
	[hex('00 7f 80 ff'), '\\x00\\x7f\\x80\\xff'],
	[utf8('\\x0a'), '\\x5cx0a'],
	[utf8('\\'), '\\x5c'],
	[utf8('ü'), '\\xc3\\xbc'],
];

for (const [bytes, text] of NAMES) {
	t.test(`${text} stands for ${bytes.length} bytes, and they for it`, (t) => {
		t.equal(readAlpn(bytes, 0, bytes.length), text);
		t.strictSame(alpnBytes(text), bytes);
		t.end();
	});
}

t.test('what an operator writes is UTF-8, and a backslash that escapes nothing is one', (t) => {
	t.strictSame(alpnBytes('ü'), hex('c3bc'));
	t.strictSame(alpnBytes('\\y\\x1\\xgg\\x41'), utf8('\\y\\x1\\xggA'));
	t.strictSame(alpnBytes(''), hex(''));
	t.end();
});

t.test('any bytes come back, and their text is printable ASCII', (t) => {
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 255 }), (bytes) => {
			const text = readAlpn(bytes, 0, bytes.length);
			return /^[ -~]*$/.test(text) && Buffer.from(bytes).equals(alpnBytes(text));
		}),
		{ numRuns: 1_000 },
	);
	t.end();
});
