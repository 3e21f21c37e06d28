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
	/** From accept, or the end of a PROXY header, to a whole ClientHello. */
	readonly clientHelloMs: number;
	readonly tlsHandshakeMs: number;
}

/** Peers that must send a PROXY header; from others the bytes are payload. */
export interface ProxyProtocolIn {
	readonly from: NetworkTable;
	readonly timeoutMs: number;
}

/** Protocols in which TLS begins after a few bytes in the clear. */
export const START_TLS = ['postgres'] as const;
export type StartTls = (typeof START_TLS)[number];

/** TLS goes through untouched; the ClientHello is read for routes. */
export interface PassthroughTls {
	readonly mode: 'passthrough';
	readonly startTls: StartTls | null;
}

/** A certificate with its key, both checked to belong together. */
export interface CertificateSnapshot {
	/** PEM, the chain after it. */
	readonly certificate: string;
	/** PEM. */
	readonly key: string;
	/** The OCSP response to staple, DER. */
	readonly ocsp: Uint8Array | null;
	/** DNS names it is good for, in lower case; `*.` stands for one label. */
	readonly names: readonly string[];
	/** Taken when no certificate has the name asked for. At least one of a listener is. */
	readonly isDefault: boolean;
}

/** What is asked of clients' certificates. */
export interface ClientAuth {
	/** PEM. */
	readonly ca: string;
	readonly mode: 'require' | 'request';
	/** One of the certificate's names must match one of these (`*.` is one label); empty: any. In lower case. */
	readonly names: readonly string[];
	/** SHA-256 of the certificates that may come in, 64 hex digits in lower case; empty: any. */
	readonly fingerprints: readonly string[];
}

export interface TerminateTls {
	readonly mode: 'terminate';
	readonly startTls: StartTls | null;
	/** Changes when anything of this listener's TLS does: what a worker prepares of it is kept by this. */
	readonly identity: string;
	readonly certificates: readonly CertificateSnapshot[];
	readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
	/** OpenSSL's list; null: the runtime's default. */
	readonly ciphers: string | null;
	readonly alpn: readonly string[];
	/** 48 bytes, the same for all workers (RFC 5077 section 4 names, encrypts and signs with its thirds). */
	readonly ticketKey: Uint8Array;
	readonly clientAuth: ClientAuth | null;
}

export type ListenerTls = PassthroughTls | TerminateTls;

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
	/** Null: nobody sends a PROXY header. */
	readonly proxyProtocol: ProxyProtocolIn | null;
	/** Null: plain TCP, or whatever it is. */
	readonly tls: ListenerTls | null;
	/** Only the engine on Node's `tls` can serve it: it terminates TLS, or a pool that its routes name speaks it. */
	readonly needsNode: boolean;
	/** A pool that its routes name is told the address that clients connected to. */
	readonly needsLocal: boolean;
	readonly routes: readonly RouteSnapshot[];
}

/** All kinds that are not null must hold; the values of one kind are alternatives. */
export interface RouteMatch {
	readonly countries: ReadonlySet<string> | null;
	readonly regions: ReadonlySet<number> | null;
	readonly networks: NetworkTable | null;
	/** Server names of the ClientHello. */
	readonly sni: NameSet | null;
	/** The client offers one of these. */
	readonly alpn: ReadonlySet<string> | null;
}

/** Names in lower case without a trailing dot. */
export interface NameSet {
	readonly exact: ReadonlySet<string>;
	/** `example.com` for `*.example.com`, which has any one label more. */
	readonly parents: ReadonlySet<string>;
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

/** One step of a probe's conversation: bytes to send, or bytes to see in what the backend has sent since the last step. Each
 * character is one byte (Latin-1), so that a file can write any byte. */
export type ScriptStep = { readonly send: string } | { readonly expect: string };

/** What a probe does once it is connected; `tcp`: nothing more. */
export type ProbeType =
	| { readonly type: 'tcp' }
	| { readonly type: 'tls' }
	| { readonly type: 'http'; readonly path: string; readonly status: readonly number[] }
	| { readonly type: 'script'; readonly steps: readonly ScriptStep[] };

/** Probes of a pool's backends by connecting to them. */
export interface ActiveHealth {
	readonly probe: ProbeType;
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

export const PROXY_TLVS = ['authority', 'alpn', 'ssl', 'unique-id', 'crc32c'] as const;
export type ProxyTlv = (typeof PROXY_TLVS)[number];

export interface ProxyProtocolOut {
	readonly version: 'v1' | 'v2';
	/** Of version 2 alone. */
	readonly tlvs: readonly ProxyTlv[];
}

/** TLS to backends. */
export interface UpstreamTls {
	/** Changes when anything of this pool's TLS does. */
	readonly identity: string;
	readonly startTls: StartTls | null;
	readonly verify: boolean;
	/** PEM; null: the runtime's roots. */
	readonly ca: string | null;
	/** `sni`: the client's, `backend`: the backend's host name as configured; else this name. */
	readonly serverName: { readonly from: 'sni' | 'backend' } | { readonly name: string };
	/** Offered to the backend; `client`: what was agreed on with the client. */
	readonly alpn: readonly string[] | 'client';
	readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
	readonly clientCertificate: { readonly certificate: string; readonly key: string } | null;
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
	/** The header that backends get; null: none. */
	readonly proxyProtocol: ProxyProtocolOut | null;
	/** Null: backends get what the client sends. */
	readonly tls: UpstreamTls | null;
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
	/** The host name that its address was written as; null where that was an IP address or a path. */
	readonly hostName: string | null;
	/** 0 takes no new sessions. */
	readonly weight: number;
	/** Used only when no other backend of the pool is open. */
	readonly backup: boolean;
	readonly shaping: Shaped;
}
