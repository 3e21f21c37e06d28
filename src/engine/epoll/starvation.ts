import type { LogEvent } from '../../core/record.ts';
import { NS_PER_MS } from '../../core/units.ts';
import { errnoName } from './errno.ts';
import type { Timed } from './loop.ts';

/** How long listeners that found no descriptor rest, unless a session ends before. */
const REST_MS = 500;
/** Accepting goes on when it has not paused for so long: in between it may stop and go with every session. */
const QUIET_MS = 1_000;
const NEVER = Number.POSITIVE_INFINITY;

/** What has to stop and go on when descriptors or memory run out. */
export interface Starving {
	pauseAll(): void;
	/** False when one could not be resumed. */
	resumeAll(): boolean;
	nowNs(): number;
	log(event: LogEvent): void;
}

/**
 * EMFILE and its kin at accept: all listeners of the worker rest and are tried again when a session ends or a
 * while has passed. However often that fails, it is one pause until an accept succeeds, and told once.
 */
export class Starvation implements Timed {
	nextNs = NEVER;
	readonly #owner: Starving;
	#starving = false;
	/** When it last paused. */
	#pausedNs = 0;

	constructor(owner: Starving) {
		this.#owner = owner;
	}

	begin(error: number): void {
		this.#owner.pauseAll();
		this.#rest();
		if (this.#starving) return;
		this.#starving = true;
		this.#owner.log({ level: 'warn', msg: 'accepting pauses', fields: { error: errnoName(error) } });
	}

	/** Something was given back, or time has passed: try again. */
	runDue(): void {
		if (this.nextNs === NEVER) return;
		this.nextNs = NEVER;
		if (!this.#owner.resumeAll()) this.#rest();
	}

	#rest(): void {
		this.#pausedNs = this.#owner.nowNs();
		this.nextNs = this.#pausedNs + REST_MS * NS_PER_MS;
	}

	/** A client was accepted. */
	end(): void {
		if (!this.#starving || this.#owner.nowNs() < this.#pausedNs + QUIET_MS * NS_PER_MS) return;
		this.#starving = false;
		this.#owner.log({ level: 'info', msg: 'accepting goes on', fields: {} });
	}
}
