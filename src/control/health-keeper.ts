import { type PoolSnapshot, type SlotRef, type Snapshot, slotKey } from '../core/snapshot.ts';
import { NS_PER_MS } from '../core/units.ts';
import { type HealthDetail, type HealthHost, PoolHealthKeeper } from './pool-health.ts';
import type { ScheduleParts } from './probe-schedule.ts';

export interface HealthKeeperOptions extends Omit<HealthHost, 'schedule' | 'left' | 'wallMs' | 'changed'> {
	/** Wall clock, for what people are told. */
	readonly wallMs?: () => number;
	readonly changed?: HealthHost['changed'];
	readonly schedule: Omit<ScheduleParts, 'nowMs'>;
	/** Calls back after every so many milliseconds, until cancelled. */
	readonly every: (ms: number, run: () => void) => () => void;
}

/** How often the workers' counts of failures are read. */
export const LOOK_EVERY_MS = 100;
/** First probes are spread over so long, or over so much for each backend where that is more. */
const FIRST_SPREAD_MS = 100;
const FIRST_SPREAD_EACH_MS = 2;

/**
 * The one place that decides and writes the health of every backend: what probes found out, and what sessions
 * met (passive health). A backend that left the configuration is the last choice of the sessions that still know it.
 */
export class HealthKeeper {
	private readonly host: HealthHost;
	private readonly every: HealthKeeperOptions['every'];
	private readonly pools = new Map<string, PoolHealthKeeper>();
	private cancelLooking: (() => void) | null = null;

	constructor(options: HealthKeeperOptions) {
		const { schedule, clock, every } = options;
		this.every = every;
		const { wallMs = Date.now, changed = () => {} } = options;
		this.host = {
			...options,
			wallMs,
			changed,
			left: new Map(),
			schedule: { ...schedule, nowMs: () => clock.nowNs() / NS_PER_MS },
		};
	}

	/**
	 * From now on the backends of this snapshot are kept, by its settings. Those that stay, by their slot, keep
	 * their health and the time of their next probe. Those that leave look as they did until `settle`: workers go on
	 * with the snapshot before for a moment, and it may name no other backend.
	 */
	apply(snapshot: Snapshot): void {
		const staying = new Set(snapshot.pools.map(({ slot }) => slotKey(slot)));
		for (const [key, keeper] of this.pools) {
			if (staying.has(key)) continue;
			keeper.retire();
			this.pools.delete(key);
		}
		const firstMs = this.spread(snapshot.pools);
		for (const pool of snapshot.pools) this.keeperOf(pool).apply(pool, firstMs);
		this.lookAtFailures(true);
	}

	/** Every worker has the snapshot. Those that left and were up are `unknown` now: used where nobody else is up. */
	settle(): void {
		for (const [key, { slot, health }] of this.host.left) {
			this.host.left.delete(key);
			this.host.board.setHealth(slot, health === 'down' ? 'down' : 'unknown');
		}
	}

	detailOf(slot: SlotRef): HealthDetail {
		for (const keeper of this.pools.values()) {
			const detail = keeper.detailOf(slot);
			if (detail !== null) return detail;
		}
		return { ejected: false, healthForMs: null, lastError: null };
	}

	/** No more probes and verdicts; what was decided stays on the scoreboard. */
	stop(): void {
		this.lookAtFailures(false);
		for (const keeper of this.pools.values()) keeper.stop();
	}

	private keeperOf(pool: PoolSnapshot): PoolHealthKeeper {
		const key = slotKey(pool.slot);
		const keeper = this.pools.get(key) ?? new PoolHealthKeeper(pool.name, this.host);
		this.pools.set(key, keeper);
		return keeper;
	}

	/** When the first probes of new backends begin: soon, one after the other, never all at once. */
	private spread(pools: readonly PoolSnapshot[]): () => number {
		const backends = pools.reduce((sum, pool) => sum + pool.backends.length, 0);
		const overMs = Math.max(FIRST_SPREAD_MS, FIRST_SPREAD_EACH_MS * backends);
		let placed = 0;
		return () => {
			placed += 1;
			return ((placed - this.host.schedule.rng()) / backends) * overMs;
		};
	}

	private lookAtFailures(needed: boolean): void {
		if (needed === (this.cancelLooking !== null)) return;
		this.cancelLooking?.();
		this.cancelLooking = needed ? this.every(LOOK_EVERY_MS, () => this.look()) : null;
	}

	private look(): void {
		for (const keeper of this.pools.values()) keeper.look();
	}
}
