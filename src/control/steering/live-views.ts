import { formatTarget } from '../../core/address.ts';
import type {
	BackendSnapshot,
	BucketLimit,
	ListenerSnapshot,
	PoolSnapshot,
	RegionSnapshot,
	SlotRef,
	Snapshot,
} from '../../core/snapshot.ts';
import type { Direction } from '../../core/units.ts';
import type { Scoreboard } from '../../shared/scoreboard.ts';
import type { BackendView, BucketView, ListenerView, PoolView, RegionView } from '../admin/views.ts';
import { backendName } from '../config/compile.ts';
import type { Config } from '../config/schema.ts';
import type { HealthDetail } from '../pool-health.ts';
import type { RuntimeChanges } from './changes.ts';
import type { Sampler } from './sampler.ts';

/** All that the views are made from, as it is at one moment. */
export interface LiveParts {
	readonly snapshot: Snapshot;
	/** As the file has it, without the changes. */
	readonly config: Config;
	readonly changes: RuntimeChanges;
	readonly board: Scoreboard;
	readonly sampler: Sampler;
	readonly nowNs: number;
	healthOf(backend: SlotRef): HealthDetail;
	addressesOf(listener: string): readonly string[];
	engineOf(listener: ListenerSnapshot): 'epoll' | 'node';
}

export const listenerViews = (parts: LiveParts): ListenerView[] =>
	parts.snapshot.listeners.map((listener) => ({
		name: listener.name,
		addresses: [...parts.addressesOf(listener.name)],
		engine: parts.engineOf(listener),
		active: parts.board.active(listener.slot),
		maxConnections: listener.maxConnections,
		sessions: parts.board.total(listener.slot, 'sessions'),
		sessionsPerSecond: parts.sampler.ratesOf(listener.slot).sessionsPerSecond,
		refused: parts.board.total(listener.slot, 'refused'),
		traffic: parts.sampler.trafficOf(listener.slot),
		tls: listener.tls?.mode ?? null,
		clientTable: clientTableView(listener, parts.board),
		changed: parts.changes.ofPlace('listener', listener.name),
	}));

/** One of its bodies is the overflow entry's. */
function clientTableView({ perClient }: ListenerSnapshot, board: Scoreboard): ListenerView['clientTable'] {
	const table = perClient === null ? undefined : board.clientTables[perClient.table];
	if (table === undefined) return null;
	const { evicted, overflowed, bodies, layout } = table;
	return { size: layout.capacity, peak: Math.min(bodies - 1, layout.capacity), evicted, overflowed };
}

export const regionViews = (parts: LiveParts): RegionView[] =>
	parts.snapshot.regions.map(({ name, slot, maxConnections }) => ({
		name,
		active: parts.board.active(slot),
		maxConnections,
		sessions: parts.board.total(slot, 'sessions'),
		traffic: parts.sampler.trafficOf(slot),
		changed: parts.changes.ofPlace('region', name),
	}));

export const poolViews = (parts: LiveParts): PoolView[] => parts.snapshot.pools.map((pool) => poolView(pool, parts));

function poolView(pool: PoolSnapshot, parts: LiveParts): PoolView {
	const { board, sampler, changes } = parts;
	const backends = pool.backends.map((backend) => backendView(pool, backend, parts));
	const caps = pool.backends.map(({ maxConnections }) => maxConnections);
	return {
		name: pool.name,
		balance: pool.balance,
		active: backends.reduce((sum, { active }) => sum + active, 0),
		capacity: caps.includes(null) ? null : caps.reduce<number>((sum, cap) => sum + (cap ?? 0), 0),
		healthy: backends.filter(({ health, state }) => health !== 'down' && state === 'enabled').length,
		queued: pool.queue === null ? 0 : board.waiting(pool.queue.number),
		queueSize: pool.queue?.size ?? null,
		sessions: board.total(pool.slot, 'sessions'),
		sessionsPerSecond: sampler.ratesOf(pool.slot).sessionsPerSecond,
		traffic: sampler.trafficOf(pool.slot),
		changed: changes.ofPlace('pool', pool.name),
		backends,
	};
}

function backendView(pool: PoolSnapshot, backend: BackendSnapshot, parts: LiveParts): BackendView {
	const { board, sampler, changes } = parts;
	const { slot } = backend;
	const { ejected, healthForMs, lastError } = parts.healthOf(slot);
	const configured = entryName(backend);
	return {
		pool: pool.name,
		name: backend.name,
		address: formatTarget(backend.target),
		health: board.health(slot),
		ejected,
		healthForMs,
		state: changes.stateOf(pool.name, configured),
		weight: backend.weight,
		configuredWeight: configuredWeight(parts.config, pool.name, configured),
		backup: backend.backup,
		active: board.active(slot),
		maxConnections: backend.maxConnections,
		sessions: board.total(slot, 'sessions'),
		sessionsPerSecond: sampler.ratesOf(slot).sessionsPerSecond,
		connects: board.total(slot, 'connects'),
		connectFailures: board.total(slot, 'connectFailures'),
		traffic: sampler.trafficOf(slot),
		lastError: lastError && { time: new Date(lastError.timeMs).toISOString(), reason: lastError.reason },
		changed: changes.ofBackend(pool.name, configured),
	};
}

/** The entry of the file that a backend comes from: one host name may have given several, `name/address`. */
export function entryName({ name, hostName }: Pick<BackendSnapshot, 'name' | 'hostName'>): string {
	const slash = name.lastIndexOf('/');
	return hostName === null || slash < 0 ? name : name.slice(0, slash);
}

function configuredWeight(config: Config, pool: string, backend: string): number | null {
	const entry = config.pools
		.find(({ name }) => name === pool)
		?.backends.find((candidate) => backendName(candidate) === backend);
	return entry?.weight ?? null;
}

/** The buckets of every place that has one; those of single clients and connections are too many to tell. */
export function bucketViews(parts: LiveParts): BucketView[] {
	const { listeners, regions, pools } = parts.snapshot;
	return [
		...listeners.flatMap(({ name, slot, shaping }) => bucketsAt(`listener ${name}`, slot, shaping.listener, parts)),
		...regions.flatMap(({ name, slot, shaping }: RegionSnapshot) => bucketsAt(`region ${name}`, slot, shaping, parts)),
		...pools.flatMap(({ name, slot, shaping, backends }) => [
			...bucketsAt(`pool ${name}`, slot, shaping, parts),
			...backends.flatMap((backend) =>
				bucketsAt(`backend ${name}/${backend.name}`, backend.slot, backend.shaping, parts),
			),
		]),
	];
}

function bucketsAt(
	place: string,
	slot: SlotRef,
	shaped: Readonly<Record<Direction, BucketLimit | null>>,
	{ board, nowNs }: LiveParts,
): BucketView[] {
	return (['upload', 'download'] as const).flatMap((direction) => {
		const terms = shaped[direction];
		if (terms === null) return [];
		return [{ place, direction, ...terms, levelBytes: board.bucketLevel(slot, direction, terms, nowNs) }];
	});
}
