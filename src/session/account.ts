import type { Outcome } from '../core/outcome.ts';
import type { RelayMeter } from '../core/session-io.ts';
import type { SlotRef } from '../core/snapshot.ts';
import { NS_PER_MS } from '../core/units.ts';
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
	host.tally.ended(placesOf(journal), meter.uploadBytes, meter.downloadBytes);
	const { accessLog } = journal;
	if (accessLog === 'none' || (accessLog === 'errors' && outcome === 'completed')) return;
	const { client } = journal;
	const { peer } = journal.facts;
	host.records.access({
		timeMs: host.clock.wallMs(),
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

const throttledNs = ({ throttledNs, throttledSinceNs }: RelayMeter, nowNs: number): number =>
	throttledNs + (throttledSinceNs > 0 ? nowNs - throttledSinceNs : 0);

function placesOf(journal: Journal): readonly SlotRef[] {
	const places = [journal.listener.slot];
	if (journal.region !== null) places.push(journal.region.slot);
	if (journal.pool !== null) places.push(journal.pool.slot);
	if (journal.backend !== null) places.push(journal.backend.slot);
	return places;
}
