import type { Outcome } from '../core/outcome.ts';
import type { RelayMeter } from '../core/session-io.ts';
import type { SlotRef } from '../core/snapshot.ts';
import { NS_PER_MS, NS_PER_SECOND } from '../core/units.ts';
import type { SessionHost } from './context.ts';
import type { Journal } from './journal.ts';

/**
 * The last stage, at the instant the session ends: one access record, and the totals of every place it passed.
 * The bytes are those that were read and let pass by then; the sockets may still be busy with the last of them.
 */
export function account(
	host: SessionHost,
	journal: Journal,
	meter: RelayMeter,
	outcome: Outcome,
	detail: string | null,
	nowNs: number,
): void {
	const { uploadBytes, downloadBytes } = meter;
	host.tally.ended(placesOf(journal), uploadBytes - journal.toldUpload, downloadBytes - journal.toldDownload);
	count(host, journal, meter, outcome, nowNs);
	const { accessLog } = journal;
	if (accessLog === 'none' || (accessLog === 'errors' && outcome === 'completed')) return;
	host.records.access({
		timeMs: host.clock.wallMs(),
		...knownOf(journal),
		attempts: journal.attempts,
		queuedMs: journal.queuedNs === null ? null : journal.queuedNs / NS_PER_MS,
		connectMs: journal.connectNs === null ? null : journal.connectNs / NS_PER_MS,
		durationMs: (nowNs - journal.acceptedNs) / NS_PER_MS,
		uploadBytes: meter.uploadBytes,
		downloadBytes: meter.downloadBytes,
		throttledMs: throttledNs(meter, nowNs) / NS_PER_MS,
		tls: journal.tls,
		outcome,
		detail,
	});
}

/** Who the client is and where it went, as far as that is known by now. */
export function knownOf(journal: Journal) {
	const { client } = journal;
	const { peer } = journal.facts;
	return {
		listener: journal.listener.name,
		peer: peer.address,
		peerPort: peer.port,
		client: client.address,
		clientPort: client.port,
		country: journal.country,
		region: journal.region?.name ?? null,
		sni: journal.sni,
		alpn: journal.alpn,
		route: journal.route,
		pool: journal.pool?.name ?? null,
		backend: journal.backend?.name ?? null,
	};
}

/** Tells the places on the way of the bytes that have passed since the last time; for sessions that go on. */
export function settle(host: SessionHost, journal: Journal, { uploadBytes, downloadBytes }: RelayMeter): void {
	const [upload, download] = [uploadBytes - journal.toldUpload, downloadBytes - journal.toldDownload];
	if (upload === 0 && download === 0) return;
	journal.toldUpload = uploadBytes;
	journal.toldDownload = downloadBytes;
	host.tally.moved(placesOf(journal), upload, download);
}

function count(
	{ stats, tally }: SessionHost,
	journal: Journal,
	meter: RelayMeter,
	outcome: Outcome,
	nowNs: number,
): void {
	stats.outcome(outcome);
	stats.observe('sessionSeconds', (nowNs - journal.acceptedNs) / NS_PER_SECOND);
	const throttled = throttledNs(meter, nowNs);
	if (throttled > 0) stats.add('throttledSeconds', throttled / NS_PER_SECOND);
	if (journal.countryCounted) stats.country(journal.country, -1);
	if (REFUSALS.has(outcome)) tally.refused(journal.listener.slot);
}

/** Turned away by us before a backend was reached. */
const REFUSALS: ReadonlySet<Outcome> = new Set<Outcome>([
	'no-route',
	'access-denied',
	'rate-limited',
	'max-connections',
	'pool-full',
	'pool-down',
	'queue-timeout',
	'proxy-header-invalid',
	'proxy-header-timeout',
	'not-tls',
	'client-hello-invalid',
	'client-hello-timeout',
	'tls-failed',
]);

export const throttledNs = ({ throttledNs, throttledSinceNs }: RelayMeter, nowNs: number): number =>
	throttledNs + (throttledSinceNs > 0 ? nowNs - throttledSinceNs : 0);

function placesOf(journal: Journal): readonly SlotRef[] {
	const places = [journal.listener.slot];
	if (journal.region !== null) places.push(journal.region.slot);
	if (journal.pool !== null) places.push(journal.pool.slot);
	if (journal.backend !== null) places.push(journal.backend.slot);
	return places;
}
