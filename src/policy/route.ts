import type { IpAddress } from '../core/address.ts';
import type { ListenerSnapshot, RouteMatch, RouteSnapshot, Snapshot } from '../core/snapshot.ts';
import { hasName } from './names.ts';
import { lookupNetwork } from './network-table.ts';
import type { Trace } from './trace.ts';
import { at } from './world.ts';

/** What routes may ask about a client; null is unknown and matches no condition. */
export interface RouteFacts {
	readonly address: IpAddress | null;
	readonly country: string | null;
	readonly region: number | null;
	/** The server name that the client asks for, in lower case. */
	readonly sni: string | null;
	/** The protocols that it offers. */
	readonly alpn: readonly string[];
}

/** The first matching route in file order, or null. */
export function findRoute(
	snapshot: Snapshot,
	listener: ListenerSnapshot,
	facts: RouteFacts,
	trace: Trace | null,
): RouteSnapshot | null {
	for (const route of listener.routes) {
		const failed = firstFailing(route.match, facts);
		if (failed === null) {
			if (trace !== null) trace.note('route', `route ${route.name} matches: ${poolNames(snapshot, route)}`);
			return route;
		}
		trace?.note(
			'route',
			`route ${route.name} does not match: ${failed} ${failed.endsWith('s') ? 'differ' : 'differs'}`,
		);
	}
	trace?.note('route', 'no route matches: refused with no-route');
	return null;
}

/** The kind of condition that does not hold, or null when all do. */
function firstFailing(match: RouteMatch, facts: RouteFacts): keyof RouteMatch | null {
	if (match.countries !== null && (facts.country === null || !match.countries.has(facts.country))) return 'countries';
	if (match.regions !== null && (facts.region === null || !match.regions.has(facts.region))) return 'regions';
	if (match.networks !== null && (facts.address === null || lookupNetwork(match.networks, facts.address) < 0))
		return 'networks';
	if (match.sni !== null && (facts.sni === null || !hasName(match.sni, facts.sni))) return 'sni';
	if (match.alpn !== null && !facts.alpn.some((protocol) => match.alpn?.has(protocol))) return 'alpn';
	return null;
}

const poolNames = (snapshot: Snapshot, route: RouteSnapshot): string =>
	`pools in order: ${route.pools.map((index) => at(snapshot.pools, index).name).join(', ')}`;
