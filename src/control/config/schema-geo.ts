import * as z from 'zod';
import { CONTINENTS } from '../geo/continents.ts';
import {
	about,
	country,
	databaseName,
	maxConnections,
	network,
	REGION_NAME_PATTERN,
	rates,
	section,
} from './fields.ts';
import { bucket } from './fields-shaping.ts';

const region = section({
	countries: z
		.array(country())
		.default([])
		.meta(about('ISO 3166-1 codes.', ['GB', 'CH', 'NO'])),
	continents: z
		.array(z.enum(CONTINENTS))
		.default([])
		.meta(about(`All countries of these: ${CONTINENTS.map((name) => `\`${name}\``).join(', ')}.`, ['europe'])),
	maxConnections: maxConnections()
		.optional()
		.meta(about('Sessions of clients of this region at once, over all listeners.', 5_000, 'no cap')),
	rate: rates().meta(about('New connections from this region; of a list, all must hold.', '200/s', 'no limit')),
	upload: bucket().meta(about('What all clients of this region may send.', '1Gbit/s', 'unlimited')),
	download: bucket().meta(about('What may be sent to all clients of this region.', '2Gbit/s', 'unlimited')),
});

const override = section({
	network: network().meta(about('An IPv4 or IPv6 network, or one address.', '10.20.0.0/16')),
	country: country().meta(about('The country of all its addresses.', 'DE')),
});

export const geo = section({
	database: databaseName()
		.prefault('embedded')
		.meta(
			about(
				'Where countries come from: `embedded` is the data of geoip-lite; or the path of a MaxMind DB file.',
				'GeoLite2-Country.mmdb',
			),
		),
	regions: z
		.record(z.string().meta({ pattern: REGION_NAME_PATTERN }), region)
		.prefault({})
		.meta(
			about('Named sets of countries. A country in two of them belongs to the first in file order.', {
				eu: { continents: ['europe'] },
			}),
		),
	overrides: z
		.array(override)
		.default([])
		.meta(
			about('Networks whose country is known better than by the database; the most specific one wins.', [
				{ network: '10.20.0.0/16', country: 'DE' },
			]),
		),
});
