import type { Clock } from '../core/ports.ts';
import { NS_PER_MS } from '../core/units.ts';
import type { Log } from './log.ts';

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
	private closed: boolean = false;

	/** `onGone` hears of each snapshot that nobody uses any more, once. */
	constructor(onGone: (snapshot: number) => void) {
		this.onGone = onGone;
	}

	get count(): number {
		return this.holders.size;
	}

	/** The next one has to wait. */
	get isFull(): boolean {
		return !this.closed && this.count >= MAX_LIVE_SNAPSHOTS;
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

	/** There will be no more: nobody waits any longer. */
	close(): void {
		this.closed = true;
		this.wakeWaiters();
	}

	/** Resolves when one more may be added, or none ever will. */
	async room(): Promise<void> {
		while (this.isFull) {
			await new Promise<void>((resolve) => this.waiters.push(resolve));
		}
	}

	private sweep(): void {
		for (const [snapshot, workers] of this.holders) {
			if (snapshot === this.newest || workers.size > 0) continue;
			this.holders.delete(snapshot);
			this.onGone(snapshot);
		}
		this.wakeWaiters();
	}

	private wakeWaiters(): void {
		if (this.isFull) return;
		const woken = this.waiters;
		this.waiters = [];
		for (const wake of woken) wake();
	}
}

/** How often it is told that a snapshot still waits. */
export const TELL_WAITING_MS = 10_000;

/** As `room`, and whoever waits is told of: at once, and again and again. */
export async function roomInSight(
	live: LiveSnapshots,
	{ log, clock }: { readonly log: Pick<Log, 'warn' | 'info'>; readonly clock: Pick<Clock, 'nowNs'> },
): Promise<void> {
	if (!live.isFull) return;
	const sinceNs = clock.nowNs();
	const fields = () => ({ inUse: live.count, waitedMs: Math.round((clock.nowNs() - sinceNs) / NS_PER_MS) });
	const tell = (): void =>
		log.warn('a change waits: sessions that are not relayed yet hold too many older snapshots', fields());
	tell();
	const timer = setInterval(tell, TELL_WAITING_MS).unref();
	await live.room();
	clearInterval(timer);
	log.info('the change waits no longer', fields());
}
