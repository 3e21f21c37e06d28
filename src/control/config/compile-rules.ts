import type {
	AccessList,
	AccessRules,
	BucketLimit,
	GeoDatabase,
	GeoSnapshot,
	ListenerShaping,
	NetworkTable,
	PerClientLimits,
	PoolHealth,
	ProbeType,
	RouteMatch,
	Shaped,
} from '../../core/snapshot.ts';
import { buildNetworkTable } from '../../policy/network-table.ts';
import type { Continent } from '../geo/continents.ts';
import type { SlotSource } from './compile.ts';
import { compileNames } from './compile-tls.ts';
import type { Config, ListenerConfig, PoolConfig, RegionConfig, RouteConfig } from './schema.ts';
import { perClient } from './schema-listeners.ts';

/** Places in the snapshot's lists, by name. */
export interface Lookups {
	readonly regions: ReadonlyMap<string, number>;
	readonly pools: ReadonlyMap<string, number>;
}

type Countries = (continent: Continent) => readonly string[];
type AccessConfig = NonNullable<ListenerConfig['access']>;

export function compileGeo(geo: Config['geo'], database: GeoDatabase, countriesOf: Countries): GeoSnapshot {
	const regionOfCountry = new Map<string, number>();
	for (const [index, region] of Object.values(geo.regions).entries()) {
		for (const country of countriesIn(region, countriesOf)) {
			if (!regionOfCountry.has(country)) regionOfCountry.set(country, index);
		}
	}
	return {
		database,
		overrides: buildNetworkTable(geo.overrides.map((override) => override.network)),
		overrideCountries: geo.overrides.map((override) => override.country),
		regionOfCountry,
	};
}

const countriesIn = (region: RegionConfig, countriesOf: Countries): string[] => [
	...region.countries,
	...region.continents.flatMap((continent) => countriesOf(continent)),
];

export function compileAccess(access: AccessConfig, lookups: Lookups): AccessRules {
	return {
		allow: access.allow === undefined ? null : conditions(access.allow, lookups),
		deny: access.deny === undefined ? null : conditions(access.deny, lookups),
		action: access.action,
		holdForMs: access.holdFor,
	};
}

export const compileMatch = (match: RouteConfig['match'], lookups: Lookups): RouteMatch => ({
	...conditions(match, lookups),
	sni: compileNames(match.sni),
	alpn: match.alpn === undefined ? null : new Set(match.alpn),
});

function conditions(lists: NonNullable<AccessConfig['allow']>, lookups: Lookups): AccessList {
	return {
		networks: table(lists.networks),
		countries: lists.countries === undefined ? null : new Set(lists.countries),
		regions: lists.regions === undefined ? null : new Set(lists.regions.map((name) => lookups.regions.get(name) ?? -1)),
	};
}

const table = (networks: readonly string[] | undefined): NetworkTable | null =>
	networks === undefined ? null : buildNetworkTable(networks);

/** A bucket left out is unlimited. */
export const compileShaped = ({ upload, download }: BucketPair): Shaped => ({
	upload: upload ?? null,
	download: download ?? null,
});

interface BucketPair {
	readonly upload?: BucketLimit | undefined;
	readonly download?: BucketLimit | undefined;
}

export function compileListenerShaping({ upload, download }: ListenerConfig['shaping']): ListenerShaping {
	const of = (level: 'listener' | 'client' | 'connection'): Shaped =>
		compileShaped({ upload: upload[level], download: download[level] });
	return { listener: of('listener'), client: of('client'), connection: of('connection') };
}

/** Clients also have a table when they have buckets alone. */
export function compileClients(listener: ListenerConfig, slots: SlotSource): PerClientLimits | null {
	const { upload, download } = listener.shaping;
	const shaped = upload.client !== undefined || download.client !== undefined;
	if (listener.perClient === undefined && !shaped) return null;
	return compilePerClient(listener.name, listener.perClient ?? NO_CLIENT_LIMITS, slots);
}

const NO_CLIENT_LIMITS = perClient.parse({});

function compilePerClient(
	listener: string,
	limits: NonNullable<ListenerConfig['perClient']>,
	slots: SlotSource,
): PerClientLimits {
	return {
		maxConnections: limits.maxConnections ?? null,
		rates: limits.rate,
		prefixV4: limits.prefix.v4,
		prefixV6: limits.prefix.v6,
		action: limits.action,
		holdForMs: limits.holdFor,
		tableSize: limits.tableSize,
		table: slots.clientTable(listener, limits.tableSize, limits.rate),
	};
}

type ActiveConfig = Exclude<PoolConfig['health']['active'], 'off'>;

function compileProbe({ type, path = '/', status = [200], steps = [] }: ActiveConfig): ProbeType {
	switch (type) {
		case 'http':
			return { type, path, status };
		case 'script':
			return { type, steps };
		default:
			return { type };
	}
}

export function compileHealth({ active, passive }: PoolConfig['health']): PoolHealth {
	return {
		active:
			active === 'off'
				? null
				: {
						probe: compileProbe(active),
						intervalMs: active.interval,
						timeoutMs: active.timeout,
						rise: active.rise,
						fall: active.fall,
						port: active.port ?? null,
					},
		passive:
			passive === 'off'
				? null
				: {
						failures: passive.failures,
						withinMs: passive.within,
						ejectMs: passive.eject,
						maxEjected: passive.maxEjected,
					},
	};
}
