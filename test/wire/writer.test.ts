import t from 'tap';
import { Writer } from '../../src/wire/writer.ts';
import { hex, utf8 } from '../support/hello-bytes.ts';

t.test('numbers are big-endian and stand one after another', (t) => {
	const out = new Writer(new Uint8Array(20));
	out.u8(1);
	out.u16(0x0203);
	out.u32(0xfefdfcfb);
	out.put(hex('aabb'));
	out.u16At(1, 0x1234);
	t.strictSame(out.copy(), hex('01 1234 fefdfcfb aabb'));
	t.end();
});

t.test('texts are UTF-8, wherever in them ASCII ends', (t) => {
	for (const text of ['', 'plain', 'ä', 'plain ä and more', 'plain 🜁']) {
		const out = new Writer(new Uint8Array(40));
		out.u8(7);
		out.text(text);
		t.strictSame(out.copy(), Uint8Array.from([7, ...utf8(text)]), text);
	}
	t.end();
});

t.test('a copy stays as it is, whatever is written later', (t) => {
	const bytes = new Uint8Array(2);
	const out = new Writer(bytes);
	out.u8(1);
	const copy = out.copy();
	bytes.fill(9);
	t.strictSame(copy, hex('01'));
	t.end();
});
