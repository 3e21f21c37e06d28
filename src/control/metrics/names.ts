/*
 * Every metric, in one place. Names follow Prometheus: base units, `_total` for what only rises. A metric of a place is
 * called `sluice_KIND_REST` and has the place's name as label KIND, so that alerts can say `pool eu healthy < 0.5` for
 * `sluice_pool_healthy{pool="eu"} < 0.5`. Values of labels are names from the configuration, or closed sets of words:
 * nothing that comes from the network becomes one.
 */

export interface MetricTerms {
	readonly type: 'counter' | 'gauge' | 'histogram';
	readonly help: string;
	readonly labels: readonly string[];
}

const counter = (help: string, ...labels: string[]): MetricTerms => ({ type: 'counter', help, labels });
const gauge = (help: string, ...labels: string[]): MetricTerms => ({ type: 'gauge', help, labels });
const histogram = (help: string): MetricTerms => ({ type: 'histogram', help, labels: [] });

export const METRICS = {
	sluice_build_info: gauge('Always 1; the version and the engine that moves the bytes.', 'version', 'engine'),
	sluice_ready: gauge('1 while new clients may come.'),
	sluice_snapshot: gauge('Number of the configuration snapshot in force.'),
	sluice_workers: gauge('Worker threads.'),

	sluice_sessions_active: gauge('Sessions now.'),
	sluice_sessions_max: gauge('The cap of the process.'),
	sluice_sessions_total: counter('Sessions that ended, by outcome.', 'outcome'),
	sluice_session_duration_seconds: histogram('From accept to the end of a session.'),
	sluice_connect_duration_seconds: histogram('Connects to backends that succeeded.'),
	sluice_retries_total: counter('Connects after one that failed.'),
	sluice_spills_total: counter('Sessions placed in another than the first pool of their route.'),
	sluice_queued_total: counter('Sessions that waited in a queue.'),
	sluice_queue_wait_seconds_total: counter('Time that sessions waited in queues.'),
	sluice_throttled_seconds_total: counter('Time in which buckets held sessions back.'),
	sluice_records_dropped_total: counter('Access records and log lines that nobody read in time.'),

	sluice_tls_handshakes_total: counter('Handshakes with clients: full, resumed or failed.', 'result'),
	sluice_upstream_tls_handshakes_total: counter('Handshakes with backends: done or failed.', 'result'),

	sluice_listener_active: gauge('Sessions of a listener now.', 'listener'),
	sluice_listener_sessions_total: counter('Sessions of a listener that ended.', 'listener'),
	sluice_listener_refused_total: counter('Clients that a listener turned away.', 'listener'),
	sluice_listener_bytes_total: counter('Bytes relayed, upload or download.', 'listener', 'direction'),
	sluice_listener_client_evictions_total: counter(
		'Idle clients forgotten to make room in the client table.',
		'listener',
	),
	sluice_listener_client_overflows_total: counter(
		'Newcomers to a full client table, who shared one entry.',
		'listener',
	),

	sluice_region_active: gauge('Sessions of a region now.', 'region'),
	sluice_region_sessions_total: counter('Sessions of a region that ended.', 'region'),
	sluice_region_bytes_total: counter('Bytes relayed, upload or download.', 'region', 'direction'),

	sluice_pool_active: gauge('Sessions on a pool now.', 'pool'),
	sluice_pool_capacity: gauge('Sum of the caps of a pool, where every backend has one.', 'pool'),
	sluice_pool_healthy: gauge('Share of the backends of a pool that may take sessions, 0 to 1.', 'pool'),
	sluice_pool_queued: gauge('Sessions that wait in the queue of a pool.', 'pool'),
	sluice_pool_sessions_total: counter('Sessions of a pool that ended.', 'pool'),
	sluice_pool_bytes_total: counter('Bytes relayed, upload or download.', 'pool', 'direction'),

	sluice_backend_up: gauge('1 while a backend may take sessions by its health, else 0.', 'pool', 'backend'),
	sluice_backend_ejected: gauge('1 while a backend is ejected by passive health.', 'pool', 'backend'),
	sluice_backend_weight: gauge('Weight in force.', 'pool', 'backend'),
	sluice_backend_active: gauge('Sessions on a backend now.', 'pool', 'backend'),
	sluice_backend_sessions_total: counter('Sessions of a backend that ended.', 'pool', 'backend'),
	sluice_backend_connects_total: counter('Connects tried.', 'pool', 'backend'),
	sluice_backend_connect_failures_total: counter('Connects that failed.', 'pool', 'backend'),
	sluice_backend_bytes_total: counter('Bytes relayed, upload or download.', 'pool', 'backend', 'direction'),

	sluice_bucket_fill: gauge(
		'How full a token bucket is, 1 at its burst; negative: promised to those who wait.',
		'place',
		'direction',
	),

	sluice_health_changes_total: counter('Backends that went up or down.', 'to'),
	sluice_ejections_total: counter('Backends ejected by passive health.'),
	sluice_reloads_total: counter('Reloads, done or refused.', 'result'),
	sluice_worker_deaths_total: counter('Worker threads that died and were replaced.'),
	sluice_worker_loop_delay_seconds: gauge('Longest delay of late between turns of a worker.', 'worker'),
	sluice_worker_pipes: gauge('Pipes for splicing that a worker has in use.', 'worker'),
	sluice_geo_database_info: gauge('Always 1; where countries come from.', 'database', 'version'),

	process_cpu_seconds_total: counter('CPU time of the process, user and system.'),
	process_resident_memory_bytes: gauge('Resident memory.'),
	process_start_time_seconds: gauge('Start of the process, seconds since 1970.'),
	process_open_fds: gauge('Open descriptors.'),
	process_max_fds: gauge('The limit on them.'),
} as const satisfies Readonly<Record<string, MetricTerms>>;

export type MetricName = keyof typeof METRICS;
