import { NS_PER_MS } from '../../core/units.ts';

/** A wait is cut into pieces of this length at most, so that the heartbeat and the clock are never old. */
const LONGEST_WAIT_MS = 250;

/** Where events come from. */
export interface EventSource {
	/** Waits at most so long; answers what `tell` has to know of what it found. */
	wait(timeoutMs: number): number;
	tell(found: number): void;
}

/** Something that has to be done at an instant. */
export interface Timed {
	/** Absolute, monotonic; Infinity for never. */
	readonly nextNs: number;
	runDue(nowNs: number): void;
}

/** A relay that may have more to move. */
export interface Pumped {
	pump(): void;
}

/**
 * The turns of one worker: wait for events or the next instant that anything is due at, hear the events, pump
 * the relays that have more to move, and do what is due. The time is read once a turn, before anything is told.
 */
export class Loop {
	nowNs: number;
	readonly #events: EventSource;
	readonly #readNs: () => number;
	readonly #timed: readonly Timed[];
	#eager: Pumped[] = [];
	#spare: Pumped[] = [];
	/** The earliest instant that anything was due at when the loop began to wait. */
	#dueNs = Number.NEGATIVE_INFINITY;

	constructor(events: EventSource, readNs: () => number, timed: readonly Timed[]) {
		this.#events = events;
		this.#readNs = readNs;
		this.#timed = timed;
		this.nowNs = readNs();
	}

	pumpSoon(pumped: Pumped): void {
		this.#eager.push(pumped);
	}

	/** One turn; waits at most `longestMs`. */
	turn(longestMs: number = LONGEST_WAIT_MS): void {
		this.#dueNs = this.#nextNs();
		const found = this.#events.wait(this.#eager.length > 0 ? 0 : this.#waitMs(longestMs));
		this.nowNs = this.#readNs();
		this.#events.tell(found);
		if (this.#eager.length > 0) this.#pump();
		// What has become due in this very turn has its own next, which does not wait.
		if (this.#dueNs <= this.nowNs) this.#runDue();
	}

	#runDue(): void {
		for (const timed of this.#timed) if (timed.nextNs <= this.nowNs) timed.runDue(this.nowNs);
	}

	/** Those that ask again while they are pumped wait for the next turn: others have events by then. */
	#pump(): void {
		const now = this.#eager;
		this.#eager = this.#spare;
		for (const pumped of now) pumped.pump();
		now.length = 0;
		this.#spare = now;
	}

	#nextNs(): number {
		let nextNs = Number.POSITIVE_INFINITY;
		for (const timed of this.#timed) nextNs = Math.min(nextNs, timed.nextNs);
		return nextNs;
	}

	#waitMs(longestMs: number): number {
		if (this.#dueNs === Number.POSITIVE_INFINITY) return longestMs;
		const waitMs = Math.ceil((this.#dueNs - this.#readNs()) / NS_PER_MS);
		return Math.min(Math.max(waitMs, 0), longestMs);
	}
}
