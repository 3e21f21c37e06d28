import type { IpAddress } from './address.ts';
import type { Outcome } from './outcome.ts';

/** One finished session. Absent is null; no payload, no secrets. Times in milliseconds with fractions. */
export interface AccessRecord {
	/** When the session ended, milliseconds since 1970; logged as ISO 8601. */
	timeMs: number;
	listener: string;
	peer: IpAddress | null;
	peerPort: number;
	client: IpAddress | null;
	clientPort: number;
	country: string | null;
	region: string | null;
	sni: string | null;
	alpn: string | null;
	route: string | null;
	pool: string | null;
	backend: string | null;
	/** Connects tried. */
	attempts: number;
	queuedMs: number | null;
	connectMs: number | null;
	durationMs: number;
	uploadBytes: number;
	downloadBytes: number;
	throttledMs: number;
	tls: string | null;
	outcome: Outcome;
	detail: string | null;
}

/** The least important first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A log line of a worker; `fields` are flat and small. */
export interface LogEvent {
	readonly level: LogLevel;
	readonly msg: string;
	readonly fields: Readonly<Record<string, string | number | boolean | null>>;
}
