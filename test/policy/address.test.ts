import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import t from 'tap';
import type { IpAddress } from '../../src/core/address.ts';
import { formatAddress, formatEndpoint, maskAddress, parseAddress } from '../../src/policy/address.ts';

const word = fc.integer({ min: 0, max: 0xffffffff });
const v4 = word.map((d): IpAddress => ({ a: 0, b: 0, c: 0xffff, d }));
/** Words with runs of zeros, where RFC 5952 has its rules. */
const sparse = fc.constantFrom(0, 0, 1, 0xffff, 0x10000, 0xabcd0000, 0x20010db8);
const v6 = fc
	.oneof(
		fc.record({ a: word, b: word, c: word, d: word }, { noNullPrototype: true }),
		fc.record({ a: sparse, b: sparse, c: sparse, d: sparse }, { noNullPrototype: true }),
	)
	.filter(({ a, b, c }) => !(a === 0 && b === 0 && c === 0xffff));
const any = fc.oneof(v4, v6);

const groupsOf = ({ a, b, c, d }: IpAddress): number[] => [a, b, c, d].flatMap((w) => [w >>> 16, w & 0xffff]);

const parsed: readonly (readonly [text: string, formatted: string])[] = [
	['0.0.0.0', '0.0.0.0'],
	['255.255.255.255', '255.255.255.255'],
	['203.0.113.7', '203.0.113.7'],
	['::', '::'],
	['::1', '::1'],
	['1::', '1::'],
	['2001:DB8:0:0:0:0:2:1', '2001:db8::2:1'],
	['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
	['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
	['2001:db8::1:0:0:1', '2001:db8::1:0:0:1'],
	['::ffff:203.0.113.7', '203.0.113.7'],
	['::FFFF:cb00:7107', '203.0.113.7'],
	['0:0:0:0:0:ffff:203.0.113.7', '203.0.113.7'],
	['::203.0.113.7', '::cb00:7107'],
	['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
	['fe80::1%eth0', 'fe80::1'],
	['::ffff:192.0.2.1%3', '192.0.2.1'],
];

for (const [text, formatted] of parsed) {
	t.test(`${text} is read, and written ${formatted}`, (t) => {
		const address = parseAddress(text);
		t.equal(address && formatAddress(address), formatted);
		t.end();
	});
}

const refused = [
	...['', ' ', 'localhost', '1', '1.2.3', '1.2.3.4.5', '1.2.3.', '.1.2.3', '1..2.3', '1.2.3.256', '1.2.3.999999999999'],
	...[
		'01.2.3.4',
		'1.2.3.00',
		'0x7f.0.0.1',
		'1.2.3.4 ',
		' 1.2.3.4',
		'1.2.3.-4',
		'+1.2.3.4',
		'1.2.3.4/32',
		'1.2.3.4%eth0',
	],
	...[
		':',
		':::',
		'1:2:3:4:5:6:7',
		'1:2:3:4:5:6:7:8:9',
		'1::2::3',
		'12345::',
		'g::',
		'::1/64',
		'[::1]',
		'::ffff:1.2.3.256',
	],
	...['::ffff:01.2.3.4', '::0x1.2.3.4', 'fe80::1%', '%eth0', '::1 ', '1:2:3:4:5:6:7:8::', '\u0661.2.3.4', '1.2.3.4\n'],
];

for (const text of refused) {
	t.test(`${JSON.stringify(text)} is no address`, (t) => {
		t.equal(parseAddress(text), null);
		t.end();
	});
}

t.test('what is written is read back as the same address', (t) => {
	fc.assert(fc.property(any, (address) => t.strictSame(parseAddress(formatAddress(address)), address)));
	t.end();
});

t.test('IPv6 is written as another implementation of RFC 5952 writes it', (t) => {
	fc.assert(
		fc.property(v6, (address) => t.equal(formatAddress(address), new ipaddr.IPv6(groupsOf(address)).toRFC5952String())),
		{ numRuns: 1_000 },
	);
	t.end();
});

t.test('IPv6 in any of its long forms is the same address', (t) => {
	fc.assert(
		fc.property(any, (address) => {
			const groups = groupsOf(address).map((group) => group.toString(16));
			t.strictSame(parseAddress(groups.join(':')), address);
			t.strictSame(parseAddress(groups.map((group) => group.padStart(4, '0').toUpperCase()).join(':')), address);
		}),
	);
	t.end();
});

t.test('no text makes the parser throw', (t) => {
	const likely = fc.string({ unit: fc.constantFrom(...'0123456789abcdefx.:%/[] '), maxLength: 24 });
	fc.assert(
		fc.property(fc.oneof(likely, fc.string()), (text) => {
			const address = parseAddress(text);
			if (address !== null) t.strictSame(parseAddress(formatAddress(address)), address);
		}),
		{ numRuns: 5_000 },
	);
	t.end();
});

t.test('an endpoint is ip:port, [v6]:port, or unix', (t) => {
	const at = (text: string, port: number) => formatEndpoint({ address: parseAddress(text), port });
	t.equal(at('203.0.113.7', 7000), '203.0.113.7:7000');
	t.equal(at('::ffff:203.0.113.7', 7000), '203.0.113.7:7000');
	t.equal(at('2001:db8::1', 65535), '[2001:db8::1]:65535');
	t.equal(formatEndpoint({ address: null, port: 0 }), 'unix');
	t.end();
});

const masked: readonly (readonly [text: string, prefixV4: number, prefixV6: number, formatted: string])[] = [
	['203.0.113.77', 32, 64, '203.0.113.77'],
	['203.0.113.77', 24, 64, '203.0.113.0'],
	['203.0.113.77', 1, 64, '128.0.0.0'],
	['203.0.113.77', 0, 64, '0.0.0.0'],
	['2001:db8:1:2:3:4:5:6', 32, 128, '2001:db8:1:2:3:4:5:6'],
	['2001:db8:1:2:3:4:5:6', 32, 64, '2001:db8:1:2::'],
	['2001:db8:1:2:3:4:5:6', 32, 56, '2001:db8:1::'],
	['2001:db8:1:2:3:4:5:6', 32, 32, '2001:db8::'],
	['2001:db8:1:2:3:4:5:6', 32, 97, '2001:db8:1:2:3:4::'],
	['ffff::', 32, 0, '::'],
];

for (const [text, prefixV4, prefixV6, formatted] of masked) {
	t.test(`${text} masked to /${prefixV4} or /${prefixV6} is ${formatted}`, (t) => {
		const address = parseAddress(text);
		t.equal(address && formatAddress(maskAddress(address, prefixV4, prefixV6)), formatted);
		t.end();
	});
}
