import type { RelayGate } from '../../core/session-io.ts';
import type { Direction } from '../../core/units.ts';
import type { DeadlineEntry } from '../deadlines.ts';
import type { Meter } from '../meter.ts';
import type { GatheredWrites } from './gathered-writes.ts';
import type { LaneTimer } from './lane-timer.ts';
import { Outlet } from './outlet.ts';
import type { SocketEnd } from './socket-end.ts';

/** What a lane borrows from its connection. */
export interface LaneOwner {
	readonly meter: Meter;
	readonly laneTimer: LaneTimer;
	readonly gatheredWrites: GatheredWrites;
	nowNs(): number;
	/** All that was read is written on. Not told for what passed at once. */
	emptied(lane: Lane): void;
}

/**
 * One direction of a relay. What is read goes to the other side as far as the gate lets it; while the gate or
 * the other side's full buffer holds anything back, the reader is stopped. So it keeps one chunk at the most,
 * and what the client had sent before the relay began.
 */
export class Lane implements DeadlineEntry {
	heapIndex = -1;
	heapKeyNs = 0;
	dueNs = Number.POSITIVE_INFINITY;
	readonly direction: Direction;
	readonly to: SocketEnd;
	/** A FIN is owed to `to` once the lane is empty. */
	finWanted = false;
	readonly #from: SocketEnd;
	readonly #gate: RelayGate;
	readonly #owner: LaneOwner;
	readonly #outlet: Outlet;
	#kept: Buffer[] = [];
	#state: 'open' | 'reading ended' | 'stopped' = 'open';
	/** The gate holds back what is kept. */
	#waiting = false;
	/** `to` has more than it wants; it will tell when that has drained. */
	#full = false;

	constructor(owner: LaneOwner, gate: RelayGate, direction: Direction, from: SocketEnd, to: SocketEnd) {
		this.#owner = owner;
		this.#gate = gate;
		this.direction = direction;
		this.#from = from;
		this.to = to;
		this.#outlet = new Outlet(to.socket, owner.gatheredWrites);
	}

	get empty(): boolean {
		return this.#kept.length === 0;
	}

	/** Takes what was read; nobody else uses it any more. */
	push(chunk: Buffer): void {
		if (this.#state === 'stopped') return;
		const rest = this.empty ? this.#pass(chunk, this.#owner.nowNs()) : chunk;
		if (rest !== null) this.#kept.push(rest);
		if (rest !== null || this.#full) this.#from.socket.pause();
	}

	/** `to` takes bytes again. */
	drained(): void {
		this.#full = false;
		if (!this.#waiting) this.proceed();
	}

	/** Writes on what is kept as far as it may go; reads on when nothing is left. */
	proceed(): void {
		if (this.#state === 'stopped' || this.#full) return;
		const hadKept = !this.empty;
		for (let chunk = this.#kept[0]; chunk !== undefined; chunk = this.#kept[0]) {
			const rest = this.#pass(chunk, this.#owner.nowNs());
			if (rest === null) this.#kept.shift();
			else this.#kept[0] = rest;
			if (rest !== null || this.#full) break;
		}
		if (!this.empty) return;
		if (!this.#full && this.#state === 'open') this.#from.socket.resume();
		if (hadKept) this.#owner.emptied(this);
	}

	/** Nothing more will be read; what is kept goes on. */
	endReading(): void {
		if (this.#state === 'open') this.#state = 'reading ended';
	}

	/** What it has reserved goes back to the others; for when nothing more is to come. */
	rest(): void {
		this.#gate.rest();
	}

	/** The end: what is kept is dropped, what has passed is sent. */
	stop(): void {
		if (this.#state === 'stopped') return;
		this.#state = 'stopped';
		this.#outlet.send();
		this.#kept = [];
		this.#owner.laneTimer.leave(this);
		if (this.#waiting) this.#letGo(this.#owner.nowNs());
		this.#gate.rest();
	}

	/** Writes on what may pass now; answers what may not, or null. */
	#pass(chunk: Buffer, nowNs: number): Buffer | null {
		const { socket } = this.to;
		for (let rest = chunk; ; ) {
			// Nobody is there to take it: it is thrown away, and has not passed.
			if (socket.writableEnded || socket.destroyed) {
				if (this.#waiting) this.#letGo(nowNs);
				return null;
			}
			const allowed = this.#gate.ask(rest.length, nowNs);
			if (allowed === 0) {
				this.#wait(nowNs);
				return rest;
			}
			if (this.#waiting) this.#letGo(nowNs);
			const part = allowed === rest.length ? rest : rest.subarray(0, allowed);
			this.#owner.meter.count(this.direction, part.length, nowNs);
			if (!this.#outlet.write(part)) this.#full = true;
			if (part === rest) return null;
			rest = rest.subarray(allowed);
			if (this.#full) return rest;
		}
	}

	#wait(nowNs: number): void {
		if (!this.#waiting) this.#owner.meter.holdBack(nowNs);
		this.#waiting = true;
		this.#owner.laneTimer.await(this, this.#gate.readyNs);
	}

	#letGo(nowNs: number): void {
		this.#waiting = false;
		this.#owner.meter.letGo(nowNs);
	}
}
