import t from 'tap';
import type { IpAddress } from '../../src/core/address.ts';
import type { GeoSnapshot } from '../../src/core/snapshot.ts';
import { formatAddress, parseAddress } from '../../src/policy/address.ts';
import { makeGeoReader, regionOf } from '../../src/policy/geo.ts';
import { buildNetworkTable } from '../../src/policy/network-table.ts';

const geo: GeoSnapshot = {
	database: 'embedded',
	overrides: buildNetworkTable(['10.20.0.0/16', '10.20.30.0/24', '127.0.0.2', '2001:db8::/32']),
	overrideCountries: ['DE', 'US', 'FR', 'JP'],
	regionOfCountry: new Map([
		['DE', 0],
		['US', 1],
	]),
};

function addressOf(text: string): IpAddress {
	const address = parseAddress(text);
	if (address === null) throw new Error(`not an address: ${text}`);
	return address;
}

const database = new Map([
	['10.20.0.1', 'GB'],
	['8.8.8.8', 'US'],
]);
const reader = makeGeoReader(geo, { country: (address) => database.get(formatAddress(address)) ?? null });

const cases: readonly (readonly [client: string, country: string | null, why: string])[] = [
	['10.20.0.1', 'DE', 'an override comes before the database'],
	['::ffff:10.20.0.1', 'DE', 'a mapped address has the override of its IPv4 address'],
	['10.20.30.1', 'US', 'the most specific override wins'],
	['127.0.0.2', 'FR', 'one address may be overridden'],
	['127.0.0.3', null, 'its neighbour is not'],
	['2001:db8::1', 'JP', 'IPv6 may be overridden'],
	['8.8.8.8', 'US', 'the database answers where no override does'],
	['192.0.2.1', null, 'what neither knows is unknown'],
];

for (const [client, country, why] of cases) {
	t.test(`${why}: ${client} is in ${country ?? 'no known country'}`, (t) => {
		t.equal(reader.country(addressOf(client)), country);
		t.end();
	});
}

t.test('a country has the region that the snapshot gives it; an unknown one has none', (t) => {
	t.equal(regionOf(geo, 'DE'), 0);
	t.equal(regionOf(geo, 'US'), 1);
	t.equal(regionOf(geo, 'FR'), null);
	t.equal(regionOf(geo, null), null);
	t.end();
});
