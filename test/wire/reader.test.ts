import t from 'tap';
import { Reader, u16At, u32At } from '../../src/wire/reader.ts';
import { hex } from '../support/hello-bytes.ts';

const BYTES = hex('0102 0304 ff fe');

t.test('numbers are big-endian and come one after another', (t) => {
	const reader = new Reader(BYTES, 0, 6);
	t.strictSame([reader.u8(), reader.u16(), reader.skip(1), reader.left], [1, 0x0203, 3, 2]);
	t.equal(reader.u16(), 0xfffe);
	t.strictSame([reader.left, reader.short], [0, false]);
	t.strictSame([u16At(BYTES, 4), u32At(BYTES, 2)], [0xfffe, 0x0304fffe]);
	t.end();
});

const TOO_MUCH: readonly (readonly [what: string, read: (reader: Reader) => number])[] = [
	['a byte', (reader) => reader.u8() + reader.u8()],
	['a number', (reader) => reader.u16()],
	['bytes to skip', (reader) => reader.skip(2) - 1],
	['a part', (reader) => reader.part(2).left - 1],
];

for (const [what, read] of TOO_MUCH) {
	t.test(`${what} beyond the end is none, though there are bytes, and ends all reading`, (t) => {
		const reader = new Reader(BYTES, 1, 2);
		read(reader);
		t.strictSame([reader.short, reader.left, reader.at], [true, 0, 2]);
		t.strictSame([reader.u8(), reader.u16(), reader.part(1).left], [0, 0, 0]);
		t.end();
	});
}

t.test('a part ends where it should, whatever follows it', (t) => {
	const reader = new Reader(BYTES, 0, 6);
	const part = reader.part(3);
	t.strictSame([part.u16(), part.u16(), part.short], [0x0102, 0, true]);
	t.strictSame([reader.short, reader.u8()], [false, 4]);
	t.end();
});
