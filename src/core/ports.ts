import type { IpAddress } from './address.ts';
import type { AccessRecord, LogEvent } from './record.ts';

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
