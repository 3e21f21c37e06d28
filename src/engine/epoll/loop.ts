import { NS_PER_MS } from '../../core/units.ts';
import type { EpollConnection } from './connection.ts';
import type { Poller } from './poller.ts';

/** A wait is cut into pieces of this length at most, so that the heartbeat and the clock are never old. */
const LONGEST_WAIT_MS = 250;

/** Something that has to be done at an instant. */
export interface Timed {
	/** Absolute, monotonic; Infinity for never. */
	readonly nextNs: number;
	runDue(nowNs: number): void;
}

/**
 * The turns of one worker: wait for events or the next instant that anything is due at, hear the events, pump
 * the relays that have more to move, and do what is due. The time is read once a turn.
 */
export class Loop {
	nowNs: number;
	readonly #poller: Poller;
	readonly #readNs: () => number;
	readonly #timed: readonly Timed[];
	#eager: EpollConnection[] = [];
	#spare: EpollConnection[] = [];

	constructor(poller: Poller, readNs: () => number, timed: readonly Timed[]) {
		this.#poller = poller;
		this.#readNs = readNs;
		this.#timed = timed;
		this.nowNs = readNs();
	}

	pumpSoon(connection: EpollConnection): void {
		this.#eager.push(connection);
	}

	/** One turn; waits at most `longestMs`. */
	turn(longestMs: number = LONGEST_WAIT_MS): void {
		this.#poller.poll(this.#eager.length > 0 ? 0 : this.#waitMs(longestMs));
		this.nowNs = this.#readNs();
		this.#pump();
		for (const timed of this.#timed) if (timed.nextNs <= this.nowNs) timed.runDue(this.nowNs);
	}

	/** Those that ask again while they are pumped wait for the next turn: others have events by then. */
	#pump(): void {
		if (this.#eager.length === 0) return;
		const now = this.#eager;
		this.#eager = this.#spare;
		for (const connection of now) connection.pump();
		now.length = 0;
		this.#spare = now;
	}

	#waitMs(longestMs: number): number {
		let nextNs = Number.POSITIVE_INFINITY;
		for (const timed of this.#timed) nextNs = Math.min(nextNs, timed.nextNs);
		if (nextNs === Number.POSITIVE_INFINITY) return longestMs;
		const waitMs = Math.ceil((nextNs - this.#readNs()) / NS_PER_MS);
		return Math.min(Math.max(waitMs, 0), longestMs);
	}
}
