import { readdirSync, statSync } from 'node:fs';
import { HISTOGRAMS } from '../../shared/stats.ts';
import { nofileLimit } from '../descriptors.ts';
import { embeddedGeoVersion } from '../geo/embedded.ts';
import type { MetricName } from '../metrics/names.ts';
import type { HistogramReading, MetricSources, Reading } from '../metrics/readings.ts';
import type { LiveOperations } from './live-operations.ts';
import type { Steered } from './steered.ts';
import type { Tallies } from './tallies.ts';

const PROCESS_START_SECONDS = Date.now() / 1_000 - process.uptime();

/** Where the metrics of a running balancer are read. */
export function liveSources(steered: Steered, operations: LiveOperations, tallies: Tallies): MetricSources {
	return {
		status: () => operations.status(),
		get ready() {
			return operations.ready;
		},
		listeners: () => operations.listeners(),
		regions: () => operations.regions(),
		pools: () => operations.pools(),
		buckets: () => operations.buckets(),
		totals: () => [...sessionTotals(steered), ...mainTotals(steered, tallies), ...processTotals()],
		histograms: () => histograms(steered),
	};
}

const read = (name: MetricName, value: number, ...labels: string[]): Reading => ({ name, labels, value });

function sessionTotals({ stats, workers }: Steered): Reading[] {
	const handshakes = stats.total('tlsHandshakes');
	const resumed = stats.total('tlsResumptions');
	return [
		read('sluice_retries_total', stats.total('retries')),
		read('sluice_spills_total', stats.total('spills')),
		read('sluice_queued_total', stats.total('queued')),
		read('sluice_queue_wait_seconds_total', stats.total('queuedSeconds')),
		read('sluice_throttled_seconds_total', stats.total('throttledSeconds')),
		read('sluice_tls_handshakes_total', handshakes - resumed, 'full'),
		read('sluice_tls_handshakes_total', resumed, 'resumed'),
		read('sluice_tls_handshakes_total', stats.total('tlsFailures'), 'failed'),
		read('sluice_upstream_tls_handshakes_total', stats.total('upstreamTlsHandshakes'), 'done'),
		read('sluice_upstream_tls_handshakes_total', stats.total('upstreamTlsFailures'), 'failed'),
		...workers().flatMap((worker) => [
			read('sluice_worker_loop_delay_seconds', stats.gauge(worker, 'loopDelaySeconds'), String(worker)),
			read('sluice_worker_pipes', stats.gauge(worker, 'pipes'), String(worker)),
		]),
	];
}

function mainTotals({ snapshot, config }: Steered, tallies: Tallies): Reading[] {
	const database = snapshot?.geo.database ?? 'embedded';
	const [name, version] =
		database === 'embedded' ? ['embedded', embeddedGeoVersion()] : [config.geo.database, String(database.version)];
	return [
		read('sluice_health_changes_total', tallies.healthChanges.up, 'up'),
		read('sluice_health_changes_total', tallies.healthChanges.down, 'down'),
		read('sluice_ejections_total', tallies.ejections),
		read('sluice_reloads_total', tallies.reloads.done, 'done'),
		read('sluice_reloads_total', tallies.reloads.refused, 'refused'),
		read('sluice_worker_deaths_total', tallies.workerDeaths),
		read('sluice_geo_database_info', 1, name, version),
	];
}

function processTotals(): Reading[] {
	const { user, system } = process.cpuUsage();
	const limit = nofileLimit();
	const open = openDescriptors();
	return [
		read('process_cpu_seconds_total', (user + system) / 1e6),
		read('process_resident_memory_bytes', process.memoryUsage.rss()),
		read('process_start_time_seconds', PROCESS_START_SECONDS),
		...(open === null ? [] : [read('process_open_fds', open)]),
		...(Number.isFinite(limit) ? [read('process_max_fds', limit)] : []),
	];
}

/** Null where there is no /proc. */
function openDescriptors(): number | null {
	try {
		// How many there are, without listing them (Linux 6.2); 0 before.
		return statSync('/proc/self/fd').size || readdirSync('/proc/self/fd').length;
	} catch {
		return null;
	}
}

function histograms({ stats }: Steered): HistogramReading[] {
	return [
		{
			name: 'sluice_connect_duration_seconds',
			bounds: HISTOGRAMS.connectSeconds,
			totals: stats.histogram('connectSeconds'),
		},
		{
			name: 'sluice_session_duration_seconds',
			bounds: HISTOGRAMS.sessionSeconds,
			totals: stats.histogram('sessionSeconds'),
		},
	];
}
