import type { BackendSnapshot, PoolSnapshot } from '../../src/core/snapshot.ts';
import { isUsable } from '../../src/policy/usable.ts';
import { GRANTED } from '../../src/shared/queue-layout.ts';
import type { SimulatedHouse } from './simulated-house.ts';

/** So many looks in a row at the same unclaimed grant mean that nobody was told of it. */
const UNCLAIMED_LOOKS = 4;

/**
 * What must hold at queues besides caps, looked at right after the keeper's turn: nobody waits while a place
 * that may be granted is free, and no grant stays unclaimed.
 */
export class QueueWatch {
	private readonly house: SimulatedHouse;
	private readonly fault: (text: string) => void;
	private readonly unclaimed = new Map<string, number>();

	constructor(house: SimulatedHouse, fault: (text: string) => void) {
		this.house = house;
		this.fault = fault;
	}

	look(nowNs: number): void {
		for (const pool of this.house.snapshot.pools) this.lookForIdle(pool, nowNs);
		this.lookForUnclaimed();
	}

	private lookForIdle(pool: PoolSnapshot, nowNs: number): void {
		const { scoreboard } = this.house.registry;
		const waiting = pool.queue === null ? 0 : scoreboard.waiting(pool.queue.number);
		if (waiting === 0) return;
		const idle = (backend: BackendSnapshot): boolean =>
			isUsable(pool, backend, scoreboard) && scoreboard.canGrant(backend, nowNs);
		const backend = pool.backends.find(idle);
		if (backend !== undefined) this.fault(`${backend.name} has room while ${waiting} wait`);
	}

	private lookForUnclaimed(): void {
		const seen = new Set<string>();
		for (const [number, queue] of this.house.registry.scoreboard.queues.entries()) {
			for (const entry of queue.list.entries(GRANTED)) seen.add(`${number}:${entry}`);
		}
		for (const key of this.unclaimed.keys()) if (!seen.has(key)) this.unclaimed.delete(key);
		for (const key of seen) {
			const looks = (this.unclaimed.get(key) ?? 0) + 1;
			this.unclaimed.set(key, looks);
			if (looks === UNCLAIMED_LOOKS) this.fault(`a grant of queue ${key} is not claimed`);
		}
	}
}
