import { formatTarget } from '../core/address.ts';
import { isFailureOf } from '../core/bind-failure.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { Log } from './log.ts';
import type { After } from './probe-schedule.ts';

/** The first try comes after so long, each further one after twice as long as the one before. */
export const FIRST_RETRY_MS = 1_000;
export const MAX_RETRY_MS = 10_000;

export interface ListenRetryOptions {
	readonly log: Pick<Log, 'info' | 'error'>;
	readonly after: After;
	/** Try again what has failed; the result is for `note`. */
	readonly again: () => void;
}

/** Who opens sockets: a worker, or null, the main thread for all workers of a native engine. */
export type Opener = number | null;

/**
 * Addresses that could not be opened while others are served: each is told once, asked for again until it opens, and
 * told again then. A listener that is not there is never forgotten.
 */
export class ListenRetry {
	private readonly options: ListenRetryOptions;
	private readonly failing = new Map<Opener, readonly string[]>();
	private cancel: (() => void) | null = null;
	private delayMs = FIRST_RETRY_MS;

	constructor(options: ListenRetryOptions) {
		this.options = options;
	}

	/** Who has something to try again. */
	get openers(): readonly Opener[] {
		return [...this.failing.keys()];
	}

	/** What an opener could not open of this snapshot, as texts of `bindFailure`. */
	note(opener: Opener, failures: readonly string[], snapshot: Snapshot): void {
		const before = this.failing.get(opener) ?? [];
		for (const reason of failures) {
			if (!before.includes(reason)) this.options.log.error('cannot listen', { worker: opener, reason });
		}
		for (const failure of before) if (!failures.includes(failure)) this.tellOpen(opener, failure, failures, snapshot);
		if (failures.length > 0) this.failing.set(opener, failures);
		else this.failing.delete(opener);
		this.schedule();
	}

	/** The worker is gone; its successor tells for itself. */
	forget(worker: number): void {
		this.failing.delete(worker);
		this.schedule();
	}

	stop(): void {
		this.failing.clear();
		this.schedule();
	}

	/** Open by now, unless it fails otherwise or nobody wants it any more. */
	private tellOpen(opener: Opener, failure: string, failures: readonly string[], snapshot: Snapshot): void {
		for (const { name, binds } of snapshot.listeners) {
			for (const { target } of binds) {
				if (!isFailureOf(failure, name, target) || failures.some((other) => isFailureOf(other, name, target))) continue;
				this.options.log.info('listening', { listener: name, address: formatTarget(target), worker: opener });
			}
		}
	}

	private schedule(): void {
		if (this.failing.size === 0) {
			this.cancel?.();
			this.cancel = null;
			this.delayMs = FIRST_RETRY_MS;
			return;
		}
		this.cancel ??= this.options.after(this.delayMs, () => {
			this.cancel = null;
			this.delayMs = Math.min(2 * this.delayMs, MAX_RETRY_MS);
			this.options.again();
			this.schedule();
		});
	}
}
