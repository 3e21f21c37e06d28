/**
 * The client of every load: does one job against one proxy and prints what came of it, one line of JSON.
 * Run: node bench/support/load/client.ts ORDER (a `LoadOrder` as JSON)
 */
import { cpuSeconds, residentBytes } from '../processes.ts';
import { BulkLoad } from './bulk.ts';
import { ConnectLoad } from './connect.ts';
import { IDLE_WARM_SESSIONS, IdleLoad } from './idle.ts';
import type { Load, LoadOrder, LoadResult } from './load.ts';
import { PacedLoad } from './paced.ts';
import { PingLoad } from './ping.ts';
import { Sockets } from './sockets.ts';
import { TlsSockets } from './tls-sockets.ts';

const LONGEST_WAIT_MS = 20;
const IDLE_DEADLINE_MS = 60_000;
const NOTHING = { latency: null, bytesPerSession: null } as const;

interface CpuReading {
	readonly proxy: number;
	readonly client: number;
	readonly backend: number;
}

const readCpu = (order: LoadOrder): CpuReading => ({
	proxy: cpuSeconds(order.proxyPids),
	client: cpuSeconds([process.pid]),
	backend: cpuSeconds([order.backendPid]),
});

function turnUntil(sockets: Sockets, endMs: number): void {
	for (let leftMs = endMs - performance.now(); leftMs > 0; leftMs = endMs - performance.now()) {
		sockets.poller.tell(sockets.poller.wait(Math.min(Math.ceil(leftMs), LONGEST_WAIT_MS)));
	}
}

function loadFor(sockets: Sockets, { job }: LoadOrder): Exclude<Load, IdleLoad> {
	switch (job.kind) {
		case 'bulk':
			return new BulkLoad(sockets, job.direction, job.streams);
		case 'ping':
			return new PingLoad(sockets, job.bytes, job.connections);
		case 'connect':
			return new ConnectLoad(sockets, job.concurrent);
		case 'paced':
			return new PacedLoad(sockets, job.bytes, job.connections, job.perSecond);
		case 'idle':
			throw new Error('idle sessions are measured on their own');
	}
}

function measureWork(sockets: Sockets, order: LoadOrder): LoadResult {
	const load = loadFor(sockets, order);
	load.start();
	turnUntil(sockets, performance.now() + order.warmMs);
	load.beginWindow?.();
	const [work, startMs, cpu] = [load.work, performance.now(), readCpu(order)];
	turnUntil(sockets, startMs + order.windowMs);
	const [after, seconds] = [readCpu(order), (performance.now() - startMs) / 1_000];
	return {
		...NOTHING,
		work: load.work - work,
		seconds,
		proxyCpuSeconds: after.proxy - cpu.proxy,
		clientCpuSeconds: after.client - cpu.client,
		backendCpuSeconds: after.backend - cpu.backend,
		errors: load.errors,
		latency: load.latency?.() ?? null,
	};
}

function growTo(sockets: Sockets, load: IdleLoad, sessions: number, settleMs: number): void {
	const deadlineMs = performance.now() + IDLE_DEADLINE_MS;
	load.grow(sessions);
	while (!load.complete && performance.now() < deadlineMs) sockets.poller.tell(sockets.poller.wait(LONGEST_WAIT_MS));
	turnUntil(sockets, performance.now() + settleMs);
}

function measureIdle(sockets: Sockets, order: LoadOrder, sessions: number): LoadResult {
	const load = new IdleLoad(sockets);
	growTo(sockets, load, IDLE_WARM_SESSIONS, order.warmMs);
	const [before, cpu, work, startMs] = [residentBytes(order.proxyPids), readCpu(order), load.work, performance.now()];
	growTo(sockets, load, IDLE_WARM_SESSIONS + sessions, order.windowMs);
	const [bytes, after] = [residentBytes(order.proxyPids) - before, readCpu(order)];
	return {
		...NOTHING,
		work: load.work - work,
		seconds: (performance.now() - startMs) / 1_000,
		proxyCpuSeconds: after.proxy - cpu.proxy,
		clientCpuSeconds: after.client - cpu.client,
		backendCpuSeconds: after.backend - cpu.backend,
		errors: load.errors,
		bytesPerSession: bytes / Math.max(1, load.work - work),
	};
}

function run(order: LoadOrder): LoadResult {
	const { job, tls, host, port } = order;
	const sockets = tls === null ? new Sockets(host, port) : new TlsSockets(host, port, tls);
	return job.kind === 'idle' ? measureIdle(sockets, order, job.sessions) : measureWork(sockets, order);
}

process.stdout.write(`${JSON.stringify(run(JSON.parse(process.argv[2] ?? '') as LoadOrder))}\n`);
