import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Contender, Feature, Recipe, Site } from './contenders/contender.ts';
import { type Placement, placementFor } from './cores.ts';
import { openFiles } from './limits.ts';
import type { LoadOrder, LoadResult } from './load/load.ts';
import { BENCH_HOST } from './namespace.ts';
import type { Workload } from './question.ts';
import { echoes, Running, startProxy } from './running.ts';
import type { TlsFiles, TlsTerms } from './tls-files.ts';

const BACKEND = fileURLToPath(new URL('./load/backend.ts', import.meta.url));
const CLIENT = fileURLToPath(new URL('./load/client.ts', import.meta.url));
/** Below the ports that clients get. */
const FIRST_PORT = 5_000;
const FILES_SHELL = 'ulimit -n "$1"; shift; exec setpriv --pdeathsig KILL taskset -c "$0" "$@"';
/** Beyond the windows themselves, for a client to connect and to tell. */
const CLIENT_PATIENCE_MS = 120_000;

/** What of a workload is for the client. */
interface Tasked extends Pick<Workload, 'job'> {
	readonly tls?: TlsTerms | null;
}

/** All processes of a run: backends, and the proxies of the feature at hand, each on its processors. */
export class Stage {
	readonly #folder: string;
	readonly #cores: readonly number[];
	readonly #tls: TlsFiles | null;
	readonly #backends = new Map<string, { port: number; running: Running }>();
	readonly #proxies = new Map<string, { site: Site; recipe: Recipe; running: Running }>();
	#lastPort = FIRST_PORT;

	constructor(folder: string, cores: readonly number[], tls: TlsFiles | null = null) {
		this.#folder = folder;
		this.#cores = cores;
		this.#tls = tls;
	}

	placement(contender: Contender): Placement {
		return placementFor(contender.workers, this.#cores);
	}

	/** A place for a contender, with a folder; no port is used twice in a run. */
	async site(contender: Contender, feature: Feature | null): Promise<Site> {
		const port = this.#newPort();
		const backendPort = (await this.#backendFor(this.placement(contender))).port;
		const folder = join(this.#folder, `${contender.name}-${port}`);
		mkdirSync(folder);
		return { host: BENCH_HOST, port, backendPort, folder, feature, tls: this.#tls };
	}

	/** Starts it, for as many measurements as there are until `clear`. */
	async raise(contender: Contender, site: Site, recipe: Recipe): Promise<void> {
		const running = await startProxy(recipe, site, this.placement(contender).proxy);
		this.#proxies.set(contender.name, { site, recipe, running });
	}

	/** One measurement against the raised proxy; one that has died is started again first. */
	async measure(
		contender: Contender,
		{ job, tls = null }: Tasked,
		warmMs: number,
		windowMs: number,
	): Promise<LoadResult> {
		const raised = this.#proxies.get(contender.name);
		if (raised === undefined) throw new Error(`${contender.name} is not running`);
		if (!raised.running.alive) await this.raise(contender, raised.site, raised.recipe);
		const { site, running } = this.#proxies.get(contender.name) ?? raised;
		const placement = this.placement(contender);
		const backend = await this.#backendFor(placement);
		const order: LoadOrder = {
			job,
			tls,
			host: site.host,
			port: site.port,
			warmMs,
			windowMs,
			proxyPids: running.pids,
			backendPid: backend.running.child.pid ?? 0,
		};
		return runClient(order, placement.load);
	}

	async drop(contender: Contender): Promise<void> {
		await this.#proxies.get(contender.name)?.running.end();
		this.#proxies.delete(contender.name);
	}

	/** Ends the proxies. */
	async clear(): Promise<void> {
		await Promise.all([...this.#proxies.values()].map(({ running }) => running.end()));
		this.#proxies.clear();
	}

	async close(): Promise<void> {
		await this.clear();
		await Promise.all([...this.#backends.values()].map(({ running }) => running.end()));
	}

	async #backendFor(placement: Placement): Promise<{ port: number; running: Running }> {
		const known = this.#backends.get(placement.load);
		if (known?.running.alive) return known;
		const port = known?.port ?? this.#newPort();
		const command = [process.execPath, BACKEND, String(port)];
		const running = new Running(command, placement.load, join(this.#folder, `backend-${port}`));
		while (!(await echoes('127.0.0.1', port))) {
			if (!running.alive) throw new Error(`the bench's backend ended: ${running.lastWords}`);
		}
		const backend = { port, running };
		this.#backends.set(placement.load, backend);
		return backend;
	}

	#newPort(): number {
		this.#lastPort += 1;
		return this.#lastPort;
	}
}

async function runClient(order: LoadOrder, cores: string): Promise<LoadResult> {
	const args = ['-c', FILES_SHELL, cores, String(openFiles()), process.execPath, CLIENT, JSON.stringify(order)];
	const timeout = order.warmMs + order.windowMs + CLIENT_PATIENCE_MS;
	const child = spawn('sh', args, { stdio: ['ignore', 'pipe', 'pipe'], timeout, killSignal: 'SIGKILL' });
	let said = '';
	let complaints = '';
	child.stdout.on('data', (chunk) => {
		said += chunk;
	});
	child.stderr.on('data', (chunk) => {
		complaints += chunk;
	});
	const [code] = (await once(child, 'close')) as [number | null];
	if (code !== 0)
		throw new Error(`the bench's client ended (${code}): ${complaints.trim().split('\n').slice(-8).join('\n')}`);
	return JSON.parse(said) as LoadResult;
}
