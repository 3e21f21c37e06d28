import * as z from 'zod';
import { OUTCOMES, REFUSAL_MANNERS } from '../../core/outcome.ts';
import { STAGES } from '../../policy/trace.ts';

/*
 * What the admin API answers with: one schema for each thing that can be looked at. The OpenAPI document, the types
 * of `Operations`, the command line and the dashboard all come from here. Names are the lexicon's, units stand in them.
 * Rates are means over the last second or so; totals count from the start of the process.
 */

const count = () => z.int().min(0);
const bytes = () => z.number().min(0);
const perSecond = () => z.number().min(0);

export const traffic = z.object({
	uploadBytes: bytes(),
	downloadBytes: bytes(),
	uploadBytesPerSecond: perSecond(),
	downloadBytesPerSecond: perSecond(),
});

/** How full a token bucket is; negative: promised to those who wait. */
export const bucketView = z.object({
	/** `listener game`, `region eu`, `pool eu`, `backend eu/eu-1`. */
	place: z.string(),
	direction: z.enum(['upload', 'download']),
	bytesPerSecond: z.number(),
	burstBytes: z.number(),
	levelBytes: z.number(),
});

export const backendState = z.enum(['enabled', 'draining', 'disabled']);

export const backendView = z.object({
	pool: z.string(),
	name: z.string(),
	address: z.string(),
	health: z.enum(['up', 'unknown', 'down']),
	/** Taken out by passive health for now. */
	ejected: z.boolean(),
	/** Milliseconds since its health last changed; null: never since the start. */
	healthForMs: z.number().nullable(),
	/** As set at run time: a draining backend gets no new sessions and its sessions end; a disabled one no new ones. */
	state: backendState,
	/** The weight in force. */
	weight: count(),
	/** As written in the file; null for a backend added at run time. */
	configuredWeight: count().nullable(),
	backup: z.boolean(),
	active: count(),
	maxConnections: count().nullable(),
	sessions: count(),
	sessionsPerSecond: perSecond(),
	connects: count(),
	connectFailures: count(),
	traffic,
	/** The last probe or session that failed, in a line, and when (ISO 8601). */
	lastError: z.object({ time: z.iso.datetime(), reason: z.string() }).nullable(),
	/** Which of its settings were changed at run time: `weight`, `state`, `added`, `upload`, `download`. */
	changed: z.array(z.string()),
});

export const poolView = z.object({
	name: z.string(),
	balance: z.string(),
	active: count(),
	/** Sum of the caps of its backends; null where one has none. */
	capacity: count().nullable(),
	healthy: count(),
	queued: count(),
	queueSize: count().nullable(),
	sessions: count(),
	sessionsPerSecond: perSecond(),
	traffic,
	changed: z.array(z.string()),
	backends: z.array(backendView),
});

export const listenerView = z.object({
	name: z.string(),
	addresses: z.array(z.string()),
	engine: z.enum(['epoll', 'node']),
	active: count(),
	maxConnections: count().nullable(),
	sessions: count(),
	sessionsPerSecond: perSecond(),
	refused: count(),
	traffic,
	tls: z.enum(['terminate', 'passthrough']).nullable(),
	/** What `perClient` counts by; null: it has no limits for each client. */
	clientTable: z
		.object({
			/** `tableSize`. */
			size: count(),
			/** Most clients that were in it at once, so far. */
			peak: count(),
			/** Idle clients that were forgotten for newcomers. */
			evicted: count(),
			/** Newcomers who had to share the overflow entry. */
			overflowed: count(),
		})
		.nullable(),
	changed: z.array(z.string()),
});

export const regionView = z.object({
	name: z.string(),
	active: count(),
	maxConnections: count().nullable(),
	sessions: count(),
	traffic,
	changed: z.array(z.string()),
});

export const countryView = z.object({
	/** ISO 3166-1 alpha-2; null: unknown. */
	country: z.string().nullable(),
	/** Sessions now. */
	active: count(),
});

export const clientView = z.object({
	listener: z.string(),
	client: z.string(),
	active: count(),
	uploadBytesPerSecond: perSecond(),
	downloadBytesPerSecond: perSecond(),
});

export const statusView = z.object({
	version: z.string(),
	startedAt: z.iso.datetime(),
	uptimeMs: z.number(),
	phase: z.enum(['starting', 'running', 'stopping']),
	engine: z.enum(['epoll', 'node']),
	workers: count(),
	/** Number of the snapshot in force; rises with every reload and change. */
	snapshot: count(),
	configuration: z.string().nullable(),
	active: count(),
	maxConnections: count().nullable(),
	sessions: count(),
	sessionsPerSecond: perSecond(),
	queued: count(),
	/** Share of the active sessions that a bucket holds back now, 0 to 1; null: not known. */
	throttledShare: z.number().nullable(),
	traffic,
	outcomes: z.partialRecord(z.enum(OUTCOMES), count()),
	recordsDropped: count(),
	logLevel: z.enum(['debug', 'info', 'warn', 'error']),
	geoDatabase: z.string(),
	/** How many changes made at run time are in force. */
	changes: count(),
});

/** Who asks, and what they may do. */
export const callerView = z.object({ name: z.string(), roles: z.array(z.enum(['read', 'write', 'tap'])) });

export const sessionView = z.object({
	/** Good while the session lives. */
	id: z.string(),
	listener: z.string(),
	/** `ip:port`, or null on a unix-domain socket. */
	peer: z.string().nullable(),
	client: z.string().nullable(),
	country: z.string().nullable(),
	region: z.string().nullable(),
	sni: z.string().nullable(),
	alpn: z.string().nullable(),
	route: z.string().nullable(),
	pool: z.string().nullable(),
	backend: z.string().nullable(),
	state: z.string(),
	worker: count(),
	ageMs: z.number(),
	idleMs: z.number().nullable(),
	uploadBytes: bytes(),
	downloadBytes: bytes(),
	throttledMs: z.number(),
	throttled: z.boolean(),
});

/** A name as somebody may write it; no name is longer. What a reload took away may still have sessions. */
export const named = () => z.string().max(512);

export const sessionQuery = z.strictObject({
	listener: named().optional(),
	pool: named().optional(),
	/** Its name; with `pool`. */
	backend: named().optional(),
	/** An address or a network. */
	client: z.string().max(64).optional(),
	country: z.string().length(2).optional(),
	/** Only those that wait: held back by a bucket, or queued. */
	waiting: z.enum(['true', 'false']).optional(),
	limit: z.coerce.number().int().min(1).max(1_000).default(100),
	/** What the page before answered as `next`. */
	after: z.string().max(32).optional(),
});

export const sessionPage = z.object({ sessions: z.array(sessionView), next: z.string().nullable() });

/** A change of state worth telling people: health, ejection, drain, reload, a change at run time, a worker's death. */
export const eventView = z.object({
	number: count(),
	time: z.iso.datetime(),
	level: z.enum(['debug', 'info', 'warn', 'error']),
	msg: z.string(),
	fields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
});

/** What would happen to clients now, and why, in the order they were asked about. */
export const explanationView = z.object({
	listener: z.string(),
	clients: z.array(
		z.object({
			client: z.string(),
			country: z.string().nullable(),
			region: z.string().nullable(),
			steps: z.array(z.object({ stage: z.enum(STAGES), text: z.string() })),
			route: z.string().nullable(),
			pool: z.string().nullable(),
			/** Null with a pool and no outcome: it would wait in the pool's queue. */
			backend: z.string().nullable(),
			/** Null: it would be served. */
			outcome: z.enum(OUTCOMES).nullable(),
			/** `wait`: in the kernel's queue, until there is room. */
			manner: z.enum([...REFUSAL_MANNERS, 'wait']).nullable(),
		}),
	),
	spread: z.array(
		z.object({
			pool: z.string().nullable(),
			backend: z.string().nullable(),
			outcome: z.enum(OUTCOMES).nullable(),
			clients: count(),
		}),
	),
});

export const nameChanges = z.object({
	added: z.array(z.string()),
	removed: z.array(z.string()),
	changed: z.array(z.string()),
});

export const diffView = z.object({
	summary: z.string(),
	listeners: nameChanges,
	pools: nameChanges,
	backends: nameChanges,
	regions: nameChanges,
	settings: z.array(z.string()),
	/** Keys that would need a restart; a reload with any is refused. */
	restart: z.array(z.string()),
});

/** What a reload has changed. */
export const reloadView = diffView.extend({
	/** What of it could not be done yet, such as an address that is taken; it is tried again. */
	warnings: z.array(z.string()),
});

/** A change made at run time that is in force: kept over a reload, forgotten at a restart unless `state` names a file. */
export const changeView = z.object({
	/** `backend eu/eu-1`, `pool eu`, `listener game`, `log`. */
	target: z.string(),
	what: z.string(),
	value: z.string(),
	by: z.string(),
	time: z.iso.datetime(),
});

/** An alert of the configuration and how far it is. */
export const alertView = z.object({
	name: z.string(),
	/** The condition as written. */
	when: z.string(),
	forMs: z.number(),
	state: z.enum(['ok', 'pending', 'firing']),
	/** What the condition compares now; null: there is nothing to compare. */
	value: z.number().nullable(),
	/** Since when the condition holds, or does not. */
	since: z.iso.datetime(),
	/** What became of its last message; null: it has no webhook. */
	webhook: z.enum(['none', 'waiting', 'delivered', 'failed']).nullable(),
	/** The last message that its webhook has taken; null: none yet. */
	told: z.object({ state: z.enum(['firing', 'resolved']), time: z.iso.datetime() }).nullable(),
	/** Why the last try to tell it failed; null: it did not. */
	trouble: z.string().nullable(),
});

export const historyQuery = z.strictObject({
	/** `process` or `pool NAME`. */
	series: named().default('process'),
	/** Absent: all that is kept, 24 hours. */
	since: z.iso.datetime().optional(),
});

/** Means of each step, oldest first, at most 600; steps without any are left out. */
export const historyView = z.object({
	/** False: the configuration has no `history`, and what is told began with the process. */
	kept: z.boolean(),
	/** Why nothing is kept now; null: all is well. */
	fault: z.string().nullable(),
	series: z.string(),
	/** 10 seconds, longer for a long past. */
	stepMs: z.number(),
	points: z.array(
		z.object({
			/** The begin of the step. */
			time: z.iso.datetime(),
			active: z.number(),
			endedPerSecond: perSecond(),
			uploadBytesPerSecond: perSecond(),
			downloadBytesPerSecond: perSecond(),
			queued: z.number(),
		}),
	),
});

/** All that the dashboard shows, of one moment: one question a second instead of ten. */
export const overviewView = z.object({
	status: statusView,
	listeners: z.array(listenerView),
	pools: z.array(poolView),
	buckets: z.array(bucketView),
	countries: z.array(countryView),
	regions: z.array(regionView),
	alerts: z.array(alertView),
	/** Those with higher numbers than was asked for. */
	events: z.array(eventView),
	/** The oldest sessions that a bucket holds back, or that are queued: a few. */
	waiting: z.array(sessionView),
});

export const backendAddition = z.strictObject({
	address: named().min(1),
	name: named().min(1).optional(),
	weight: z.int().min(0).max(256).optional(),
	maxConnections: z.int().min(1).optional(),
	backup: z.boolean().optional(),
});

export const drainOrder = z.strictObject({
	/** Sessions to close a second; absent: they end by themselves, at the latest after `drain`. */
	closePerSecond: z.number().gt(0).max(100_000).optional(),
});

/** As in the configuration, e.g. `100Mbit/s` or `{ rate, burst }`; null: unlimited; absent: as it is. */
const rateChange = () =>
	z.union([z.string(), z.strictObject({ rate: z.string(), burst: z.string().optional() }), z.null()]).optional();
export const shapingChange = z.strictObject({ upload: rateChange(), download: rateChange() });

export type Traffic = z.output<typeof traffic>;
export type BucketView = z.output<typeof bucketView>;
export type BackendView = z.output<typeof backendView>;
export type PoolView = z.output<typeof poolView>;
export type ListenerView = z.output<typeof listenerView>;
export type RegionView = z.output<typeof regionView>;
export type CountryView = z.output<typeof countryView>;
export type ClientView = z.output<typeof clientView>;
export type StatusView = z.output<typeof statusView>;
export type SessionView = z.output<typeof sessionView>;
export type SessionQuery = z.output<typeof sessionQuery>;
export type SessionPage = z.output<typeof sessionPage>;
export type EventView = z.output<typeof eventView>;
export type DiffView = z.output<typeof diffView>;
export type ReloadView = z.output<typeof reloadView>;
export type AlertView = z.output<typeof alertView>;
export type HistoryQuery = z.output<typeof historyQuery>;
export type HistoryView = z.output<typeof historyView>;
export type OverviewView = z.output<typeof overviewView>;
export type ChangeView = z.output<typeof changeView>;
export type BackendAddition = z.output<typeof backendAddition>;
export type DrainOrder = z.output<typeof drainOrder>;
export type ShapingChange = z.output<typeof shapingChange>;
