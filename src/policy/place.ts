import type { IpAddress } from '../core/address.ts';
import { CONTENDED, type Desk, type Health, TAKEN } from '../core/desk.ts';
import type { BackendSnapshot, ListenerSnapshot, PoolSnapshot, RouteSnapshot } from '../core/snapshot.ts';
import { type BalanceView, NONE } from './balancing/contract.ts';
import { PANIC_TIERS, type Standing, TIERS, type Tier } from './standing.ts';
import type { Trace } from './trace.ts';
import { at, type World } from './world.ts';

/** Where a session goes; its place at the backend is taken. */
export interface Placement {
	readonly pool: PoolSnapshot;
	readonly backend: BackendSnapshot;
}

/** `full`: usable backends, none with room. `down`: none usable. */
export type PoolVerdict = 'full' | 'down';

/** No place: `full` when any pool of the route was, else `down`. */
export interface NoPlace {
	readonly verdict: PoolVerdict;
	/** The first pool with that verdict; null when the route names no pool. */
	readonly pool: PoolSnapshot | null;
	/** Where to wait: the first full pool that has a queue, room in it or not; null when none has. */
	readonly queue: PoolSnapshot | null;
}

export const isPlacement = (result: Placement | NoPlace): result is Placement => 'backend' in result;

/** The client's side of a choice. */
export interface PlaceRequest {
	readonly listener: ListenerSnapshot;
	readonly address: IpAddress | null;
	/** Backends that failed this session before: another one comes first. */
	readonly tried: readonly BackendSnapshot[];
	/** False: a queue that comes `first` was full, spill past it. */
	readonly mayWaitFirst: boolean;
}

interface TierRequest extends PlaceRequest {
	readonly healthIgnored?: boolean;
}

const HEALTH_WORDS: Readonly<Record<Health, string>> = {
	up: 'up',
	unknown: 'unknown: not probed yet, used while none is up',
	down: 'down',
};

/** How often a choice is made again because another worker changed what it rested on. */
const MAX_CONTENTION = 8;

/**
 * Picks and takes a backend: the route's pools in order, the next one when the one before is full or
 * down (spill). A backend that failed this session is used again only when no other is open.
 */
export function takePlacement(
	world: World,
	route: RouteSnapshot,
	request: PlaceRequest,
	desk: Desk,
	nowNs: number,
	trace: Trace | null,
): Placement | NoPlace {
	const healthy = tryTwice(world, route, request, desk, nowNs, trace);
	if (isPlacement(healthy) || healthy.verdict !== 'down') return healthy;
	const pools = route.pools.filter((index) => panics(world, at(world.snapshot.pools, index), trace));
	if (pools.length === 0) return healthy;
	return tryTwice(world, { ...route, pools }, { ...request, healthIgnored: true }, desk, nowNs, trace);
}

/** Every pool of the route is down: whether this one takes sessions all the same. */
function panics(world: World, pool: PoolSnapshot, trace: Trace | null): boolean {
	const share = healthyShare(world, pool);
	if (share >= pool.panicBelow) return false;
	trace?.note(
		'balance',
		`every pool is down, ${percent(share)} of pool ${pool.name} healthy, under panicBelow ${percent(pool.panicBelow)}: health is ignored`,
	);
	return true;
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** Of the backends that take sessions at all. */
function healthyShare(world: World, pool: PoolSnapshot): number {
	const serving = pool.backends.filter(({ weight }) => weight > 0);
	const healthy = serving.filter(({ slot }) => world.live.health(slot) !== 'down');
	return serving.length === 0 ? 1 : healthy.length / serving.length;
}

/** Without those that failed this session; with them when there is no other. */
function tryTwice(
	world: World,
	route: RouteSnapshot,
	request: TierRequest,
	desk: Desk,
	nowNs: number,
	trace: Trace | null,
): Placement | NoPlace {
	const fresh = tryPools(world, route, request, desk, nowNs, trace);
	if (isPlacement(fresh) || request.tried.length === 0) return fresh;
	return tryPools(world, route, { ...request, tried: [] }, desk, nowNs, trace);
}

function tryPools(
	world: World,
	route: RouteSnapshot,
	request: TierRequest,
	desk: Desk,
	nowNs: number,
	trace: Trace | null,
): Placement | NoPlace {
	let firstFull: PoolSnapshot | null = null;
	let firstDown: PoolSnapshot | null = null;
	let queue: PoolSnapshot | null = null;
	for (const index of route.pools) {
		const pool = at(world.snapshot.pools, index);
		const result = new PoolChoice(world, pool, request, nowNs).take(desk, trace);
		if (typeof result !== 'string') return { pool, backend: result };
		if (result === 'full') {
			firstFull ??= pool;
			// In a panic nobody waits: free places of what is down are granted to nobody.
			const mayWait = request.healthIgnored !== true;
			if (pool.queue !== null && mayWait) queue ??= pool;
			if (request.mayWaitFirst && mayWait && waitsFirst(world, pool))
				return { verdict: 'full', pool: firstFull, queue: pool };
		} else firstDown ??= pool;
		trace?.note('balance', `pool ${pool.name} is ${result}: ${spillText(route, index)}`);
	}
	if (firstFull !== null) return { verdict: 'full', pool: firstFull, queue };
	return { verdict: 'down', pool: firstDown, queue: null };
}

/** Whether a session that finds this pool full waits there before it goes on to the next one. */
function waitsFirst(world: World, { queue }: PoolSnapshot): boolean {
	return queue?.first === true && world.live.waiting(queue.number) < queue.size;
}

const spillText = (route: RouteSnapshot, index: number): string =>
	route.pools.at(-1) === index ? 'no further pool on this route' : 'spill to the next pool';

/** One pool as the balancer sees it; built per choice, so that nothing outlives it. */
class PoolChoice implements BalanceView {
	readonly size: number;
	readonly key: IpAddress | null;
	readonly keySeed: number;
	private readonly world: World;
	private readonly pool: PoolSnapshot;
	private readonly tried: readonly BackendSnapshot[];
	private readonly nowNs: number;
	private readonly tiers: readonly Tier[];
	private readonly standing: Standing;
	private tier: Tier;

	constructor(world: World, pool: PoolSnapshot, request: TierRequest, nowNs: number) {
		this.world = world;
		this.pool = pool;
		this.size = pool.backends.length;
		this.key = request.address;
		this.keySeed = world.keySeedOf(request.listener);
		this.tried = request.tried;
		this.tiers = request.healthIgnored === true ? PANIC_TIERS : TIERS;
		this.tier = at(this.tiers, 0);
		this.standing = world.standingOf(pool);
		this.standing.look();
		this.nowNs = nowNs;
	}

	take(desk: Desk, trace: Trace | null): BackendSnapshot | PoolVerdict {
		if (this.othersWait(trace)) return this.hasAnyMember() ? 'full' : 'down';
		let verdict: PoolVerdict = 'down';
		let decided: boolean | null = null;
		for (const tier of this.tiers) {
			const { backup, health } = tier;
			if (decided === backup || !this.hasMember(tier)) continue;
			this.tier = tier;
			decided = backup;
			verdict = 'full';
			if (trace !== null) this.noteTier(backup, health, trace);
			const backend = this.takeFromTier(desk);
			if (backend === null) continue;
			if (trace !== null) this.noteChoice(backend, trace);
			return backend;
		}
		return verdict;
	}

	private takeFromTier(desk: Desk): BackendSnapshot | null {
		const balance = this.world.balancerOf(this.pool);
		for (let round = 0; ; round++) {
			const index = balance(this);
			if (index === NONE) return null;
			const backend = at(this.pool.backends, index);
			const watched = this.pool.balance === 'least-connections' && round < MAX_CONTENTION;
			const expected = watched ? this.active(index) : -1;
			const result = desk.take('backend', backend, this.nowNs, expected);
			if (result === TAKEN) return backend;
			if (result !== CONTENDED && round >= MAX_CONTENTION + this.size) return null;
		}
	}

	/** A place that becomes free belongs to those who wait for one: newcomers never take it before them. */
	private othersWait(trace: Trace | null): boolean {
		const { queue, name } = this.pool;
		const waiting = queue === null ? 0 : this.world.live.waiting(queue.number);
		if (queue !== null && waiting > 0) {
			trace?.note('balance', `pool ${name}: ${waiting} of ${queue.size} wait in its queue, newcomers join behind`);
		}
		return waiting > 0;
	}

	private hasAnyMember(): boolean {
		return this.tiers.some((tier) => this.hasMember(tier));
	}

	private hasMember(tier: Tier): boolean {
		if (!this.standing.hasMember(tier)) return false;
		return this.tried.length === 0 || this.pool.backends.some((_, index) => this.isIn(index, tier));
	}

	private isIn(index: number, tier: Tier): boolean {
		if (!this.standing.isIn(index, tier)) return false;
		return this.tried.length === 0 || !this.tried.includes(at(this.pool.backends, index));
	}

	open(index: number): boolean {
		return this.isIn(index, this.tier) && this.world.live.hasRoom(at(this.pool.backends, index), this.nowNs);
	}

	weight(index: number): number {
		return at(this.pool.backends, index).weight;
	}

	active(index: number): number {
		return this.world.live.active(at(this.pool.backends, index).slot);
	}

	nextTurn(): number {
		return this.world.live.nextTurn(this.pool.slot);
	}

	random(): number {
		return this.world.rng();
	}

	private noteTier(backup: boolean, health: Health | null, trace: Trace): void {
		let open = 0;
		let down = 0;
		for (let index = 0; index < this.size; index++) {
			if (this.open(index)) open += 1;
			if (this.world.live.health(at(this.pool.backends, index).slot) === 'down') down += 1;
		}
		const kind = backup ? 'backup backends' : 'backends';
		const others = down === 0 ? '' : `; ${down} down`;
		const words = health === null ? 'health ignored' : HEALTH_WORDS[health];
		trace.note('balance', `pool ${this.pool.name}: ${open} of ${this.size} open (${kind}, ${words}${others})`);
	}

	private noteChoice(backend: BackendSnapshot, trace: Trace): void {
		trace.note('balance', `${this.pool.balance} picks ${this.pool.name}/${backend.name}, weight ${backend.weight}`);
	}
}
