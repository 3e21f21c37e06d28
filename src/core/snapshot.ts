import type { SocketTarget } from './address.ts';
import type { RefusalManner } from './outcome.ts';

/**
 * Everything the data plane needs to decide, built whole by the control plane, never changed, and
 * structured-cloneable: plain objects, Maps, Sets and typed arrays (the large ones on shared memory).
 * What changes by the second lives in the scoreboard; a snapshot names its place there by `SlotRef`.
 */
export interface Snapshot {
	/** Counts up from 1 with every reload. */
	readonly id: number;
	readonly process: ProcessSnapshot;
	readonly geo: GeoSnapshot;
	readonly regions: readonly RegionSnapshot[];
	readonly listeners: readonly ListenerSnapshot[];
	readonly pools: readonly PoolSnapshot[];
	readonly accessLog: 'all' | 'errors' | 'none';
	readonly drainMs: number;
}

/** A place on the scoreboard. A holding or release with an old generation changes nothing. */
export interface SlotRef {
	readonly index: number;
	readonly generation: number;
}

/** The same for two references to one place, and another for any other. */
export const slotKey = ({ index, generation }: SlotRef): string => `${index}.${generation}`;

/** At most `count` accepted in any `windowMs`. */
export interface RateLimit {
	readonly count: number;
	readonly windowMs: number;
	/** As written, e.g. `5/10s`. */
	readonly text: string;
}

/** What is limited by connections and rates; `maxConnections` null means no cap. At most `MAX_RATES` rates. */
export interface Limited {
	readonly slot: SlotRef;
	readonly maxConnections: number | null;
	readonly rates: readonly RateLimit[];
}

/** A token bucket: what it earns, and what idle time may save up. */
export interface BucketLimit {
	readonly bytesPerSecond: number;
	readonly burstBytes: number;
}

/** The buckets of one place; null is unlimited. */
export interface Shaped {
	readonly upload: BucketLimit | null;
	readonly download: BucketLimit | null;
}

export const UNSHAPED: Shaped = { upload: null, download: null };

/** A listener's own buckets, and what each of its clients and connections gets. */
export interface ListenerShaping {
	readonly listener: Shaped;
	/** The client's bucket stands in its entry of the listener's client table. */
	readonly client: Shaped;
	readonly connection: Shaped;
}

/** How many rates one place may have; all must hold. */
export const MAX_RATES = 4;

/** What becomes of a client above a cap or rate: closed, or left in the kernel's queue until there is room. */
export const OVERFLOWS = ['refuse', 'wait'] as const;
export type Overflow = (typeof OVERFLOWS)[number];

export interface ProcessSnapshot extends Limited {
	readonly overflow: Overflow;
}

/**
 * Networks as disjoint sorted ranges for binary search; where networks nest, the most specific one's
 * index stands. `v4`: triples (first, last, index). `v6`: nine words (first a b c d, last a b c d, index).
 */
export interface NetworkTable {
	readonly v4: Uint32Array;
	readonly v6: Uint32Array;
	/** The networks as written, by index. */
	readonly names: readonly string[];
}

/** Where countries of addresses come from: `embedded` is geoip-lite's country data, loaded by each worker. */
export type GeoDatabase = 'embedded' | MmdbDatabase;

/** A MaxMind DB file that the control plane has read and checked: one copy for all workers. */
export interface MmdbDatabase {
	readonly type: 'mmdb';
	/** Another one for every reading; the memory may be one that an earlier reading no longer needs. */
	readonly version: number;
	/** Not written to while a live snapshot has it. */
	readonly bytes: Uint8Array<SharedArrayBuffer>;
}

export interface GeoSnapshot {
	readonly database: GeoDatabase;
	readonly overrides: NetworkTable;
	/** Country of each override, by the index in `overrides`. */
	readonly overrideCountries: readonly string[];
	/** Index into `Snapshot.regions` by country: the first region in file order that has it. */
	readonly regionOfCountry: ReadonlyMap<string, number>;
}

export interface RegionSnapshot extends Limited {
	readonly index: number;
	readonly name: string;
	readonly shaping: Shaped;
}

/** One condition set: any of the networks, countries or regions. Absent kinds are null. */
export interface AccessList {
	readonly networks: NetworkTable | null;
	readonly countries: ReadonlySet<string> | null;
	/** Indexes into `Snapshot.regions`. */
	readonly regions: ReadonlySet<number> | null;
}

/** Deny beats allow; `allow` null lets everyone in that `deny` does not name. */
export interface AccessRules {
	readonly allow: AccessList | null;
	readonly deny: AccessList | null;
	readonly action: RefusalManner;
	readonly holdForMs: number;
}

export interface PerClientLimits {
	readonly maxConnections: number | null;
	readonly rates: readonly RateLimit[];
	readonly prefixV4: number;
	readonly prefixV6: number;
	readonly action: RefusalManner;
	readonly holdForMs: number;
	readonly tableSize: number;
	/** Which client table of the scoreboard. Kept over a reload while the listener and the size stay. */
	readonly table: number;
}

export interface ListenerTimeouts {
	/** No byte either way for so long ends the session; null: never. */
	readonly idleMs: number | null;
	/** After one side's FIN, no byte the other way for so long. */
	readonly halfCloseMs: number | null;
	readonly maxDurationMs: number | null;
}

export interface KeepAlive {
	readonly idleMs: number;
	readonly intervalMs: number;
	readonly count: number;
}

/** One address of a listener. `port` is real: the control plane has resolved 0 before a worker sees it. */
export interface BindSnapshot {
	readonly target: SocketTarget;
	/** True where an IPv6 wildcard must leave IPv4 to another listener. */
	readonly v6Only: boolean;
}

export interface ListenerSnapshot extends Limited {
	readonly index: number;
	readonly name: string;
	readonly overflow: Overflow;
	readonly binds: readonly BindSnapshot[];
	readonly access: AccessRules | null;
	/** Also there, without limits, where clients have buckets. */
	readonly perClient: PerClientLimits | null;
	readonly shaping: ListenerShaping;
	readonly timeouts: ListenerTimeouts;
	readonly keepAlive: KeepAlive;
	readonly routes: readonly RouteSnapshot[];
}

/** All kinds that are not null must hold; the values of one kind are alternatives. */
export interface RouteMatch {
	readonly countries: ReadonlySet<string> | null;
	readonly regions: ReadonlySet<number> | null;
	readonly networks: NetworkTable | null;
}

export interface RouteSnapshot {
	/** Its number, counted from 1, as text; what records show. */
	readonly name: string;
	readonly match: RouteMatch;
	/** Indexes into `Snapshot.pools`, in order of preference. */
	readonly pools: readonly number[];
}

export const BALANCE_ALGORITHMS = ['round-robin', 'least-connections', 'random', 'first', 'ip-hash'] as const;
export type BalanceAlgorithm = (typeof BALANCE_ALGORITHMS)[number];

export interface RetryPolicy {
	/** Tries after the first. */
	readonly attempts: number;
	readonly backoffMs: number;
	readonly maxBackoffMs: number;
}

/** Probes of a pool's backends by connecting to them. */
export interface ActiveHealth {
	readonly intervalMs: number;
	readonly timeoutMs: number;
	/** Good results in a row that turn a backend up. */
	readonly rise: number;
	/** Bad results in a row that turn it down. */
	readonly fall: number;
	/** Where to connect on the backend's host instead of its own port; null: its own. */
	readonly port: number | null;
}

/** `failures` within `withinMs` eject a backend for `ejectMs`, longer each time (see `policy/ejection.ts`). */
export interface PassiveHealth {
	readonly failures: number;
	readonly withinMs: number;
	readonly ejectMs: number;
	/** The share of the pool's backends that may be ejected at once, rounded down. */
	readonly maxEjected: number;
}

export interface PoolHealth {
	/** Null: nobody is probed, every backend counts as up. */
	readonly active: ActiveHealth | null;
	/** Null: nobody is ejected. */
	readonly passive: PassiveHealth | null;
}

/** Where sessions wait while every backend of the pool is full. */
export interface PoolQueueSnapshot {
	/** Which queue of the scoreboard. Kept over a reload while the pool's name stays. */
	readonly number: number;
	/** How many may wait at once. */
	readonly size: number;
	readonly timeoutMs: number;
	/** Wait here rather than go to the next pool of the route. */
	readonly first: boolean;
}

export interface PoolSnapshot {
	readonly index: number;
	readonly name: string;
	readonly slot: SlotRef;
	readonly balance: BalanceAlgorithm;
	readonly connectTimeoutMs: number;
	/** Local address of upstream connections; null lets the kernel choose. */
	readonly sourceAddress: string | null;
	readonly retries: RetryPolicy;
	/** Null: sessions that find no room are refused, or spill. */
	readonly queue: PoolQueueSnapshot | null;
	readonly health: PoolHealth;
	/** When every pool of a route is down and less than this share of this one is healthy, health is ignored; 0: never. */
	readonly panicBelow: number;
	readonly shaping: Shaped;
	readonly backends: readonly BackendSnapshot[];
}

export interface BackendSnapshot extends Limited {
	/** Place in `PoolSnapshot.backends`. */
	readonly index: number;
	/** As configured, or the address; `name/address` where a host name gave several. Hashing uses it. */
	readonly name: string;
	/** Already resolved: `host` is an IP address. */
	readonly target: SocketTarget;
	/** 0 takes no new sessions. */
	readonly weight: number;
	/** Used only when no other backend of the pool is open. */
	readonly backup: boolean;
	readonly shaping: Shaped;
}
