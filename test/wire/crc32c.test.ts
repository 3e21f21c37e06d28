import t from 'tap';
import { crc32c } from '../../src/wire/crc32c.ts';
import { hex, join, utf8 } from '../support/hello-bytes.ts';

/** RFC 3720 appendix B.4, and the check value of the catalogue of CRC algorithms. */
const KNOWN: readonly (readonly [what: string, bytes: Uint8Array, crc: number])[] = [
	['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
	['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
	['32 incrementing bytes', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
	['32 decrementing bytes', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
	['123456789', utf8('123456789'), 0xe3069283],
	['nothing', new Uint8Array(0), 0],
];

for (const [what, bytes, crc] of KNOWN) {
	t.test(`the CRC32c of ${what}`, (t) => {
		t.equal(crc32c(bytes), crc);
		t.end();
	});
}

t.test('where the checksum itself stands, zeros are taken', (t) => {
	const [before, after] = [hex('0102'), hex('030405')];
	const zeros = crc32c(join(before, new Uint8Array(4), after));
	t.equal(crc32c(join(before, hex('deadbeef'), after), 2), zeros);
	t.not(crc32c(join(before, hex('deadbeef'), after)), zeros);
	t.not(crc32c(join(before, hex('deadbeef'), after), 3), zeros);
	t.equal(crc32c(join(hex('deadbeef'), after), 0), crc32c(join(new Uint8Array(4), after)));
	t.end();
});
