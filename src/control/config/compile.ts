import { isIP } from 'node:net';
import { formatTarget, type SocketTarget } from '../../core/address.ts';
import type {
	BackendSnapshot,
	BindSnapshot,
	GeoDatabase,
	ListenerSnapshot,
	PoolQueueSnapshot,
	PoolSnapshot,
	RateLimit,
	RegionSnapshot,
	SlotRef,
	Snapshot,
} from '../../core/snapshot.ts';
import type { Continent } from '../geo/continents.ts';
import {
	compileAccess,
	compileClients,
	compileGeo,
	compileHealth,
	compileListenerShaping,
	compileMatch,
	compileShaped,
	type Lookups,
} from './compile-rules.ts';
import {
	compileListenerTls,
	compileProxyIn,
	compileProxyOut,
	compileUpstreamTls,
	needsOf,
	type TlsSource,
} from './compile-tls.ts';
import type { BackendConfig, Config, ListenerConfig, PoolConfig } from './schema.ts';

export type SlotKind = 'process' | 'listener' | 'region' | 'pool' | 'backend';

/** Where a snapshot's places on the scoreboard come from. The same kind, name and address keep their place. */
export interface SlotSource {
	claim(kind: SlotKind, name: string, address: string): SlotRef;
	/** The number of a pool's queue; kept while the key stays. */
	queue(key: string): number;
	/** The number of a listener's client table; kept while key, size and number of rates stay. */
	clientTable(key: string, size: number, rates: readonly RateLimit[]): number;
}

export interface CompileInput {
	readonly id: number;
	readonly slots: SlotSource;
	/** Addresses by host name, for what `hostNames` lists; a name never answered is absent. */
	readonly resolved: ReadonlyMap<string, readonly string[]>;
	/** Real ports of binds with port 0, by `bindKey`. */
	readonly ports: ReadonlyMap<string, number>;
	/** What `geo.database` names, already read. */
	readonly geoDatabase: GeoDatabase;
	readonly tls: TlsSource;
	countriesOf(continent: Continent): readonly string[];
	/** The process cap when the configuration names none. */
	readonly defaultMaxConnections: number;
}

/** A host name to look up, and how often. */
export interface HostName {
	readonly host: string;
	readonly everyMs: number;
}

/** All host names of backends; one that several backends have is listed once for each. */
export function hostNames(config: Config): HostName[] {
	return config.pools.flatMap((pool) =>
		pool.backends.flatMap(({ address }) => (isName(address) ? [{ host: address.host, everyMs: pool.resolve }] : [])),
	);
}

/** One address a listener asks for; port 0 is not resolved yet. */
export interface ConfiguredBind {
	readonly listener: string;
	readonly bind: BindSnapshot;
}

/** Every address to listen on, in file order. */
export function configuredBinds(config: Config): ConfiguredBind[] {
	const targets = config.listeners.flatMap((listener) =>
		listener.bind.map((target) => ({ listener: listener.name, target })),
	);
	const v4Ports = new Set(targets.map(({ target }) => (isWildcard(target, '0.0.0.0') ? target.port : 0)));
	return targets.map(({ listener, target }) => ({
		listener,
		bind: { target, v6Only: isWildcard(target, '::') && target.port !== 0 && v4Ports.has(target.port) },
	}));
}

/** Names a bind in `CompileInput.ports`. */
export const bindKey = (listener: string, target: SocketTarget): string => `${listener} ${formatTarget(target)}`;

/**
 * The snapshot of a configuration, complete: nothing is asked of the outside but through `input`.
 * The same configuration and input give the same snapshot.
 */
export function compileSnapshot(config: Config, input: CompileInput): Snapshot {
	const regionNames = Object.keys(config.geo.regions);
	const lookups: Lookups = {
		regions: indexByName(regionNames),
		pools: indexByName(config.pools.map((pool) => pool.name)),
	};
	const pools = config.pools.map((pool, index) => compilePool(pool, index, input));
	return {
		id: input.id,
		process: {
			slot: input.slots.claim('process', 'process', ''),
			maxConnections: config.limits.maxConnections ?? input.defaultMaxConnections,
			rates: config.limits.rate,
			overflow: config.limits.overflow,
		},
		geo: compileGeo(config.geo, input.geoDatabase, input.countriesOf),
		regions: compileRegions(config, input.slots),
		listeners: compileListeners(config, input, lookups, pools),
		pools,
		accessLog: config.log.access,
		drainMs: config.drain,
	};
}

function compileRegions(config: Config, slots: SlotSource): RegionSnapshot[] {
	return Object.entries(config.geo.regions).map(([name, region], index) => ({
		index,
		name,
		slot: slots.claim('region', name, ''),
		maxConnections: region.maxConnections ?? null,
		rates: region.rate,
		shaping: compileShaped(region),
	}));
}

function compileListeners(
	config: Config,
	input: CompileInput,
	lookups: Lookups,
	pools: readonly PoolSnapshot[],
): ListenerSnapshot[] {
	const binds = configuredBinds(config);
	return config.listeners.map((listener, index) => {
		const own = binds.filter((entry) => entry.listener === listener.name).map((entry) => withRealPort(entry, input));
		const compiled = compileListener(listener, index, own, input, lookups);
		return { ...compiled, ...needsOf(compiled.tls, compiled.routes, pools) };
	});
}

function withRealPort({ listener, bind }: ConfiguredBind, input: CompileInput): BindSnapshot {
	const { target } = bind;
	if (target.type === 'unix' || target.port !== 0) return bind;
	const port = input.ports.get(bindKey(listener, target)) ?? 0;
	return { ...bind, target: { ...target, port } };
}

function compileListener(
	listener: ListenerConfig,
	index: number,
	binds: readonly BindSnapshot[],
	{ slots, tls }: CompileInput,
	lookups: Lookups,
): Omit<ListenerSnapshot, 'needsNode' | 'needsLocal'> {
	const { timeouts, keepAlive } = listener;
	return {
		index,
		name: listener.name,
		slot: slots.claim('listener', listener.name, ''),
		maxConnections: listener.maxConnections ?? null,
		rates: listener.rate,
		overflow: listener.overflow,
		binds,
		access: listener.access === undefined ? null : compileAccess(listener.access, lookups),
		perClient: compileClients(listener, slots),
		shaping: compileListenerShaping(listener.shaping),
		timeouts: {
			idleMs: timeouts.idle,
			halfCloseMs: timeouts.halfClose,
			maxDurationMs: timeouts.maxDuration ?? null,
			clientHelloMs: timeouts.clientHello,
			tlsHandshakeMs: timeouts.tlsHandshake,
		},
		keepAlive: { idleMs: keepAlive.idle, intervalMs: keepAlive.interval, count: keepAlive.count },
		proxyProtocol: compileProxyIn(listener),
		tls: compileListenerTls(listener, tls),
		routes: listener.routes.map((route, place) => ({
			name: String(place + 1),
			match: compileMatch(route.match, lookups),
			pools: route.to.map((pool) => lookups.pools.get(pool) ?? 0),
		})),
	};
}

function compilePool(pool: PoolConfig, index: number, input: CompileInput): PoolSnapshot {
	const { retries } = pool;
	return {
		index,
		name: pool.name,
		slot: input.slots.claim('pool', pool.name, ''),
		balance: pool.balance.algorithm,
		connectTimeoutMs: pool.connectTimeout,
		sourceAddress: pool.sourceAddress ?? null,
		retries: { attempts: retries.attempts, backoffMs: retries.backoff, maxBackoffMs: retries.maxBackoff },
		queue: pool.queue === undefined ? null : compileQueue(pool.name, pool.queue, input.slots),
		health: compileHealth(pool.health),
		panicBelow: pool.panicBelow,
		proxyProtocol: compileProxyOut(pool),
		tls: compileUpstreamTls(pool, input.tls),
		shaping: compileShaped(pool),
		backends: pool.backends
			.flatMap((backend) => placesOf(backend, input.resolved))
			.map((place, at) => compileBackend(pool.name, place, at, input.slots)),
	};
}

function compileQueue(
	pool: string,
	{ size, timeout, first }: NonNullable<PoolConfig['queue']>,
	slots: SlotSource,
): PoolQueueSnapshot {
	return { number: slots.queue(pool), size, timeoutMs: timeout, first };
}

interface BackendPlace {
	readonly name: string;
	readonly target: SocketTarget;
	readonly backend: BackendConfig;
}

/** What a backend is called: its name, or its address as written in canonical form. */
export const backendName = (backend: BackendConfig): string => backend.name ?? formatTarget(backend.address);

/** One place for each address; none for a host name that has never been resolved. */
function placesOf(backend: BackendConfig, resolved: ReadonlyMap<string, readonly string[]>): BackendPlace[] {
	const { address } = backend;
	const name = backendName(backend);
	if (!isName(address)) return [{ name, target: address, backend }];
	// Sorted, since resolvers rotate their answers and a rotation is no change.
	const hosts = [...new Set(resolved.get(address.host))].sort();
	return hosts.map((host) => {
		const target = { ...address, host };
		return { name: hosts.length === 1 ? name : `${name}/${formatTarget(target)}`, target, backend };
	});
}

function compileBackend(pool: string, place: BackendPlace, index: number, slots: SlotSource): BackendSnapshot {
	const { name, target, backend } = place;
	return {
		index,
		name,
		slot: slots.claim('backend', `${pool}/${name}`, formatTarget(target)),
		maxConnections: backend.maxConnections ?? null,
		rates: backend.rate,
		target,
		hostName: isName(backend.address) ? backend.address.host : null,
		weight: backend.weight,
		backup: backend.backup,
		shaping: compileShaped(backend),
	};
}

const indexByName = (names: readonly string[]): ReadonlyMap<string, number> =>
	new Map(names.map((name, index) => [name, index]));

type TcpTarget = Extract<SocketTarget, { type: 'tcp' }>;

const isName = (target: SocketTarget): target is TcpTarget => target.type === 'tcp' && isIP(target.host) === 0;

const isWildcard = (target: SocketTarget, host: string): target is TcpTarget =>
	target.type === 'tcp' && target.host === host;
