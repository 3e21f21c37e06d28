import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import t from 'tap';
import type { IpAddress } from '../../src/core/address.ts';
import { isV4 } from '../../src/core/address.ts';
import type { NetworkTable } from '../../src/core/snapshot.ts';
import { formatAddress, parseAddress } from '../../src/policy/address.ts';
import { buildNetworkTable, emptyNetworkTable, lookupNetwork, parseNetwork } from '../../src/policy/network-table.ts';

function addressOf(text: string): IpAddress {
	const address = parseAddress(text);
	if (address === null) throw new Error(`not an address: ${text}`);
	return address;
}

function nameOf(table: NetworkTable, text: string): string | null {
	const index = lookupNetwork(table, addressOf(text));
	return index < 0 ? null : (table.names[index] ?? 'an index without a name');
}

const networks: readonly (readonly [text: string, first: string, last: string])[] = [
	['10.0.0.0/8', '10.0.0.0', '10.255.255.255'],
	['10.1.2.3/8', '10.0.0.0', '10.255.255.255'],
	['0.0.0.0/0', '0.0.0.0', '255.255.255.255'],
	['203.0.113.7', '203.0.113.7', '203.0.113.7'],
	['203.0.113.7/32', '203.0.113.7', '203.0.113.7'],
	['203.0.113.7/31', '203.0.113.6', '203.0.113.7'],
	['::/0', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
	['2001:db8::/32', '2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
	['2001:db8::1/64', '2001:db8::', '2001:db8::ffff:ffff:ffff:ffff'],
	['::1', '::1', '::1'],
	['::ffff:0:0/96', '0.0.0.0', '255.255.255.255'],
	['::ffff:10.0.0.0/104', '10.0.0.0', '10.255.255.255'],
];

for (const [text, first, last] of networks) {
	t.test(`${text} goes from ${first} to ${last}`, (t) => {
		const network = parseNetwork(text);
		t.equal(network && formatAddress(network.first), first);
		t.equal(network && formatAddress(network.last), last);
		t.end();
	});
}

const refused = [
	'',
	'/',
	'/8',
	'10.0.0.0/',
	'10.0.0.0/33',
	'10.0.0.0/-1',
	'10.0.0.0/08',
	'10.0.0.0/8/8',
	'10.0.0.0/8 ',
];
refused.push('10.0.0/8', '10.0.0.0/255.0.0.0', '::/129', '::/1e1', 'fe80::%eth0/10', 'fe80::1%eth0', 'localhost', '*');

for (const text of refused) {
	t.test(`${JSON.stringify(text)} is no network`, (t) => {
		t.equal(parseNetwork(text), null);
		t.throws(() => buildNetworkTable(['10.0.0.0/8', text]), { code: 'network-invalid' });
		t.end();
	});
}

const nested = buildNetworkTable([
	'10.0.0.0/8',
	'10.1.0.0/16',
	'10.1.1.0/24',
	'0.0.0.0/0',
	'10.1.255.0/24',
	'10.0.0.0/8',
]);
const lookups: readonly (readonly [client: string, network: string | null])[] = [
	['9.255.255.255', '0.0.0.0/0'],
	['10.0.0.0', '10.0.0.0/8'],
	['10.0.255.255', '10.0.0.0/8'],
	['10.1.0.0', '10.1.0.0/16'],
	['10.1.1.0', '10.1.1.0/24'],
	['10.1.1.255', '10.1.1.0/24'],
	['10.1.2.0', '10.1.0.0/16'],
	['10.1.254.255', '10.1.0.0/16'],
	['10.1.255.255', '10.1.255.0/24'],
	['10.2.0.0', '10.0.0.0/8'],
	['11.0.0.0', '0.0.0.0/0'],
	['::ffff:10.1.1.1', '10.1.1.0/24'],
	['255.255.255.255', '0.0.0.0/0'],
	['::', null],
	['2001:db8::1', null],
];

for (const [client, network] of lookups) {
	t.test(`of nested networks, ${client} is in ${network ?? 'none'}`, (t) => {
		t.equal(nameOf(nested, client), network);
		t.end();
	});
}

t.test('of equal networks the first one stands, however it is written', (t) => {
	const table = buildNetworkTable(['10.9.9.9/8', '10.0.0.0/8', '::ffff:10.0.0.0/104', '::1', '0::1/128']);
	t.equal(lookupNetwork(table, addressOf('10.0.0.1')), 0);
	t.equal(lookupNetwork(table, addressOf('::1')), 3);
	t.end();
});

t.test('::/0 has every IPv6 client and no IPv4 client', (t) => {
	const table = buildNetworkTable(['::/0']);
	t.equal(nameOf(table, '::'), '::/0');
	t.equal(nameOf(table, '2001:db8::1'), '::/0');
	t.equal(nameOf(table, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'), '::/0');
	t.equal(nameOf(table, '10.0.0.1'), null);
	t.equal(nameOf(table, '::ffff:10.0.0.1'), null);
	t.end();
});

t.test('::ffff:0:0/96 has every IPv4 client and no IPv6 client', (t) => {
	const table = buildNetworkTable(['::ffff:0:0/96']);
	t.equal(nameOf(table, '10.0.0.1'), '::ffff:0:0/96');
	t.equal(nameOf(table, '::1'), null);
	t.equal(nameOf(table, '::fffe:ffff:ffff'), null);
	t.end();
});

t.test('an empty table matches nothing', (t) => {
	for (const table of [emptyNetworkTable, buildNetworkTable([])]) {
		t.equal(nameOf(table, '10.0.0.1'), null);
		t.equal(nameOf(table, '::1'), null);
		t.strictSame(table.names, []);
	}
	t.end();
});

t.test('a table is on shared memory, and its clone answers the same', (t) => {
	const clone = structuredClone(nested);
	t.ok(nested.v4.buffer instanceof SharedArrayBuffer);
	t.ok(nested.v6.buffer instanceof SharedArrayBuffer);
	for (const [client, network] of lookups) t.equal(nameOf(clone, client), network);
	t.end();
});

t.test('ranges are sorted and apart', (t) => {
	for (let at = 0; at < nested.v4.length; at += 3) {
		t.ok((nested.v4[at] ?? 0) <= (nested.v4[at + 1] ?? 0));
		if (at > 0) t.ok((nested.v4[at - 2] ?? 0) < (nested.v4[at] ?? 0));
	}
	t.end();
});

/** The longest matching prefix, the first of equals, by asking ipaddr.js about each network in turn. */
function naiveLookup(texts: readonly string[], client: IpAddress): number {
	const family = isV4(client) ? 'ipv4' : 'ipv6';
	const parsed = ipaddr.parse(formatAddress(client));
	let best = -1;
	let bestBits = -1;
	for (const [index, text] of texts.entries()) {
		const [network, bits] = ipaddr.parseCIDR(text);
		if (network.kind() !== family || bits <= bestBits || !parsed.match(network, bits)) continue;
		best = index;
		bestBits = bits;
	}
	return best;
}

/** Few distinct values, so that networks nest and meet, at both ends of each word. */
const word = fc.constantFrom(
	0,
	1,
	2,
	3,
	0x7fffffff,
	0x80000000,
	0x80000001,
	0xc0a80000,
	0xc0a80001,
	0xfffffffe,
	0xffffffff,
);
const v4Address = word.map((d): IpAddress => ({ a: 0, b: 0, c: 0xffff, d }));
const v6Address = fc
	.record({ a: word, b: word, c: word, d: word }, { noNullPrototype: true })
	.filter((address) => !(address.a === 0 && address.b === 0));
const network = fc.oneof(
	fc.tuple(v4Address, fc.integer({ min: 0, max: 32 })).map(([address, bits]) => `${formatAddress(address)}/${bits}`),
	fc.tuple(v6Address, fc.integer({ min: 0, max: 128 })).map(([address, bits]) => `${formatAddress(address)}/${bits}`),
);

t.test('a lookup answers what asking every network in turn answers', (t) => {
	const clients = fc.array(fc.oneof(v4Address, v6Address), { minLength: 1, maxLength: 20 });
	fc.assert(
		fc.property(fc.array(network, { maxLength: 30 }), clients, (texts, addresses) => {
			const table = buildNetworkTable(texts);
			for (const address of addresses) {
				if (lookupNetwork(table, address) !== naiveLookup(texts, address)) return false;
			}
			return true;
		}),
		{ numRuns: 500 },
	);
	t.end();
});

t.test('the ends of every network, and the addresses beside them, are looked up right', (t) => {
	fc.assert(
		fc.property(fc.array(network, { minLength: 1, maxLength: 10 }), (texts) => {
			const table = buildNetworkTable(texts);
			const ends = texts.flatMap((text) => {
				const found = parseNetwork(text);
				return found === null ? [] : [found.first, found.last];
			});
			const beside = ends.flatMap((end) => [end, { ...end, d: (end.d + 1) >>> 0 }, { ...end, d: (end.d - 1) >>> 0 }]);
			return beside.every((address) => lookupNetwork(table, address) === naiveLookup(texts, address));
		}),
		{ numRuns: 500 },
	);
	t.end();
});
