import {
	type AccessRules,
	type BackendSnapshot,
	type GeoSnapshot,
	type ListenerSnapshot,
	type ListenerTimeouts,
	type PerClientLimits,
	type PoolSnapshot,
	type ProcessSnapshot,
	type RateLimit,
	type RegionSnapshot,
	type RouteSnapshot,
	type SlotRef,
	type Snapshot,
	UNSHAPED,
} from '../../src/core/snapshot.ts';
import { buildNetworkTable } from '../../src/policy/network-table.ts';

/** Gives slots for a hand-made snapshot; a real registry, or `countingSlots`. */
export type ClaimSlot = (kind: string, name: string, address: string) => SlotRef;

/** Slots numbered from 0, the same for the same key. */
export function countingSlots(): ClaimSlot {
	const known = new Map<string, SlotRef>();
	return (kind, name, address) => {
		const key = `${kind} ${name} ${address}`;
		const slot = known.get(key) ?? { index: known.size, generation: 1 };
		known.set(key, slot);
		return slot;
	};
}

type Caps = Partial<Pick<ProcessSnapshot, 'maxConnections' | 'rates' | 'overflow'>>;
type Given<T> = Partial<Omit<T, 'slot' | 'index'>>;

export interface PoolSpec extends Omit<Given<PoolSnapshot>, 'backends'> {
	readonly backends?: readonly Given<BackendSnapshot>[];
}

export interface RouteSpec {
	readonly match?: Partial<RouteSnapshot['match']>;
	readonly to: readonly string[];
}

export interface ListenerSpec extends Omit<Given<ListenerSnapshot>, 'routes' | 'timeouts'> {
	readonly timeouts?: Partial<ListenerTimeouts>;
	readonly routes?: readonly RouteSpec[];
}

export interface SnapshotSpec {
	readonly id?: number;
	readonly process?: Caps;
	readonly regions?: readonly (Given<RegionSnapshot> & { readonly countries: readonly string[] })[];
	readonly overrides?: Readonly<Record<string, string>>;
	readonly listeners?: readonly ListenerSpec[];
	readonly pools?: readonly PoolSpec[];
	readonly accessLog?: Snapshot['accessLog'];
}

/** `count` per `windowMs`. */
export const rate = (count: number, windowMs: number): RateLimit => ({
	count,
	windowMs,
	text: `${count}/${windowMs}ms`,
});

/** What one client may have. */
export const perClient = (more: Partial<PerClientLimits>): PerClientLimits => ({
	maxConnections: null,
	rates: [],
	prefixV4: 32,
	prefixV6: 64,
	action: 'close',
	holdForMs: 10_000,
	tableSize: 100,
	table: 0,
	...more,
});

/** Nobody from this network may come in. */
export const denying = (network: string, action: AccessRules['action']): AccessRules => ({
	allow: null,
	deny: { networks: buildNetworkTable([network]), countries: null, regions: null },
	action,
	holdForMs: 10_000,
});

/** A whole snapshot from the few things a test cares about: one listener to one pool unless told otherwise. */
export function snapshotOf(spec: SnapshotSpec = {}, claim: ClaimSlot = countingSlots()): Snapshot {
	const pools = (spec.pools ?? [{}]).map((pool, index) => poolOf(pool, index, claim));
	const regions = (spec.regions ?? []).map((region, index) => ({
		maxConnections: null,
		rates: [],
		shaping: UNSHAPED,
		name: `region${index}`,
		...region,
		index,
		slot: claim('region', region.name ?? `region${index}`, ''),
	}));
	return {
		id: spec.id ?? 1,
		process: { maxConnections: 1000, rates: [], overflow: 'refuse', ...spec.process, slot: claim('process', '', '') },
		geo: geoOf(spec),
		regions,
		listeners: (spec.listeners ?? [{}]).map((listener, index) => listenerOf(listener, index, pools, claim)),
		pools,
		accessLog: spec.accessLog ?? 'all',
		drainMs: 30_000,
	};
}

function geoOf(spec: SnapshotSpec): GeoSnapshot {
	const regionOfCountry = new Map<string, number>();
	for (const [index, region] of (spec.regions ?? []).entries()) {
		for (const country of region.countries) if (!regionOfCountry.has(country)) regionOfCountry.set(country, index);
	}
	const overrides = Object.entries(spec.overrides ?? {});
	return {
		database: 'embedded',
		overrides: buildNetworkTable(overrides.map(([network]) => network)),
		overrideCountries: overrides.map(([, country]) => country),
		regionOfCountry,
	};
}

function poolOf(spec: PoolSpec, index: number, claim: ClaimSlot): PoolSnapshot {
	const name = spec.name ?? `pool${index}`;
	return {
		balance: 'round-robin',
		connectTimeoutMs: 5_000,
		sourceAddress: null,
		retries: { attempts: 2, backoffMs: 100, maxBackoffMs: 2_000 },
		queue: null,
		shaping: UNSHAPED,
		health: { active: null, passive: null },
		panicBelow: 0,
		proxyProtocol: null,
		tls: null,
		...spec,
		name,
		index,
		slot: claim('pool', name, ''),
		backends: (spec.backends ?? [{}]).map((backend, at) => backendOf(backend, at, name, claim)),
	};
}

function backendOf(spec: Given<BackendSnapshot>, index: number, pool: string, claim: ClaimSlot): BackendSnapshot {
	const name = spec.name ?? `${pool}-b${index}`;
	return {
		target: { type: 'tcp', host: '127.0.0.1', port: 1 + index },
		hostName: null,
		weight: 1,
		backup: false,
		maxConnections: null,
		rates: [],
		shaping: UNSHAPED,
		...spec,
		name,
		index,
		slot: claim('backend', `${pool}/${name}`, ''),
	};
}

const TIMEOUTS: ListenerTimeouts = {
	idleMs: 600_000,
	halfCloseMs: 60_000,
	maxDurationMs: null,
	clientHelloMs: 5_000,
	tlsHandshakeMs: 10_000,
};

function listenerOf(
	spec: ListenerSpec,
	index: number,
	pools: readonly PoolSnapshot[],
	claim: ClaimSlot,
): ListenerSnapshot {
	const name = spec.name ?? `listener${index}`;
	const routes = spec.routes ?? [{ to: pools.map((pool) => pool.name) }];
	return {
		binds: [],
		access: null,
		perClient: null,
		shaping: { listener: UNSHAPED, client: UNSHAPED, connection: UNSHAPED },
		keepAlive: { idleMs: 60_000, intervalMs: 10_000, count: 6 },
		maxConnections: null,
		rates: [],
		overflow: 'refuse',
		proxyProtocol: null,
		tls: null,
		needsNode: false,
		needsLocal: false,
		...spec,
		timeouts: { ...TIMEOUTS, ...spec.timeouts },
		name,
		index,
		slot: claim('listener', name, ''),
		routes: routes.map((route, at) => ({
			name: `${at + 1}`,
			match: { countries: null, regions: null, networks: null, sni: null, alpn: null, ...route.match },
			pools: route.to.map((to) => pools.findIndex((pool) => pool.name === to)),
		})),
	};
}
