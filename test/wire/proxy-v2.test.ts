import t from 'tap';
import { crc32c } from '../../src/wire/crc32c.ts';
import {
	MAX_PROXY_HEADER_BYTES,
	type ProxyAddresses,
	type ProxyHeaderResult,
	readProxyHeader,
} from '../../src/wire/proxy-protocol.ts';
import { decided as decidedBy } from '../support/decided.ts';
import { hex, join, utf8 } from '../support/hello-bytes.ts';
import {
	parsed,
	SIGNATURE,
	tlv,
	tlvOfLength,
	V4_ADDRESSES,
	V4_BLOCK,
	V6_ADDRESSES,
	V6_BLOCK,
	v2,
} from '../support/proxy-bytes.ts';

const decided = (bytes: Uint8Array): [after: number, result: ProxyHeaderResult] => decidedBy(bytes, readProxyHeader);

const NOTHING = new Uint8Array(0);
const UNIX_BLOCK = join(utf8('/run/a'), new Uint8Array(102), utf8('/run/b'), new Uint8Array(102));

/** A header over TCP and IPv4 whose checksum is right; the TLVs around it as given. */
function checked(before: Uint8Array, after: Uint8Array): Uint8Array {
	const header = v2(0x21, 0x11, V4_BLOCK, before, tlv(3, new Uint8Array(4)), after);
	const at = header.length - after.length - 4;
	new DataView(header.buffer).setUint32(at, crc32c(header));
	return header;
}

const HEADERS: readonly (readonly [what: string, header: Uint8Array, addresses: ProxyAddresses | null])[] = [
	['TCP over IPv4', v2(0x21, 0x11, V4_BLOCK), V4_ADDRESSES],
	['TCP over IPv6', v2(0x21, 0x21, V6_BLOCK), V6_ADDRESSES],
	[
		'IPv4 addresses mapped to IPv6',
		v2(0x21, 0x21, hex('00000000 00000000 0000ffff c0000201 00000000 00000000 0000ffff c6336402 0102 0304')),
		V4_ADDRESSES,
	],
	['a unix-domain stream', v2(0x21, 0x31, UNIX_BLOCK), null],
	['no family', v2(0x21, 0x00), null],
	['no family, and something that is ignored', v2(0x21, 0x00, hex('03 ffff ff')), null],
	['LOCAL', v2(0x20, 0x00), null],
	['LOCAL with addresses', v2(0x20, 0x11, V4_BLOCK), null],
	['LOCAL with something that is ignored', v2(0x20, 0x00, hex('03 ffff ff')), null],
	['LOCAL of a family that is ignored', v2(0x20, 0xff, hex('00')), null],
	['an empty TLV', v2(0x21, 0x11, V4_BLOCK, tlv(4, NOTHING)), V4_ADDRESSES],
	[
		'TLVs of known and unknown types',
		v2(0x21, 0x21, V6_BLOCK, tlv(2, utf8('a.example')), tlv(0xe0, new Uint8Array(300)), tlv(0xff, NOTHING)),
		V6_ADDRESSES,
	],
	['TLVs after unix-domain addresses', v2(0x21, 0x31, UNIX_BLOCK, tlv(5, utf8('id'))), null],
	['one type twice', v2(0x21, 0x11, V4_BLOCK, tlv(4, NOTHING), tlv(4, NOTHING)), V4_ADDRESSES],
	['a TLV of SSL that holds no sense', v2(0x21, 0x11, V4_BLOCK, tlv(0x20, hex('ff'))), V4_ADDRESSES],
	['a checksum', checked(NOTHING, NOTHING), V4_ADDRESSES],
	['a checksum between TLVs', checked(tlv(1, utf8('h2')), tlv(4, new Uint8Array(7))), V4_ADDRESSES],
	[
		`${MAX_PROXY_HEADER_BYTES} bytes`,
		v2(0x21, 0x11, V4_BLOCK, tlv(4, new Uint8Array(MAX_PROXY_HEADER_BYTES - 16 - 12 - 3))),
		V4_ADDRESSES,
	],
];

for (const [what, header, addresses] of HEADERS) {
	t.test(`a header with ${what} is read when it is whole`, (t) => {
		t.strictSame(decided(header), [header.length, parsed(2, addresses, header.length)]);
		t.strictSame(readProxyHeader(join(header, header)), parsed(2, addresses, header.length), 'and no more than it');
		t.end();
	});
}

const HALF = V4_BLOCK.subarray(0, 11);
const AFTER_V4 = 16 + 12;
const TLVS = 'a TLV is longer than the header';
const CRC = 'a checksum that is not of 4 bytes';

/** Each is wrong after so many bytes, and not before. */
const WRONG: readonly (readonly [what: string, bytes: Uint8Array, after: number, reason: string])[] = [
	['a wrong signature', join(SIGNATURE.subarray(0, 11), hex('0b')), 12, 'wrong signature'],
	['an empty HTTP line', utf8('\r\n\r\nGET /'), 5, 'wrong signature'],
	['version 1 in binary', v2(0x11, 0x11, V4_BLOCK), 13, 'version 1 is none'],
	['version 3', v2(0x31, 0x11, V4_BLOCK), 13, 'version 3 is none'],
	['command 2', v2(0x22, 0x11, V4_BLOCK), 13, 'unknown command 2'],
	['command 15', v2(0x2f, 0x11, V4_BLOCK), 13, 'unknown command 15'],
	...[0x01, 0x02, 0x10, 0x12, 0x13, 0x20, 0x22, 0x30, 0x32, 0x41, 0xf1, 0xff].map(
		(family): [string, Uint8Array, number, string] => {
			const shown = `0x${family.toString(16).padStart(2, '0')}`;
			const block = new Uint8Array(216);
			return [
				`family and transport ${shown}`,
				v2(0x21, family, block),
				14,
				`${shown} is no family and transport for a stream`,
			];
		},
	),
	['no room for IPv4', v2(0x21, 0x11, HALF), 16, '11 bytes have no room for the addresses'],
	['no room for IPv6', v2(0x21, 0x21, V4_BLOCK), 16, '12 bytes have no room for the addresses'],
	['no room for paths', v2(0x21, 0x31, new Uint8Array(215)), 16, '215 bytes have no room for the addresses'],
	[
		'one byte too many',
		v2(0x21, 0x11, V4_BLOCK, new Uint8Array(MAX_PROXY_HEADER_BYTES - 16 - 12 + 1)),
		16,
		'longer than 4096 bytes',
	],
	['a length of 64 KiB', join(SIGNATURE, hex('21 11 ffff')), 15, 'longer than 4096 bytes'],
	['a LOCAL of 64 KiB', join(SIGNATURE, hex('20 00 ffff')), 15, 'longer than 4096 bytes'],
	['one byte after the addresses', v2(0x21, 0x11, V4_BLOCK, hex('04')), 16, 'it ends within a TLV'],
	['two bytes after the addresses', v2(0x21, 0x11, V4_BLOCK, hex('04 00')), 16, 'it ends within a TLV'],
	[
		'one byte after a TLV',
		v2(0x21, 0x11, V4_BLOCK, tlv(4, hex('aa')), hex('04')),
		AFTER_V4 + 3,
		'it ends within a TLV',
	],
	['a TLV one byte too long', v2(0x21, 0x11, V4_BLOCK, tlvOfLength(4, 3, hex('0102'))), AFTER_V4 + 3, TLVS],
	['a TLV far too long', v2(0x21, 0x11, V4_BLOCK, tlvOfLength(4, 0x0800, hex('0102'))), AFTER_V4 + 2, TLVS],
	['a second TLV too long', v2(0x21, 0x11, V4_BLOCK, tlv(4, NOTHING), tlvOfLength(5, 9, NOTHING)), AFTER_V4 + 6, TLVS],
	['a checksum of 3 bytes', v2(0x21, 0x11, V4_BLOCK, tlv(3, new Uint8Array(3))), AFTER_V4 + 1, CRC],
	[
		'a checksum of 3 bytes before more',
		v2(0x21, 0x11, V4_BLOCK, tlv(3, new Uint8Array(3)), tlv(4, NOTHING)),
		AFTER_V4 + 3,
		CRC,
	],
	['a checksum of 5 bytes', v2(0x21, 0x11, V4_BLOCK, tlv(3, new Uint8Array(5))), AFTER_V4 + 3, CRC],
	['a checksum of 256 bytes', v2(0x21, 0x11, V4_BLOCK, tlv(3, new Uint8Array(256))), AFTER_V4 + 2, CRC],
	['an empty checksum', v2(0x21, 0x11, V4_BLOCK, tlv(3, NOTHING), tlv(4, hex('00'))), AFTER_V4 + 3, CRC],
	['two checksums', checked(tlv(3, new Uint8Array(4)), NOTHING), AFTER_V4 + 8, 'two checksums'],
];

for (const [what, bytes, after, reason] of WRONG) {
	t.test(`${what} is wrong at once`, (t) => {
		const invalid = { type: 'invalid', reason: `version 2: ${reason}` };
		t.strictSame(decided(bytes), [after, invalid]);
		t.strictSame(readProxyHeader(join(bytes, new Uint8Array(300))), invalid, 'whatever comes after it');
		t.end();
	});
}

t.test('a header with a checksum is refused with any one bit the other way', (t) => {
	const header = checked(tlv(2, utf8('a.example')), tlv(0xe1, utf8('x')));
	t.equal(readProxyHeader(header).type, 'parsed');
	for (let bit = 0; bit < header.length * 8; bit++) {
		const other = Uint8Array.from(header);
		other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
		const result = readProxyHeader(other);
		// To LOCAL, all but the length is nothing; a longer header is not all there; a TLV of another type is no checksum.
		const harmless = bit === 12 * 8 || (bit >> 3 === AFTER_V4 + 12 && result.type === 'parsed');
		const waits = (bit >> 3 === 14 || bit >> 3 === 15) && result.type === 'need-more';
		if (result.type !== 'invalid' && !harmless && !waits) t.fail(`bit ${bit}: ${JSON.stringify(result)}`);
	}
	t.end();
});

t.test('a wrong checksum is told when the header is whole', (t) => {
	const header = checked(NOTHING, NOTHING);
	header[AFTER_V4 + 3] = (header[AFTER_V4 + 3] ?? 0) ^ 1;
	t.strictSame(decided(header), [
		header.length,
		{ type: 'invalid', reason: 'version 2: the CRC32c checksum does not match' },
	]);
	t.end();
});

t.test('a first byte that begins no header is wrong', (t) => {
	for (let byte = 0; byte < 256; byte++) {
		const expected = byte === 0x50 || byte === 0x0d ? 'need-more' : 'invalid';
		t.equal(readProxyHeader(Uint8Array.of(byte)).type, expected, `${byte}`);
	}
	t.strictSame(readProxyHeader(utf8('GET /')), { type: 'invalid', reason: 'no PROXY header begins with byte 71' });
	t.strictSame(readProxyHeader(NOTHING), { type: 'need-more' });
	t.end();
});
