import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { checkMmdb, openMmdb } from '../../../src/control/geo/mmdb.ts';
import type { GeoLookup } from '../../../src/core/ports.ts';
import { addressOfV4, parseAddress } from '../../../src/policy/address.ts';
import { inCity, inCountry, makeMmdbs } from '../../support/mmdb.ts';

const folder = t.testdir();
const pathOf = (name: string): string => join(folder, `${name}.mmdb`);

const NETWORKS = [
	['10.0.0.0/8', inCountry('DE')],
	['10.1.0.0/16', inCountry('FR')],
	['10.1.2.3/32', inCountry('JP')],
	['203.0.113.0/24', { registered_country: { iso_code: 'US' } }],
	['198.51.100.0/24', { country: { iso_code: 'de' } }],
	['192.0.2.0/24', { country: { geoname_id: 5 } }],
] as const;
const NETWORKS6 = [
	['2001:db8::/32', inCountry('BR')],
	['2001:db8:1::/48', inCountry('CL')],
] as const;
const CITIES = Array.from({ length: 200 }, (_, i): readonly [string, object] => [
	`11.${i}.0.0/16`,
	inCity(i % 2 === 0 ? 'PL' : 'CZ', `Town ${i}`),
]);

makeMmdbs(
	...([24, 28, 32] as const).map((recordSize) => ({
		path: pathOf(`country-${recordSize}`),
		recordSize,
		networks: [...NETWORKS, ...NETWORKS6],
	})),
	{ path: pathOf('v4'), ipVersion: 4, networks: NETWORKS },
	{ path: pathOf('city'), type: 'Test-City', built: '2026-10-02T03:04:05Z', recordSize: 28, networks: CITIES },
	{ path: pathOf('v6-only'), networks: NETWORKS6 },
	{ path: pathOf('asn'), type: 'Test-ASN', networks: [['10.0.0.0/8', { autonomous_system_number: 64500 }]] },
	{ path: pathOf('nothing'), networks: [] },
);

function shared(file: Buffer): Uint8Array<SharedArrayBuffer> {
	const bytes = new Uint8Array(new SharedArrayBuffer(file.length + 10), 5, file.length);
	bytes.set(file);
	return bytes;
}

const load = (name: string): Uint8Array<SharedArrayBuffer> => shared(readFileSync(pathOf(name)));

function countryOf(geo: GeoLookup, text: string): string | null {
	const address = parseAddress(text);
	if (address === null) throw new Error(`not an address: ${text}`);
	return geo.country(address);
}

const V4_ANSWERS = [
	['10.0.0.0', 'DE'],
	['10.255.255.255', 'DE'],
	['10.1.0.1', 'FR'],
	['10.1.2.3', 'JP'],
	['10.1.2.4', 'FR'],
	['::ffff:10.1.2.3', 'JP'],
	['9.255.255.255', null],
	['11.0.0.0', null],
	['0.0.0.0', null],
	['255.255.255.255', null],
	['203.0.113.1', null],
	['198.51.100.1', null],
	['192.0.2.1', null],
	['::', null],
	['::1', null],
	['::10.1.2.3', null],
	['::ffff:0:10.1.2.3', null],
	['fe80::1', null],
] as const;
const V6_ANSWERS = [
	['2001:db8::1', 'BR'],
	['2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', 'BR'],
	['2001:db8:1::', 'CL'],
	['2001:db9::', null],
	// 6to4 (RFC 3056) of 10.1.2.3, for which the writer makes an alias.
	['2002:a01:203::1', 'JP'],
] as const;

t.test('each address gets the country of the most specific network, whatever the size of records', async (t) => {
	for (const name of ['country-24', 'country-28', 'country-32']) {
		const geo = openMmdb(load(name));
		for (const [address, country] of [...V4_ANSWERS, ...V6_ANSWERS, ...V4_ANSWERS]) {
			t.equal(countryOf(geo, address), country, `${name} ${address}`);
		}
	}
});

t.test('a database of IPv4 alone knows nothing of IPv6', async (t) => {
	const geo = openMmdb(load('v4'));
	for (const [address, country] of V4_ANSWERS) t.equal(countryOf(geo, address), country, address);
	for (const [address] of V6_ANSWERS) t.equal(countryOf(geo, address), null, address);
});

t.test('a city database answers countries, asked for the first time and again', async (t) => {
	const geo = openMmdb(load('city'));
	for (const round of [1, 2, 3]) {
		for (let i = 0; i < CITIES.length; i++) {
			t.equal(countryOf(geo, `11.${i}.2.1`), i % 2 === 0 ? 'PL' : 'CZ', `round ${round}`);
		}
	}
});

t.test('no address makes a lookup throw', (t) => {
	const geo = openMmdb(load('country-28'));
	const word = fc.integer({ min: 0, max: 0xffffffff });
	const any = fc.record({ a: word, b: word, c: word, d: word }, { noNullPrototype: true });
	const edge = fc.constantFrom(0, 1, 0xffff, 0xffff0000, 0xffffffff);
	const edges = fc.record({ a: edge, b: edge, c: edge, d: edge }, { noNullPrototype: true });
	fc.assert(
		fc.property(fc.oneof(any, edges, word.map(addressOfV4)), (address) => {
			const country = geo.country(address);
			return country === null || /^[A-Z]{2}$/.test(country);
		}),
		{ numRuns: 2_000 },
	);
	t.end();
});

t.test('what it says of itself', async (t) => {
	t.strictSame(checkMmdb(load('city')), { type: 'Test-City', built: '2026-10-02T03:04:05.000Z' });
	t.equal(checkMmdb(load('v4')).type, 'Test-Country');
	t.equal(checkMmdb(load('v6-only')).type, 'Test-Country', 'countries of IPv6 alone will do');
});

/** A file with one part of it replaced. */
function edited(name: string, at: (file: Buffer) => number, bytes: Buffer): Buffer {
	const file = readFileSync(pathOf(name));
	bytes.copy(file, at(file));
	return file;
}

/** Where a metadata value begins, after its key; its first byte says type and length. */
const metadataValue =
	(key: string) =>
	(file: Buffer): number =>
		file.lastIndexOf(Buffer.from(key)) + key.length;

const MISSING_END = 'it is not a MaxMind DB file, or not a whole one: the metadata at its end is missing';

t.test('what is not a database of countries is refused in words', async (t) => {
	const good = readFileSync(pathOf('country-24'));
	const marker = good.lastIndexOf(Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'));
	const table: readonly (readonly [string, Buffer, string | RegExp])[] = [
		['empty', Buffer.alloc(0), 'it is empty'],
		['one byte', Buffer.alloc(1), MISSING_END],
		['zeros', Buffer.alloc(200_000), MISSING_END],
		['text', Buffer.from('not a database\n'.repeat(20_000)), MISSING_END],
		['compressed', Buffer.from('1f8b0800000000000003', 'hex'), 'it is compressed: unpack it first'],
		['first half', good.subarray(0, good.length / 2), MISSING_END],
		['up to the metadata', good.subarray(0, marker), MISSING_END],
		['the marker and nothing after', good.subarray(0, marker + 14), /^its metadata cannot be read: /],
		['cut in the metadata', good.subarray(0, marker + 40), /^its metadata cannot be read: /],
		['the metadata alone', good.subarray(marker), 'it is shorter than its metadata says: a part of it is missing'],
		[
			'without its beginning',
			good.subarray(marker - 40),
			'it is shorter than its metadata says: a part of it is missing',
		],
		[
			'format 3',
			edited('country-24', metadataValue('binary_format_major_version'), Buffer.from([0xa1, 3])),
			'it is of version 3 of the format, which is not known',
		],
		[
			'IP version 5',
			edited('country-24', metadataValue('ip_version'), Buffer.from([0xa1, 5])),
			'its metadata is broken',
		],
		[
			'garbage records',
			edited('city', (file) => file.lastIndexOf(Buffer.alloc(16)) + 16, Buffer.alloc(4_000, 0x0f)),
			/^a record of it cannot be read: /,
		],
		[
			'autonomous systems',
			readFileSync(pathOf('asn')),
			'it has no countries (its type is "Test-ASN"): a country or city database is needed',
		],
		[
			'no networks',
			readFileSync(pathOf('nothing')),
			'it has no countries (its type is "Test-Country"): a country or city database is needed',
		],
	];
	for (const [name, file, message] of table) t.throws(() => checkMmdb(shared(file)), { message }, name);
});

t.test('bytes overwritten anywhere: refused or usable, and no lookup throws', async (t) => {
	const good = readFileSync(pathOf('country-28'));
	const damage = fc.record({
		at: fc.nat(good.length - 1),
		bytes: fc.uint8Array({ minLength: 1, maxLength: 64 }),
	});
	let refused = 0;
	fc.assert(
		fc.property(fc.array(damage, { minLength: 1, maxLength: 8 }), (damages) => {
			const file = Buffer.from(good);
			for (const { at, bytes } of damages) file.set(bytes.subarray(0, file.length - at), at);
			const bytes = shared(file);
			try {
				checkMmdb(bytes);
			} catch {
				refused += 1;
				return;
			}
			const geo = openMmdb(bytes);
			for (const [address] of [...V4_ANSWERS, ...V6_ANSWERS]) countryOf(geo, address);
		}),
		{ numRuns: 100 },
	);
	t.ok(refused > 0, 'some were refused');
});

t.test('a file cut short anywhere is refused', async (t) => {
	const good = readFileSync(pathOf('v4'));
	writeFileSync(pathOf('whole'), good);
	t.doesNotThrow(() => checkMmdb(load('whole')));
	for (let length = 0; length < good.length; length += 1 + (length % 13)) {
		t.throws(() => checkMmdb(shared(good.subarray(0, length))), `${length} bytes`);
	}
});
