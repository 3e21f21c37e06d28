import type { IpAddress } from './address.ts';
import type { AccessRecord, LogEvent } from './record.ts';
import type { Snapshot } from './snapshot.ts';

/** Monotonic time in nanoseconds, one origin for all threads of the process (CLOCK_MONOTONIC). */
export interface Clock {
	nowNs(): number;
	/** Wall clock, milliseconds since 1970, for records only; never for a decision. */
	wallMs(): number;
}

/** A uniform number in [0, 1). */
export type Rng = () => number;

/** Country of an address. */
export interface GeoLookup {
	/** ISO 3166-1 alpha-2 in upper case, or null when unknown. At most 10 us. */
	country(address: IpAddress): string | null;
}

/** Takes what a worker has to tell. Never blocks; what does not fit is dropped and counted. */
export interface RecordSink {
	access(record: AccessRecord): void;
	log(event: LogEvent): void;
}

/** What moves the bytes of a session. */
export type EngineName = 'epoll' | 'node';

/** What a worker of a native engine is started with. */
export interface NativeStart {
	readonly worker: number;
	/** Who has which descriptor, see `engine/epoll/descriptors.ts`. */
	readonly descriptors: SharedArrayBuffer;
	/** What this worker has mapped, see `engine/epoll/mapped-notes.ts`. */
	readonly maps: SharedArrayBuffer;
	/** Pipes this worker may have. */
	readonly pipes: number;
}

/**
 * The main thread's side of an engine that calls the kernel itself: such an engine's loop does not hear
 * messages by itself, and its descriptors outlive it.
 */
export interface NativeHost {
	/** Pipes that its workers may have together; each is two descriptors. */
	readonly pipes: number;
	/** An eventfd for each of its workers: written when there is something to hear. */
	readonly bells: readonly number[];
	startOf(worker: number): NativeStart;
	/** Opens the listening sockets that a snapshot adds; answers failures, ready to print. */
	open(snapshot: Snapshot): readonly string[];
	/** A worker's listening sockets, by the engine's key of their address. */
	socketsOf(worker: number): ReadonlyMap<string, number>;
	/** A new worker begins: its predecessor's sockets that the snapshot has no use for are closed. */
	adopted(worker: number, snapshot: Snapshot): void;
	/** The worker listens there no more. */
	released(worker: number, key: string): void;
	/** Have the worker look at its messages and its queued sessions; nothing happens when it is another engine's. */
	ring(worker: number): void;
	/** The worker is gone: closes what it had open, but for listening sockets. */
	bury(worker: number): void;
	close(): void;
}
