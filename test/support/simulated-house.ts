import { BucketKeeper } from '../../src/control/bucket-keeper.ts';
import { QueueKeeper } from '../../src/control/queue-keeper.ts';
import type { IpAddress } from '../../src/core/address.ts';
import type { Health } from '../../src/core/desk.ts';
import type { ScoreboardMemory } from '../../src/core/messages.ts';
import {
	type BackendSnapshot,
	type BucketLimit,
	type ClientAuth,
	type Limited,
	type ListenerTls,
	type PoolSnapshot,
	PROXY_TLVS,
	type SlotRef,
	type Snapshot,
	type StartTls,
} from '../../src/core/snapshot.ts';
import { buildNetworkTable } from '../../src/policy/network-table.ts';
import { type SlotKind, SlotRegistry } from '../../src/shared/registry.ts';
import { Repair } from '../../src/shared/repair.ts';
import { ip } from './session-bench.ts';
import { type PoolSpec, rate, snapshotOf } from './snapshots.ts';
import { PASSTHROUGH, terminateTls, upstreamTls } from './tls-terms.ts';

const KINDS: ReadonlySet<string> = new Set<SlotKind>(['process', 'listener', 'region', 'pool', 'backend']);

/** The main thread's part of a simulation: a real scoreboard, its registry, and a configuration that changes. */
export class SimulatedHouse {
	readonly registry: SlotRegistry;
	readonly repairer: Repair;
	readonly keeper: QueueKeeper;
	readonly buckets: BucketKeeper;
	/** Has a worker look at its queued sessions; set by whoever runs the workers. */
	wake: (worker: number) => void = () => {};
	snapshot: Snapshot;
	/** Every place that ever was, so that a place left out of the configuration is still looked at. */
	private readonly known = new Map<string, Limited>();
	private reloads = 1;

	constructor(workers: number, seed: number) {
		this.registry = new SlotRegistry({ workers, seed });
		this.repairer = new Repair(this.registry.scoreboard);
		this.buckets = new BucketKeeper(this.registry.scoreboard);
		this.keeper = new QueueKeeper(this.registry.scoreboard, (worker) => this.wake(worker));
		this.snapshot = this.build(() => 0);
	}

	get memory(): ScoreboardMemory {
		return this.registry.memory;
	}

	active(slot: SlotRef): number {
		return this.registry.scoreboard.active(slot);
	}

	setHealth(backend: BackendSnapshot, health: Health): void {
		this.registry.scoreboard.setHealth(backend.slot, health);
	}

	/** Every backend is down at once. */
	loseAll(): void {
		for (const { backends } of this.snapshot.pools) for (const backend of backends) this.setHealth(backend, 'down');
	}

	/** Weights change, one backend comes and goes; the caps of what stays do not change. */
	reload(rng: () => number): void {
		this.reloads += 1;
		this.snapshot = this.build(rng);
	}

	repair(worker: number): void {
		if (!this.repairer.repair(worker)) throw new Error(`worker ${worker} could not be repaired`);
	}

	audit(): readonly string[] {
		const faults = this.repairer.audit();
		if (!this.repairer.isZero()) faults.push('the scoreboard is not zero');
		return faults;
	}

	places(): Iterable<[string, Limited]> {
		return this.known;
	}

	/** As configured, whatever a session believes. */
	capOf(backend: string): number | null {
		return this.known.get(`backend ${backend}`)?.maxConnections ?? null;
	}

	someBackend(rng: () => number): BackendSnapshot {
		const all = this.snapshot.pools.flatMap((pool: PoolSnapshot) => pool.backends);
		const backend = all[Math.floor(rng() * all.length)];
		if (backend === undefined) throw new Error('a house without backends');
		return backend;
	}

	/** 64 clients, a few of them in a network that is held in the tarpit and one that is denied. */
	clientAddress(rng: () => number): IpAddress {
		return ip(`10.${Math.floor(rng() * 4)}.0.${Math.floor(rng() * 16)}`);
	}

	/** Puts the snapshot's limits in force as `misapplied` has them; absent: as they are. */
	applyTerms(nowNs: number, misapplied?: (snapshot: Snapshot) => Snapshot): void {
		this.buckets.applyTerms(misapplied?.(this.snapshot) ?? this.snapshot, nowNs);
	}

	private build(rng: () => number): Snapshot {
		const table = this.registry.clientTable('game', 64, 1);
		const snapshot = snapshotOf(
			{
				id: this.reloads,
				process: { maxConnections: 120 },
				overrides: { '10.0.0.0/16': 'DE', '10.1.0.0/16': 'FR', '10.2.0.0/16': 'US' },
				regions: [{ name: 'eu', countries: ['DE', 'FR'], maxConnections: 60, rates: [rate(400, 100)] }],
				pools: poolsOf(rng, (pool) => this.registry.queue(pool)),
				listeners: [
					{
						name: 'game',
						maxConnections: 100,
						rates: [rate(300, 100), rate(1990, 1000)],
						timeouts: { idleMs: 300, halfCloseMs: 100, maxDurationMs: 345, clientHelloMs: 50, tlsHandshakeMs: 50 },
						proxyProtocol: rng() < 0.5 ? { from: buildNetworkTable(['10.2.0.0/16']), timeoutMs: 30 } : null,
						tls: someTls(rng),
						access: {
							allow: null,
							deny: { networks: buildNetworkTable(['10.3.0.0/29']), countries: null, regions: null },
							action: this.reloads % 2 === 0 ? 'silent' : 'tarpit',
							holdForMs: 20,
						},
						shaping: {
							listener: { upload: bucket(1_000_000, 20_000), download: bucket(2_000_000, 20_000) },
							client: { upload: bucket(100_000, 4_000), download: null },
							connection: { upload: null, download: bucket(400_000, 2_000) },
						},
						perClient: {
							maxConnections: 4,
							rates: [rate(20, 100)],
							prefixV4: 32,
							prefixV6: 64,
							action: 'close',
							holdForMs: 0,
							tableSize: 64,
							table,
						},
						routes: [{ match: { regions: new Set([0]) }, to: ['eu', 'us'] }, { to: ['us', 'eu'] }],
					},
				],
			},
			(kind, name, address) => this.registry.claim(asKind(kind), name, address),
		);
		this.remember(snapshot);
		return snapshot;
	}

	private remember(snapshot: Snapshot): void {
		const places: [string, Limited][] = [
			['process', snapshot.process],
			...snapshot.regions.map((region): [string, Limited] => [`region ${region.name}`, region]),
			...snapshot.listeners.map((listener): [string, Limited] => [`listener ${listener.name}`, listener]),
			...snapshot.pools.flatMap((pool) =>
				pool.backends.map((backend): [string, Limited] => [`backend ${backend.name}`, backend]),
			),
		];
		for (const [name, place] of places) this.known.set(name, place);
		const slots = [...places.map(([, place]) => place.slot), ...snapshot.pools.map((pool) => pool.slot)];
		const queues = snapshot.pools.flatMap(({ queue }) => (queue === null ? [] : [queue.number]));
		this.registry.retain(snapshot.id, slots, [0], queues);
		this.keeper.apply(snapshot);
	}
}

function poolsOf(rng: () => number, queueOf: (pool: string) => number): readonly PoolSpec[] {
	const retries = { attempts: 2, backoffMs: 5, maxBackoffMs: 20 };
	const weight = (): number => 1 + Math.floor(rng() * 3);
	const queue = (pool: string, size: number, timeoutMs: number): PoolSnapshot['queue'] =>
		rng() < 0.9 ? { number: queueOf(pool), size, timeoutMs, first: pool === 'us' && rng() < 0.5 } : null;
	const passing = rng() < 0.5 ? [{ name: 'eu-3', weight: 1, maxConnections: 3 }] : [];
	return [
		{
			name: 'eu',
			queue: queue('eu', 8, 60),
			balance: 'least-connections',
			connectTimeoutMs: 15,
			retries,
			backends: [
				{ name: 'eu-1', weight: weight(), maxConnections: 8 },
				{ name: 'eu-2', weight: weight(), maxConnections: 5, rates: [rate(40, 100)] },
				...passing,
			],
		},
		{
			name: 'us',
			tls: rng() < 0.4 ? upstreamTls({ startTls: rng() < 0.5 ? 'postgres' : null }) : null,
			proxyProtocol: rng() < 0.5 ? { version: rng() < 0.5 ? 'v1' : 'v2', tlvs: [...PROXY_TLVS] } : null,
			shaping: { upload: null, download: rng() < 0.8 ? bucket(500_000, 10_000) : bucket(900_000, 10_000) },
			queue: queue('us', 5, 30),
			balance: 'round-robin',
			connectTimeoutMs: 15,
			retries,
			backends: [
				{ name: 'us-1', weight: weight(), maxConnections: 10 },
				{ name: 'us-2', weight: weight(), maxConnections: 10 },
				{ name: 'us-spare', backup: true, maxConnections: 4 },
			],
		},
	];
}

/** TLS passes through or is taken off, begun at once or the way PostgreSQL's clients do; or it is none of our business. */
function someTls(rng: () => number): ListenerTls | null {
	const startTls: StartTls | null = rng() < 0.3 ? 'postgres' : null;
	const kinds = [null, { ...PASSTHROUGH, startTls }, terminateTls([], { startTls, clientAuth: CLIENT_AUTH })];
	return kinds[Math.floor(rng() * kinds.length)] ?? null;
}

const CLIENT_AUTH: ClientAuth = { ca: '', mode: 'request', names: ['*.devices'], fingerprints: [] };

const bucket = (bytesPerSecond: number, burstBytes: number): BucketLimit => ({ bytesPerSecond, burstBytes });

function asKind(kind: string): SlotKind {
	if (!KINDS.has(kind)) throw new Error(`not a kind of slot: ${kind}`);
	return kind as SlotKind;
}
