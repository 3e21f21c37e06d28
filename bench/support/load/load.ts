import type { LatencySummary } from '../stats.ts';
import type { TlsTerms } from '../tls-files.ts';

/** What a client process is asked to do; the same for every contender. */
export type LoadJob =
	| { readonly kind: 'bulk'; readonly direction: 'download' | 'upload'; readonly streams: number }
	| { readonly kind: 'ping'; readonly bytes: number; readonly connections: number }
	| { readonly kind: 'connect'; readonly concurrent: number }
	| { readonly kind: 'paced'; readonly bytes: number; readonly connections: number; readonly perSecond: number }
	| { readonly kind: 'idle'; readonly sessions: number };

/** A job with where it goes, how long, and whose CPU time and memory are read meanwhile. */
export interface LoadOrder {
	readonly job: LoadJob;
	/** Null: plain TCP. */
	readonly tls: TlsTerms | null;
	readonly host: string;
	readonly port: number;
	readonly warmMs: number;
	readonly windowMs: number;
	readonly proxyPids: readonly number[];
	readonly backendPid: number;
}

/** One measurement. CPU seconds are user and system time of all threads. */
export interface LoadResult {
	/** In the job's unit: bytes, round trips, sessions. */
	readonly work: number;
	readonly seconds: number;
	readonly proxyCpuSeconds: number;
	readonly clientCpuSeconds: number;
	readonly backendCpuSeconds: number;
	/** Sessions that failed, in the warm-up, too: a long one would be missing in the window. */
	readonly errors: number;
	/** Only of a paced load. */
	readonly latency: LatencySummary | null;
	/** Only of idle sessions: what one more adds to the proxy's resident memory. */
	readonly bytesPerSession: number | null;
}

/** A load while it runs. */
export interface Load {
	/** Done since the start; grows for ever. */
	readonly work: number;
	readonly errors: number;
	/** Opens what it needs. */
	start(): void;
	/** The warm-up is over: what is told of each single answer counts from now on. */
	beginWindow?(): void;
	latency?(): LatencySummary;
}
