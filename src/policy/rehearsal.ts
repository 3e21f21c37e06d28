import type { IpAddress } from '../core/address.ts';
import { AT_CAP, type Desk, type Health, type HoldingKind, type LiveState, TAKEN } from '../core/desk.ts';
import type { Limited, PerClientLimits, SlotRef } from '../core/snapshot.ts';
import { formatAddress, maskAddress } from './address.ts';
import type { BucketLevels } from './shaping.ts';

/** Live state that can be looked at without moving it. */
export interface LookedAt extends Omit<LiveState, 'nextTurn' | 'healthEpoch'>, BucketLevels {
	peekTurn(pool: SlotRef): number;
}

/**
 * A desk and a live state for `explain`: it looks at the real one and keeps what it takes to itself, as if
 * the clients it is asked about came one after another and stayed.
 */
export class Rehearsal implements Desk, LiveState {
	private readonly real: LookedAt;
	private readonly taken = new Map<number, number>();
	private readonly turns = new Map<number, number>();
	private readonly queued = new Map<number, number>();
	private readonly clients = new Map<string, number>();
	private epoch = 0;

	constructor(real: LookedAt) {
		this.real = real;
	}

	/** Bytes take from buckets, clients that are only asked about do not. */
	get levels(): BucketLevels {
		return this.real;
	}

	active(slot: SlotRef): number {
		return this.real.active(slot) + (this.taken.get(slot.index) ?? 0);
	}

	hasRoom(place: Limited, nowNs: number): boolean {
		if (place.maxConnections !== null && this.active(place.slot) >= place.maxConnections) return false;
		return this.real.hasRoom(place, nowNs);
	}

	waiting(queue: number): number {
		return this.real.waiting(queue) + (this.queued.get(queue) ?? 0);
	}

	/** As if a client waited in this queue from now on. */
	wait(queue: number): void {
		this.queued.set(queue, (this.queued.get(queue) ?? 0) + 1);
	}

	health(slot: SlotRef): Health {
		return this.real.health(slot);
	}

	/** Never the same: what is real may have changed, and is looked at for few clients only. */
	healthEpoch(): number {
		this.epoch += 1;
		return this.epoch;
	}

	nextTurn(pool: SlotRef): number {
		const ahead = this.turns.get(pool.index) ?? 0;
		this.turns.set(pool.index, ahead + 1);
		return this.real.peekTurn(pool) + ahead;
	}

	take(_kind: HoldingKind, place: Limited, nowNs: number): number {
		if (place.maxConnections !== null && this.active(place.slot) >= place.maxConnections) return AT_CAP;
		if (!this.real.hasRoom({ ...place, maxConnections: null }, nowNs)) return 0;
		this.taken.set(place.slot.index, (this.taken.get(place.slot.index) ?? 0) + 1);
		return TAKEN;
	}

	takeClient(limits: PerClientLimits, client: IpAddress): number {
		const key = `${limits.table} ${formatAddress(maskAddress(client, limits.prefixV4, limits.prefixV6))}`;
		const active = this.clients.get(key) ?? 0;
		if (limits.maxConnections !== null && active >= limits.maxConnections) return AT_CAP;
		const tight = limits.rates.findIndex((rate) => active >= rate.count);
		if (tight >= 0) return tight;
		this.clients.set(key, active + 1);
		return TAKEN;
	}

	refundRates(): void {}

	release(): void {}
}
