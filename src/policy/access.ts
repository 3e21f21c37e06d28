import type { IpAddress } from '../core/address.ts';
import type { AccessList, AccessRules } from '../core/snapshot.ts';
import { lookupNetwork } from './network-table.ts';

/** What the result calls a region by: `Snapshot.regions` fits. */
export type RegionNames = readonly { readonly name: string }[];

/**
 * Null when the client may come in, else the rule that keeps it out: `deny network 203.0.113.0/24`,
 * `deny country KP`, `deny region eu`, or `not in allow`. Deny beats allow. A client without an address (unix
 * socket) is in no network, one whose country is unknown in no country and no region. Allocates only to refuse.
 */
export function checkAccess(
	rules: AccessRules | null,
	client: IpAddress | null,
	country: string | null,
	region: number | null,
	regions: RegionNames = [],
): string | null {
	if (rules === null) return null;
	const denied = rules.deny === null ? null : matchDetail(rules.deny, client, country, region, regions);
	if (denied !== null) return denied;
	return rules.allow === null || isInList(rules.allow, client, country, region) ? null : 'not in allow';
}

const isInList = (list: AccessList, client: IpAddress | null, country: string | null, region: number | null): boolean =>
	(client !== null && list.networks !== null && lookupNetwork(list.networks, client) >= 0) ||
	(country !== null && list.countries?.has(country) === true) ||
	(region !== null && list.regions?.has(region) === true);

function matchDetail(
	deny: AccessList,
	client: IpAddress | null,
	country: string | null,
	region: number | null,
	regions: RegionNames,
): string | null {
	if (client !== null && deny.networks !== null) {
		const network = lookupNetwork(deny.networks, client);
		if (network >= 0) return `deny network ${deny.networks.names[network]}`;
	}
	if (country !== null && deny.countries?.has(country)) return `deny country ${country}`;
	if (region !== null && deny.regions?.has(region)) return `deny region ${regions[region]?.name ?? region}`;
	return null;
}
