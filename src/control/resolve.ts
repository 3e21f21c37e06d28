import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { errorText } from '../core/errors.ts';
import type { After } from './probe-schedule.ts';

/** All addresses of a host name; rejects when there is none. Order does not matter. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** Through the system's resolver (getaddrinfo(3)), so that /etc/hosts counts. */
export const systemLookup: Lookup = async (host) =>
	(await lookup(host, { all: true, verbatim: true })).map((entry) => entry.address);

/** A name to keep looking up; of several intervals for one name the shortest counts. */
export interface WatchedName {
	readonly host: string;
	readonly everyMs: number;
}

/** What is known of names now: sorted addresses by host name. A name never answered is absent. */
export type Answers = ReadonlyMap<string, readonly string[]>;

export interface ResolverOptions {
	readonly lookup: Lookup;
	/** Calls back after so many milliseconds, until cancelled; timers in life, by hand in tests. */
	readonly every: (ms: number, run: () => void) => () => void;
	/** Calls back once after so many milliseconds, unless cancelled. In life it keeps the process alive: a start waits. */
	readonly after: After;
	/** An answer that differs from the one before. */
	readonly changed: () => void;
	/** A failed lookup; the last answer stays. */
	readonly failed: (host: string, reason: string) => void;
}

/** How long a start may wait for all first answers together, and how long a reload for those of new names. */
export const START_LOOKUPS_MS = 2_000;
export const RELOAD_LOOKUPS_MS = 10_000;

/** Whether a host is written as an IP address and so needs no lookup. */
export const isLiteral = (host: string): boolean => isIP(host) !== 0;

/**
 * Keeps the addresses of host names fresh. A failed lookup keeps the last answer, so that a broken
 * resolver never empties a pool; it is reported once, and again only after an answer came between.
 */
export class Resolver {
	private readonly options: ResolverOptions;
	private readonly known = new Map<string, readonly string[]>();
	private readonly failing = new Set<string>();
	private readonly pending = new Map<string, Promise<boolean>>();
	private cancels: (() => void)[] = [];

	constructor(options: ResolverOptions) {
		this.options = options;
	}

	get answers(): Answers {
		return this.known;
	}

	/**
	 * Looks up every name that has no answer yet, for at most so long; names without one are told of. Answers in time
	 * are no change, since the caller is about to build a snapshot; those that come later are.
	 */
	async prepare(names: readonly WatchedName[], withinMs: number): Promise<void> {
		const missing = new Set(names.map((name) => name.host).filter((host) => !this.known.has(host)));
		const { promise: late, resolve } = Promise.withResolvers<void>();
		const cancel = this.options.after(withinMs, resolve);
		const asked = [...missing].map((host) => this.refresh(host).then(() => missing.delete(host)));
		await Promise.race([Promise.all(asked), late]);
		cancel();
		for (const host of missing) {
			this.fail(host, `no answer within ${withinMs} ms`);
			this.tick(host);
		}
	}

	/** Watches these names from now on, and no other. */
	watch(names: readonly WatchedName[]): void {
		this.stop();
		const intervals = new Map<string, number>();
		for (const { host, everyMs } of names) {
			intervals.set(host, Math.min(everyMs, intervals.get(host) ?? Number.POSITIVE_INFINITY));
		}
		for (const host of this.known.keys()) if (!intervals.has(host)) this.forget(host);
		for (const [host, everyMs] of intervals) {
			this.cancels.push(this.options.every(everyMs, () => this.tick(host)));
		}
	}

	stop(): void {
		for (const cancel of this.cancels) cancel();
		this.cancels = [];
	}

	private forget(host: string): void {
		this.known.delete(host);
		this.failing.delete(host);
	}

	private tick(host: string): void {
		void this.refresh(host).then((changed) => {
			if (changed) this.options.changed();
		});
	}

	/** One lookup in flight per name; answers whether the addresses changed. */
	private refresh(host: string): Promise<boolean> {
		const running = this.pending.get(host);
		if (running !== undefined) return running;
		const started = this.ask(host).finally(() => this.pending.delete(host));
		this.pending.set(host, started);
		return started;
	}

	private async ask(host: string): Promise<boolean> {
		try {
			const addresses = [...new Set(await this.options.lookup(host))].sort(byText);
			if (addresses.length === 0) throw new Error('no address');
			this.failing.delete(host);
			const same = this.known.get(host)?.join() === addresses.join();
			this.known.set(host, addresses);
			return !same;
		} catch (error) {
			this.fail(host, errorText(error));
			return false;
		}
	}

	private fail(host: string, reason: string): void {
		if (!this.failing.has(host)) this.options.failed(host, reason);
		this.failing.add(host);
	}
}

const byText = (a: string, b: string): number => (a < b ? -1 : 1);

/** Repeats by an unreferenced timer: watching names alone keeps no process alive. */
export function everyInterval(ms: number, run: () => void): () => void {
	const timer = setInterval(run, ms);
	timer.unref();
	return () => clearInterval(timer);
}
