import type { IpAddress } from '../core/address.ts';
import type { Outcome } from '../core/outcome.ts';
import type { AccessRecord } from '../core/record.ts';
import { formatEndpoint } from '../policy/address.ts';

/** An access record as it is logged and handed to library users: text where people read it, null where absent. */
export interface AccessLine {
	/** ISO 8601, UTC; when the session ended. */
	readonly time: string;
	readonly listener: string;
	/** `ip:port`, `[v6]:port`, or null on a unix-domain socket. */
	readonly peer: string | null;
	readonly client: string | null;
	readonly country: string | null;
	readonly region: string | null;
	readonly sni: string | null;
	readonly alpn: string | null;
	readonly route: string | null;
	readonly pool: string | null;
	readonly backend: string | null;
	readonly attempts: number;
	readonly queuedMs: number | null;
	readonly connectMs: number | null;
	readonly durationMs: number;
	readonly uploadBytes: number;
	readonly downloadBytes: number;
	readonly throttledMs: number;
	readonly tls: string | null;
	readonly outcome: Outcome;
	readonly detail: string | null;
}

/** The record in its outer form, its keys in the order in which they are logged. */
export function accessLine(record: AccessRecord): AccessLine {
	return {
		time: new Date(record.timeMs).toISOString(),
		listener: record.listener,
		peer: endpointText(record.peer, record.peerPort),
		client: endpointText(record.client, record.clientPort),
		country: record.country,
		region: record.region,
		sni: record.sni,
		alpn: record.alpn,
		route: record.route,
		pool: record.pool,
		backend: record.backend,
		attempts: record.attempts,
		queuedMs: roundedMs(record.queuedMs),
		connectMs: roundedMs(record.connectMs),
		durationMs: roundedMs(record.durationMs) ?? 0,
		uploadBytes: record.uploadBytes,
		downloadBytes: record.downloadBytes,
		throttledMs: roundedMs(record.throttledMs) ?? 0,
		tls: record.tls,
		outcome: record.outcome,
		detail: record.detail,
	};
}

export const endpointText = (address: IpAddress | null, port: number): string | null =>
	address === null ? null : formatEndpoint({ address, port });

/** To the microsecond: what is below is noise. */
const roundedMs = (ms: number | null): number | null => (ms === null ? null : Math.round(ms * 1_000) / 1_000);
