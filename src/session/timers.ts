import type { ListenerTimeouts } from '../core/snapshot.ts';
import { NS_PER_MS } from '../core/units.ts';

/** Never. */
export const NEVER = Number.POSITIVE_INFINITY;

export const after = (nowNs: number, ms: number | null): number => (ms === null ? NEVER : nowNs + ms * NS_PER_MS);

/** How long what was read from a side that reset is offered to the other side. */
export const RESET_GRACE_MS = 1_000;

/** A backend that resets an untouched session within so long of the connect does not serve; later it is its own idle timeout. */
export const EARLY_RESET_MS = 1_000;

/** The instants at which a session has to end whatever it is doing. */
export class Limits {
	private readonly maxDurationNs: number;
	private drainNs = NEVER;
	private drainOutcome: 'drained' | 'shutdown' = 'drained';

	constructor(acceptedNs: number, timeouts: ListenerTimeouts) {
		this.maxDurationNs = after(acceptedNs, timeouts.maxDurationMs);
	}

	/** A later drain only shortens. */
	drain(untilNs: number, outcome: 'drained' | 'shutdown'): void {
		if (untilNs >= this.drainNs) return;
		this.drainNs = untilNs;
		this.drainOutcome = outcome;
	}

	get nextNs(): number {
		return Math.min(this.maxDurationNs, this.drainNs);
	}

	/** The outcome that is due, or null. */
	due(nowNs: number): 'max-duration' | 'drained' | 'shutdown' | null {
		if (nowNs >= this.drainNs) return this.drainOutcome;
		return nowNs >= this.maxDurationNs ? 'max-duration' : null;
	}
}
