import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { LoadJob, LoadOrder, LoadResult } from '../bench/support/load/load.ts';
import { cpuSeconds, familyOf, residentBytes } from '../bench/support/processes.ts';
import { echoes } from '../bench/support/running.ts';
import { latencySummary } from '../bench/support/stats.ts';
import { clean } from './support/clean-node.ts';
import { refusingAddress } from './support/net-ports.ts';

const BACKEND = fileURLToPath(new URL('../bench/support/load/backend.ts', import.meta.url));
const CLIENT = fileURLToPath(new URL('../bench/support/load/client.ts', import.meta.url));
const HOST = '127.0.0.1';
const WINDOW_MS = 300;
const CHUNK_BYTES = 256 * 1024;

/** The bench's backend; here it stands in the place of a proxy, too. */
interface Running {
	readonly child: ChildProcess;
	readonly port: number;
}

async function startBackend(teardown: (end: () => void) => void): Promise<Running> {
	const port = Number((await refusingAddress()).split(':')[1]);
	const [command, args] = clean(process.execPath, BACKEND, String(port));
	const child = spawn(command, args, { stdio: 'inherit' });
	teardown(() => child.kill('SIGKILL'));
	while (!(await echoes(HOST, port))) if (child.exitCode !== null) throw new Error('the backend ended');
	return { child, port };
}

async function load({ child, port }: Running, job: LoadJob): Promise<LoadResult> {
	const pid = child.pid ?? 0;
	const order: LoadOrder = {
		job,
		tls: null,
		host: HOST,
		port,
		warmMs: 50,
		windowMs: WINDOW_MS,
		proxyPids: [pid],
		backendPid: pid,
	};
	const [command, args] = clean(process.execPath, CLIENT, JSON.stringify(order));
	const client = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
	let said = '';
	let complaints = '';
	client.stderr.on('data', (chunk) => {
		complaints += chunk;
	});
	client.stdout.on('data', (chunk) => {
		said += chunk;
	});
	await once(client, 'close');
	if (said === '') throw new Error(complaints);
	return JSON.parse(said) as LoadResult;
}

t.test('each load does its work on sockets, without an error', async (t) => {
	const backend = await startBackend((end) => t.teardown(end));
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
	const backend = await startBackend((end) => t.teardown(end));
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
	const backend = await startBackend((end) => t.teardown(end));
	const port = Number((await refusingAddress()).split(':')[1]);
	const { work, errors } = await load({ ...backend, port }, { kind: 'connect', concurrent: 2 });
	t.equal(work, 0);
	t.ok(errors > 0);
});

t.test('sessions that are cut off are errors, not work', async (t) => {
	const { child } = await startBackend((end) => t.teardown(end));
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
