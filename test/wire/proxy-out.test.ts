import t from 'tap';
import {
	type ProxyAddresses,
	type ProxyFacts,
	type ProxySsl,
	readProxyHeader,
	writeLocalHeader,
	writeProxyHeader,
} from '../../src/wire/proxy-protocol.ts';
import { hex, join, utf8 } from '../support/hello-bytes.ts';
import {
	between,
	parsed,
	SIGNATURE,
	SILENT,
	tlv,
	V4_ADDRESSES,
	V4_BLOCK,
	V6_ADDRESSES,
	V6_BLOCK,
	v2,
} from '../support/proxy-bytes.ts';

const UNIX: ProxyAddresses = { source: { address: null, port: 0 }, destination: { address: null, port: 0 } };
const MIXED = between('192.0.2.1', 0x0102, '2001:db8::2', 0x0304);
const HALF: ProxyAddresses = { source: { address: null, port: 0 }, destination: V4_ADDRESSES.destination };

const LINES: readonly (readonly [what: string, addresses: ProxyAddresses | null, line: string])[] = [
	['IPv4', V4_ADDRESSES, 'PROXY TCP4 192.0.2.1 198.51.100.2 258 772\r\n'],
	['IPv6', V6_ADDRESSES, 'PROXY TCP6 2001:db8:0:0:0:0:0:1 2001:db8:0:0:0:0:0:2 258 772\r\n'],
	['one of each', MIXED, 'PROXY TCP6 0:0:0:0:0:ffff:c000:201 2001:db8:0:0:0:0:0:2 258 772\r\n'],
	['unix-domain sockets', UNIX, 'PROXY UNKNOWN\r\n'],
	['one without an address', HALF, 'PROXY UNKNOWN\r\n'],
	['nothing', null, 'PROXY UNKNOWN\r\n'],
];

for (const [what, addresses, line] of LINES) {
	t.test(`version 1 of ${what}`, (t) => {
		t.equal(Buffer.from(writeProxyHeader('v1', { ...SILENT, addresses })).toString(), line);
		t.end();
	});
}

t.test('the longest line of version 1', (t) => {
	const address = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
	const line = writeProxyHeader('v1', { ...SILENT, addresses: between(address, 65535, address, 65535) });
	t.equal(line.length, 104);
	t.end();
});

t.test('version 1 has no TLVs', (t) => {
	const facts: ProxyFacts = { ...SILENT, authority: 'a.example', alpn: 'h2', uniqueId: utf8('1'), crc32c: true };
	t.equal(Buffer.from(writeProxyHeader('v1', facts)).toString(), 'PROXY UNKNOWN\r\n');
	t.end();
});

const MAPPED_BLOCK = hex('00000000 00000000 0000ffff c0000201 20010db8 00000000 00000000 00000002 0102 0304');
const BINARY: readonly (readonly [what: string, facts: Partial<ProxyFacts>, header: Uint8Array])[] = [
	['IPv4', { addresses: V4_ADDRESSES }, v2(0x21, 0x11, V4_BLOCK)],
	['IPv6', { addresses: V6_ADDRESSES }, v2(0x21, 0x21, V6_BLOCK)],
	['one of each', { addresses: MIXED }, v2(0x21, 0x21, MAPPED_BLOCK)],
	['unix-domain sockets', { addresses: UNIX }, v2(0x21, 0x00)],
	['one without an address', { addresses: HALF }, v2(0x21, 0x00)],
	['nothing', {}, v2(0x21, 0x00)],
	[
		'an authority',
		{ addresses: V4_ADDRESSES, authority: 'a.example' },
		v2(0x21, 0x11, V4_BLOCK, tlv(2, utf8('a.example'))),
	],
	['a protocol', { alpn: 'http/1.1' }, v2(0x21, 0x00, tlv(1, utf8('http/1.1')))],
	['a protocol of any bytes', { alpn: '\\x0a\\x0a' }, v2(0x21, 0x00, tlv(1, hex('0a0a')))],
	[
		'texts of 256 bytes',
		{ authority: 'a'.repeat(256), alpn: 'p'.repeat(256) },
		v2(0x21, 0x00, tlv(2, utf8('a'.repeat(256))), tlv(1, utf8('p'.repeat(256)))),
	],
	['texts of more, which are left out', { authority: 'a'.repeat(257), alpn: 'ä'.repeat(129) }, v2(0x21, 0x00)],
	['a unique id', { uniqueId: hex('00ff') }, v2(0x21, 0x00, tlv(5, hex('00ff')))],
	['a unique id of 128 bytes', { uniqueId: new Uint8Array(128) }, v2(0x21, 0x00, tlv(5, new Uint8Array(128)))],
];

for (const [what, facts, header] of BINARY) {
	t.test(`version 2 of ${what}`, (t) => {
		t.strictSame(writeProxyHeader('v2', { ...SILENT, ...facts }), header);
		t.end();
	});
}

const CIPHER = 'TLS_AES_128_GCM_SHA256';
const SUB_TLVS = join(tlv(0x21, utf8('TLSv1.3')), tlv(0x23, utf8(CIPHER)));
const name = (text: string): Uint8Array => tlv(0x22, utf8(text));
const SSL: readonly (readonly [what: string, certificate: ProxySsl['certificate'], value: Uint8Array])[] = [
	['no client certificate', null, join(hex('01 00000001'), SUB_TLVS)],
	['one that was verified', { verified: true, commonName: 'Kläre' }, join(hex('07 00000000'), SUB_TLVS, name('Kläre'))],
	['one that was not', { verified: false, commonName: 'me' }, join(hex('07 00000001'), SUB_TLVS, name('me'))],
	['one without a name', { verified: true, commonName: null }, join(hex('07 00000000'), SUB_TLVS)],
	[
		'one with a name of 256 bytes',
		{ verified: true, commonName: 'n'.repeat(256) },
		join(hex('07 00000000'), SUB_TLVS, name('n'.repeat(256))),
	],
	[
		'one with a longer name, which is left out',
		{ verified: true, commonName: 'ä'.repeat(129) },
		join(hex('07 00000000'), SUB_TLVS),
	],
];

for (const [what, certificate, value] of SSL) {
	t.test(`the TLV of TLS, with ${what}`, (t) => {
		const ssl = { version: 'TLSv1.3', cipher: CIPHER, resumed: false, certificate };
		t.strictSame(writeProxyHeader('v2', { ...SILENT, ssl }), v2(0x21, 0x00, tlv(0x20, value)));
		t.end();
	});
}

t.test('a certificate of a session that was taken up again was shown in the session, not on this connection', (t) => {
	const clientOf = (resumed: boolean, certificate: ProxySsl['certificate']): number | undefined => {
		const ssl = { version: 'TLSv1.3', cipher: CIPHER, resumed, certificate };
		return writeProxyHeader('v2', { ...SILENT, ssl })[19];
	};
	const certificate = { verified: true, commonName: null };
	t.equal(clientOf(false, certificate), 0x07);
	t.equal(clientOf(true, certificate), 0x05, 'PP2_CLIENT_SSL and PP2_CLIENT_CERT_SESS');
	t.equal(clientOf(true, null), 0x01);
	t.end();
});

t.test('a checksum comes last, and is right', (t) => {
	const header = writeProxyHeader('v2', { ...SILENT, addresses: V4_ADDRESSES, authority: 'a.example', crc32c: true });
	t.strictSame(header.subarray(-7, -4), hex('03 0004'));
	t.strictSame(readProxyHeader(header), parsed(2, V4_ADDRESSES, header.length));
	header[20] = 7;
	t.match(readProxyHeader(header), { type: 'invalid' });
	t.end();
});

t.test('a unique id of 129 bytes is the fault of whoever made it', (t) => {
	const facts = { ...SILENT, uniqueId: new Uint8Array(129) };
	t.throws(() => writeProxyHeader('v2', facts), new RangeError('a unique id of 129 bytes; at most 128'));
	t.end();
});

t.test('a header stays as it is when the next one is written', (t) => {
	const first = writeProxyHeader('v2', { ...SILENT, addresses: V4_ADDRESSES });
	const second = writeProxyHeader('v2', { ...SILENT, addresses: V6_ADDRESSES });
	t.strictSame([first, second], [v2(0x21, 0x11, V4_BLOCK), v2(0x21, 0x21, V6_BLOCK)]);
	t.end();
});

t.test('a probe says LOCAL; in version 1 its own addresses, or UNKNOWN', (t) => {
	t.strictSame(writeLocalHeader('v2'), join(SIGNATURE, hex('20 00 0000')));
	t.strictSame(writeLocalHeader('v2', V4_ADDRESSES), join(SIGNATURE, hex('20 00 0000')));
	t.strictSame(writeLocalHeader('v1'), utf8('PROXY UNKNOWN\r\n'));
	t.strictSame(writeLocalHeader('v1', V4_ADDRESSES), utf8('PROXY TCP4 192.0.2.1 198.51.100.2 258 772\r\n'));
	t.end();
});
