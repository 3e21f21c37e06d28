import type { GeoLookup } from '../core/ports.ts';
import type { GeoSnapshot } from '../core/snapshot.ts';
import { lookupNetwork } from './network-table.ts';

/** Countries by the snapshot's overrides first, the most specific network winning, then by the database. */
export function makeGeoReader(geo: GeoSnapshot, database: GeoLookup): GeoLookup {
	return {
		country(address) {
			const override = lookupNetwork(geo.overrides, address);
			return override >= 0 ? (geo.overrideCountries[override] ?? null) : database.country(address);
		},
	};
}

/** Index into `Snapshot.regions` of the country's region; null when it has none or the country is unknown. */
export function regionOf(geo: GeoSnapshot, country: string | null): number | null {
	return country === null ? null : (geo.regionOfCountry.get(country) ?? null);
}
