import { OUTCOMES } from '../../core/outcome.ts';
import type { HistogramTotals } from '../../shared/stats.ts';
import type { BucketView, ListenerView, PoolView, RegionView, StatusView } from '../admin/views.ts';
import type { MetricName } from './names.ts';

/** One value of one metric now. */
export interface Reading {
	readonly name: MetricName;
	/** Values of the metric's labels, in their order. */
	readonly labels: readonly string[];
	readonly value: number;
}

export interface HistogramReading {
	readonly name: MetricName;
	/** Upper bounds in seconds; `totals.counts` has one more. */
	readonly bounds: readonly number[];
	readonly totals: HistogramTotals;
}

/** What the readings are made from; all of it is cheap to look up. */
export interface MetricSources {
	status(): StatusView;
	readonly ready: boolean;
	listeners(): readonly ListenerView[];
	regions(): readonly RegionView[];
	pools(): readonly PoolView[];
	buckets(): readonly BucketView[];
	/** What is counted elsewhere; names of metrics without labels, or with these. */
	totals(): readonly Reading[];
	histograms(): readonly HistogramReading[];
}

/** Every value of every metric but the histograms. */
export function takeReadings(sources: MetricSources): Reading[] {
	const status = sources.status();
	const read = (name: MetricName, value: number, ...labels: string[]): Reading => ({ name, labels, value });
	return [
		read('sluice_build_info', 1, status.version, status.engine),
		read('sluice_ready', sources.ready ? 1 : 0),
		read('sluice_snapshot', status.snapshot),
		read('sluice_workers', status.workers),
		read('sluice_sessions_active', status.active),
		...(status.maxConnections === null ? [] : [read('sluice_sessions_max', status.maxConnections)]),
		// Those that never happened, too: of a series that begins at 1, a rate misses the first.
		...OUTCOMES.map((outcome) => read('sluice_sessions_total', status.outcomes[outcome] ?? 0, outcome)),
		read('sluice_records_dropped_total', status.recordsDropped),
		...sources
			.listeners()
			.flatMap((listener) => [
				read('sluice_listener_active', listener.active, listener.name),
				read('sluice_listener_sessions_total', listener.sessions, listener.name),
				read('sluice_listener_refused_total', listener.refused, listener.name),
				read('sluice_listener_bytes_total', listener.traffic.uploadBytes, listener.name, 'upload'),
				read('sluice_listener_bytes_total', listener.traffic.downloadBytes, listener.name, 'download'),
				read('sluice_listener_client_evictions_total', listener.clientTable?.evicted ?? 0, listener.name),
				read('sluice_listener_client_overflows_total', listener.clientTable?.overflowed ?? 0, listener.name),
			]),
		...sources
			.regions()
			.flatMap((region) => [
				read('sluice_region_active', region.active, region.name),
				read('sluice_region_sessions_total', region.sessions, region.name),
				read('sluice_region_bytes_total', region.traffic.uploadBytes, region.name, 'upload'),
				read('sluice_region_bytes_total', region.traffic.downloadBytes, region.name, 'download'),
			]),
		...sources.pools().flatMap(poolReadings),
		...sources
			.buckets()
			.map(({ place, direction, levelBytes, burstBytes }) =>
				read('sluice_bucket_fill', burstBytes === 0 ? 0 : levelBytes / burstBytes, place, direction),
			),
		...sources.totals(),
	];
}

function poolReadings(pool: PoolView): Reading[] {
	const own = (name: MetricName, value: number, ...labels: string[]): Reading => ({
		name,
		labels: [pool.name, ...labels],
		value,
	});
	return [
		own('sluice_pool_active', pool.active),
		...(pool.capacity === null ? [] : [own('sluice_pool_capacity', pool.capacity)]),
		own('sluice_pool_healthy', pool.backends.length === 0 ? 0 : pool.healthy / pool.backends.length),
		own('sluice_pool_queued', pool.queued),
		own('sluice_pool_sessions_total', pool.sessions),
		own('sluice_pool_bytes_total', pool.traffic.uploadBytes, 'upload'),
		own('sluice_pool_bytes_total', pool.traffic.downloadBytes, 'download'),
		...pool.backends.flatMap((backend) => [
			own('sluice_backend_up', backend.health === 'down' ? 0 : 1, backend.name),
			own('sluice_backend_ejected', backend.ejected ? 1 : 0, backend.name),
			own('sluice_backend_weight', backend.weight, backend.name),
			own('sluice_backend_active', backend.active, backend.name),
			own('sluice_backend_sessions_total', backend.sessions, backend.name),
			own('sluice_backend_connects_total', backend.connects, backend.name),
			own('sluice_backend_connect_failures_total', backend.connectFailures, backend.name),
			own('sluice_backend_bytes_total', backend.traffic.uploadBytes, backend.name, 'upload'),
			own('sluice_backend_bytes_total', backend.traffic.downloadBytes, backend.name, 'download'),
		]),
	];
}
