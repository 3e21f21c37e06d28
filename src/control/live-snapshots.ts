/** How many snapshots may be in use at once; the next one waits until the oldest is let go. */
export const MAX_LIVE_SNAPSHOTS = 8;

/**
 * Which snapshots are still in use, and by which workers. The newest is in use always; an older one
 * until every worker that was given it has released it or died.
 */
export class LiveSnapshots {
	private readonly holders = new Map<number, Set<number>>();
	private readonly onGone: (snapshot: number) => void;
	private newest = 0;
	private waiters: (() => void)[] = [];

	/** `onGone` hears of each snapshot that nobody uses any more, once. */
	constructor(onGone: (snapshot: number) => void) {
		this.onGone = onGone;
	}

	get count(): number {
		return this.holders.size;
	}

	/** A snapshot is about to be posted to these workers; it is now the newest. */
	add(snapshot: number, workers: Iterable<number>): void {
		this.holders.set(snapshot, new Set(workers));
		this.newest = snapshot;
		this.sweep();
	}

	/** A worker that joined later was given the newest snapshot. */
	joined(worker: number): void {
		this.holders.get(this.newest)?.add(worker);
	}

	released(worker: number, snapshot: number): void {
		this.holders.get(snapshot)?.delete(worker);
		this.sweep();
	}

	died(worker: number): void {
		for (const workers of this.holders.values()) workers.delete(worker);
		this.sweep();
	}

	/** Resolves when one more may be added. */
	async room(): Promise<void> {
		while (this.count >= MAX_LIVE_SNAPSHOTS) {
			await new Promise<void>((resolve) => this.waiters.push(resolve));
		}
	}

	private sweep(): void {
		for (const [snapshot, workers] of this.holders) {
			if (snapshot === this.newest || workers.size > 0) continue;
			this.holders.delete(snapshot);
			this.onGone(snapshot);
		}
		if (this.count >= MAX_LIVE_SNAPSHOTS) return;
		const woken = this.waiters;
		this.waiters = [];
		for (const wake of woken) wake();
	}
}
