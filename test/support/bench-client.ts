import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Contender, Recipe, Site } from '../../bench/support/contenders/contender.ts';
import { usableCores } from '../../bench/support/cores.ts';
import type { LoadJob, LoadOrder, LoadResult } from '../../bench/support/load/load.ts';
import { echoes, startProxy } from '../../bench/support/running.ts';
import type { TlsFiles, TlsTerms } from '../../bench/support/tls-files.ts';
import { clean } from './clean-node.ts';
import type { Teardown } from './echo.ts';
import { refusingAddress } from './net-ports.ts';

const BACKEND = fileURLToPath(new URL('../../bench/support/load/backend.ts', import.meta.url));
const CLIENT = fileURLToPath(new URL('../../bench/support/load/client.ts', import.meta.url));
export const HOST = '127.0.0.1';
export const WINDOW_MS = 300;

/** The bench's backend; without a proxy it stands in the place of one, too. */
export interface Running {
	readonly child: ChildProcess;
	readonly port: number;
}

export const freePort = async (): Promise<number> => Number((await refusingAddress()).split(':')[1]);

export async function startBenchBackend(t: Teardown): Promise<Running> {
	const port = await freePort();
	const [command, args] = clean(process.execPath, BACKEND, String(port));
	const child = spawn(command, args, { stdio: 'inherit' });
	t.teardown(() => child.kill('SIGKILL'));
	while (!(await echoes(HOST, port))) if (child.exitCode !== null) throw new Error('the backend ended');
	return { child, port };
}

/** What the bench's client says of a job. Throws with its complaints when it says nothing. */
export async function load({ child, port }: Running, job: LoadJob, tls: TlsTerms | null = null): Promise<LoadResult> {
	const pid = child.pid ?? 0;
	const order: LoadOrder = {
		job,
		tls,
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

/** The contender as the bench starts it, but on loopback. */
export async function raiseProxy(t: Teardown, contender: Contender, tls: TlsFiles): Promise<Running> {
	const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
	t.teardown(() => rmSync(folder, { recursive: true, force: true }));
	const backend = await startBenchBackend(t);
	const site: Site = { host: HOST, port: await freePort(), backendPort: backend.port, folder, feature: null, tls };
	const why = contender.missing(site);
	if (why !== null) throw new Error(why);
	const recipe = contender.recipe(site);
	if (typeof recipe === 'string') throw new Error(recipe);
	const running = await startProxy(fromLoopback(recipe), site, usableCores().join(','));
	t.teardown(() => running.end());
	return { child: running.child, port: site.port };
}

/** In the bench, clients come from a British address, and only some countries have a route. */
function fromLoopback({ files, command }: Recipe): Recipe {
	const text = files['sluice.yaml'];
	if (text === undefined) return { files, command };
	const config = JSON.parse(text) as { geo: object };
	const geo = { ...config.geo, overrides: [{ network: '127.0.0.0/8', country: 'GB' }] };
	return { files: { ...files, 'sluice.yaml': JSON.stringify({ ...config, geo }) }, command };
}
