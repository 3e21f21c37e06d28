import t from 'tap';
import { type ProxyAddresses, type ProxyHeaderResult, readProxyHeader } from '../../src/wire/proxy-protocol.ts';
import { decided as decidedBy } from '../support/decided.ts';
import { join, utf8 } from '../support/hello-bytes.ts';
import { between, parsed } from '../support/proxy-bytes.ts';

const decided = (bytes: Uint8Array): [after: number, result: ProxyHeaderResult] => decidedBy(bytes, readProxyHeader);

const LONG = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
const LINES: readonly (readonly [line: string, addresses: ProxyAddresses | null])[] = [
	['PROXY TCP4 192.0.2.1 198.51.100.2 56324 443', between('192.0.2.1', 56324, '198.51.100.2', 443)],
	['PROXY TCP4 0.0.0.0 255.255.255.255 0 65535', between('0.0.0.0', 0, '255.255.255.255', 65535)],
	['PROXY TCP6 2001:db8::1 2001:db8::2 1 2', between('2001:db8::1', 1, '2001:db8::2', 2)],
	['PROXY TCP6 2001:DB8::A 2001:dB8:0:0:0:0:0:b 1 2', between('2001:db8::a', 1, '2001:db8::b', 2)],
	['PROXY TCP6 :: ::1 1 2', between('::', 1, '::1', 2)],
	['PROXY TCP6 1:: 0001:0:0:0:0:0:0:0000 1 2', between('1::', 1, '1::', 2)],
	['PROXY TCP6 1:2:3:4:5:6:7:: ::2:3:4:5:6:7:8 1 2', between('1:2:3:4:5:6:7:0', 1, '0:2:3:4:5:6:7:8', 2)],
	['PROXY TCP6 1::3:4:5:6:7:8 1:2::7:8 1 2', between('1:0:3:4:5:6:7:8', 1, '1:2:0:0:0:0:7:8', 2)],
	['PROXY TCP6 ::ffff:192.0.2.1 ::FFFF:c633:6402 1 2', between('192.0.2.1', 1, '198.51.100.2', 2)],
	['PROXY TCP6 0:0:0:0:0:ffff:c000:201 ::192.0.2.1 1 2', between('192.0.2.1', 1, '::c000:201', 2)],
	['PROXY TCP6 ::ffff:ffff ::ffff:1 1 2', between('::ffff:ffff', 1, '::ffff:1', 2)],
	[`PROXY TCP6 ${LONG} ${LONG} 65535 65535`, between(LONG, 65535, LONG, 65535)],
	['PROXY UNKNOWN', null],
	['PROXY UNKNOWN ', null],
	['PROXY UNKNOWN and whatever \r or \n \0 one likes', null],
	['PROXY UNKNOWN \r', null],
	[`PROXY UNKNOWN ${LONG} ${LONG} 65535 65535`, null],
];

for (const [line, addresses] of LINES) {
	t.test(`${JSON.stringify(line)} is a header, when its CRLF is there`, (t) => {
		const bytes = utf8(`${line}\r\n`);
		t.strictSame(decided(bytes), [bytes.length, parsed(1, addresses, bytes.length)]);
		t.strictSame(
			readProxyHeader(join(bytes, utf8('\r\nGET /'))),
			parsed(1, addresses, bytes.length),
			'and no more of it',
		);
		t.end();
	});
}

/** Each is wrong at its last byte, and not before. */
const WRONG: readonly (readonly [line: string, what: string, at?: number])[] = [
	['PROXX', 'no PROXY line'],
	['Pr', 'no PROXY line'],
	['PROXY\t', 'no PROXY line'],
	['PROXY\r', 'no PROXY line'],
	['PROXY  ', 'protocol'],
	['PROXY t', 'protocol'],
	['PROXY TCP5', 'protocol'],
	['PROXY TCP ', 'protocol'],
	['PROXY TCP44', 'protocol'],
	['PROXY TCP4\r', 'protocol'],
	['PROXY UD', 'protocol'],
	['PROXY UNKNOWNS', 'protocol'],
	['PROXY UNKNOWN\n', 'protocol'],
	['PROXY UNKNOWN\rx', 'protocol'],
	['PROXY TCP4  ', 'source address'],
	['PROXY TCP4 2001', 'source address'],
	['PROXY TCP4 1.2.3.256', 'source address'],
	['PROXY TCP4 1.2.3.01', 'source address'],
	['PROXY TCP4 00', 'source address'],
	['PROXY TCP4 1..', 'source address'],
	['PROXY TCP4 1.2.3 ', 'source address'],
	['PROXY TCP4 1.2.3.4.', 'source address'],
	['PROXY TCP4 1.2.3.4\t', 'source address'],
	['PROXY TCP4 -', 'source address'],
	['PROXY TCP4 +', 'source address'],
	['PROXY TCP4 0x', 'source address'],
	['PROXY TCP4 1.2.3.4  ', 'destination address'],
	['PROXY TCP4 1.2.3.4 :', 'destination address'],
	['PROXY TCP4 1.2.3.4 5.6.7.8\r', 'destination address'],
	['PROXY TCP4 1.2.3.4 5.6.7.8  ', 'source port'],
	['PROXY TCP4 1.2.3.4 5.6.7.8 -', 'source port'],
	['PROXY TCP4 1.2.3.4 5.6.7.8 +', 'source port'],
	['PROXY TCP4 1.2.3.4 5.6.7.8 00', 'source port'],
	['PROXY TCP4 1.2.3.4 5.6.7.8 01', 'source port'],
	['PROXY TCP4 1.2.3.4 5.6.7.8 65536', 'source port'],
	['PROXY TCP4 1.2.3.4 5.6.7.8 655350', 'source port'],
	['PROXY TCP4 1.2.3.4 5.6.7.8 1\r', 'source port'],
	['PROXY TCP4 1.2.3.4 5.6.7.8 1 \r', 'destination port'],
	['PROXY TCP4 1.2.3.4 5.6.7.8 1 99999', 'destination port'],
	['PROXY TCP4 1.2.3.4 5.6.7.8 1 2 ', 'destination port'],
	['PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n', 'destination port'],
	['PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\r', 'destination port'],
	['PROXY TCP4 1.2.3.4 5.6.7.8 1 2\0', 'destination port'],
	['PROXY TCP6 1.', 'source address'],
	['PROXY TCP6 g', 'source address'],
	['PROXY TCP6 [', 'source address'],
	['PROXY TCP6 :1', 'source address'],
	['PROXY TCP6 :::', 'source address'],
	['PROXY TCP6 1:::', 'source address'],
	['PROXY TCP6 1::2::', 'source address'],
	['PROXY TCP6 12345', 'source address'],
	['PROXY TCP6 00001', 'source address'],
	['PROXY TCP6 1:2:3:4:5:6:7 ', 'source address'],
	['PROXY TCP6 1:2:3:4:5:6:7: ', 'source address'],
	['PROXY TCP6 1:2:3:4:5:6:7:8:', 'source address'],
	['PROXY TCP6 1:2:3:4:5:6:7::8', 'source address'],
	['PROXY TCP6 ::1:2:3:4:5:6:7:', 'source address'],
	['PROXY TCP6 1: ', 'source address'],
	['PROXY TCP6 ::1: ', 'source address'],
	['PROXY TCP6 1::2: ', 'source address'],
	['PROXY TCP6 fe80::1%', 'source address'],
	['PROXY TCP6 ::fffe:1.', 'source address'],
	['PROXY TCP6 1::1.', 'source address'],
	['PROXY TCP6 ::ffff:1.2.3.256', 'source address'],
	// Only the dot tells that this is a decimal number, and so a wrong one from its second digit on.
	['PROXY TCP6 ::ffff:01.', 'source address', 20],
	['PROXY TCP6 ::ffff:1.2.3.4:', 'source address'],
	['PROXY TCP6 ::ffff:a.', 'source address', 19],
	['PROXY TCP6 ::1 1.', 'destination address'],
	['PROXY TCP6 ::1/', 'source address'],
];

for (const [line, what, at = line.length] of WRONG) {
	t.test(`${JSON.stringify(line)} is wrong at once`, (t) => {
		const [after, result] = decided(utf8(`${line}${'x'.repeat(200)}`));
		t.strictSame(result, { type: 'invalid', reason: `version 1: ${what}, byte ${at}` });
		t.equal(after, line.length);
		t.end();
	});
}

t.test('of UNKNOWN, 107 bytes are taken with the CRLF, and not one more', (t) => {
	const start = `PROXY UNKNOWN ${'x'.repeat(91)}`;
	t.equal(start.length, 105);
	t.strictSame(readProxyHeader(utf8(`${start}\r\n`)), parsed(1, null, 107));
	const reason = 'version 1: no CRLF within 107 bytes, byte 107';
	t.strictSame(decided(utf8(`${start}x\r\n`)), [106, { type: 'invalid', reason: reason.replace(/107$/, '106') }]);
	t.strictSame(decided(utf8(`${start}\rx\r\n`)), [107, { type: 'invalid', reason }]);
	t.end();
});
