import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import t from 'tap';
import type { LoadJob } from '../bench/support/load/load.ts';
import { cpuSeconds, familyOf, residentBytes } from '../bench/support/processes.ts';
import { latencySummary } from '../bench/support/stats.ts';
import { freePort, HOST, load, startBenchBackend, WINDOW_MS } from './support/bench-client.ts';

const CHUNK_BYTES = 256 * 1024;

t.test('each load does its work on sockets, without an error', async (t) => {
	const backend = await startBenchBackend(t);
	const loads: readonly (readonly [job: LoadJob, least: number])[] = [
		[{ kind: 'bulk', direction: 'download', streams: 4 }, 4 * CHUNK_BYTES],
		[{ kind: 'bulk', direction: 'upload', streams: 4 }, 4 * CHUNK_BYTES],
		[{ kind: 'ping', bytes: 64, connections: 8 }, 100],
		[{ kind: 'ping', bytes: 4_096, connections: 8 }, 100],
		[{ kind: 'connect', concurrent: 8 }, 50],
		[{ kind: 'idle', sessions: 200 }, 200],
	];
	for (const [job, least] of loads) {
		const { work, errors, seconds } = await load(backend, job);
		t.ok(work >= least, `${JSON.stringify(job)}: ${work} of at least ${least}`);
		t.equal(errors, 0);
		t.ok(seconds >= WINDOW_MS / 1_000);
	}
});

t.test('a paced load keeps its rate, and tells how long answers take', async (t) => {
	const backend = await startBenchBackend(t);
	const perSecond = 2_000;
	const { work, seconds, latency, errors } = await load(backend, {
		kind: 'paced',
		bytes: 64,
		connections: 4,
		perSecond,
	});
	t.equal(errors, 0);
	// A busy machine is late; what was due then counts as late, it is not left out.
	t.ok(Math.abs(work / seconds / perSecond - 1) < 0.2, `${Math.round(work / seconds)} a second`);
	t.ok(latency !== null && latency.p50Ms > 0 && latency.p99Ms >= latency.p50Ms);
});

t.test('a load against nobody counts errors', async (t) => {
	const backend = await startBenchBackend(t);
	const port = await freePort();
	const { work, errors } = await load({ ...backend, port }, { kind: 'connect', concurrent: 2 });
	t.equal(work, 0);
	t.ok(errors > 0);
});

t.test('sessions that are cut off are errors, not work', async (t) => {
	const { child } = await startBenchBackend(t);
	const rude = createServer((socket) => socket.resetAndDestroy()).listen(0, HOST);
	t.teardown(() => rude.close());
	await once(rude, 'listening');
	const { port } = rude.address() as AddressInfo;
	const { work, errors } = await load({ child, port }, { kind: 'connect', concurrent: 2 });
	t.equal(work, 0);
	t.ok(errors > 10, `${errors} errors`);
});

t.test('CPU time and memory of a process and of those it started', async (t) => {
	const child = spawn('sh', ['-c', 'i=0; while :; do i=$((i + 1)); done & wait'], { detached: true });
	const { pid } = child;
	if (pid === undefined) throw new Error('sh did not start');
	t.teardown(() => process.kill(-pid, 'SIGKILL'));
	let family = familyOf(pid);
	while (family.length < 2 || cpuSeconds(family) === 0) family = familyOf(pid);
	t.equal(family[0], pid);
	t.ok(residentBytes(family) > 0);
	t.equal(cpuSeconds([2 ** 30]), 0, 'one that is gone has used none');
});

t.test('percentiles come from the sorted latencies', async (t) => {
	const latencies = Float64Array.from({ length: 101 }, (_, i) => 100 - i);
	t.strictSame(latencySummary(latencies), { p50Ms: 50, p99Ms: 99 });
	t.strictSame(latencySummary(new Float64Array(0)), { p50Ms: 0, p99Ms: 0 });
});
