import type { IpAddress } from './address.ts';
import type { NetworkTable } from './snapshot.ts';

/** One live session, as an operator sees it. Times in milliseconds; what is not known yet is null. */
export interface SessionFacts {
	/** Counts up in its worker. */
	readonly number: number;
	readonly listener: string;
	readonly peer: IpAddress | null;
	readonly peerPort: number;
	readonly client: IpAddress | null;
	readonly clientPort: number;
	readonly country: string | null;
	readonly region: string | null;
	readonly sni: string | null;
	readonly alpn: string | null;
	readonly route: string | null;
	readonly pool: string | null;
	readonly backend: string | null;
	readonly state: string;
	readonly ageMs: number;
	/** Since the last byte either way; null before the first. */
	readonly idleMs: number | null;
	readonly uploadBytes: number;
	readonly downloadBytes: number;
	readonly throttledMs: number;
	/** A bucket holds it back now. */
	readonly throttled: boolean;
}

/** Which sessions are meant: what is null holds for all. */
export interface SessionFilter {
	readonly listener: string | null;
	readonly pool: string | null;
	readonly backend: string | null;
	readonly country: string | null;
	readonly client: NetworkTable | null;
	/** Those alone that a bucket holds back, or that are queued. */
	readonly waiting: boolean;
}

/** What all live sessions of one client at one listener have come to. */
export interface ClientFacts {
	readonly listener: string;
	readonly client: IpAddress;
	readonly active: number;
	readonly uploadBytes: number;
	readonly downloadBytes: number;
}
