import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ConfigInput } from '../../src/control/config/schema.ts';
import type { RawLoad } from '../../test/support/raw-load.ts';
import { cpuByThread } from './processes.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TICK_MS = 50;
const TICKS_PER_SECOND = 1_000 / TICK_MS;
/** After the load, for what is still to be logged and closed; it belongs to it. */
const SETTLE_MS = 400;
/** What a scraper and the dashboard ask for each second. */
const QUESTIONS = ['/metrics', '/overview?after=0'];
// A scraper and a browser keep their connections.
const agent = new Agent({ keepAlive: true });

/** CPU seconds of a while. */
export interface CpuUse {
	readonly main: number;
	readonly others: number;
}

/** A balancer of one worker in its own process, watched by all there is or by nobody. */
export class WatchedBalancer {
	readonly #child: ChildProcess;
	readonly #load: RawLoad;
	readonly #port: number;
	/** Of the admin API; null: nobody watches. */
	readonly #socket: string | null;
	readonly #logged: { sessions: number };

	private constructor(
		child: ChildProcess,
		load: RawLoad,
		port: number,
		socket: string | null,
		logged: { sessions: number },
	) {
		this.#child = child;
		this.#load = load;
		this.#port = port;
		this.#socket = socket;
		this.#logged = logged;
	}

	static async start(folder: string, load: RawLoad, watched: boolean): Promise<WatchedBalancer> {
		const socket = watched ? join(folder, 'admin.sock') : null;
		const config: ConfigInput = {
			workers: 1,
			log: { access: watched ? 'all' : 'none' },
			...(socket === null ? {} : { admin: { bind: `unix:${socket}` } }),
			listeners: [{ name: 'in', bind: '127.0.0.1:0', routes: [{ to: ['out'] }] }],
			pools: [{ name: 'out', health: { active: 'off' }, backends: [{ address: load.address }] }],
		};
		const file = join(folder, watched ? 'watched.json' : 'alone.json');
		writeFileSync(file, JSON.stringify(config));
		const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit'];
		const child = spawn(process.execPath, ['bin/sluice.ts', 'run', '-c', file], { cwd: ROOT, stdio });
		const logged = { sessions: 0 };
		const port = await new Promise<number>((resolve) => {
			createInterface({ input: child.stdout }).on('line', (line) => {
				if (line.includes('"msg":"session"')) logged.sessions += 1;
				else if (line.includes('"msg":"listening"')) resolve(Number(/:(\d+)"/.exec(line)?.[1]));
			});
		});
		return new WatchedBalancer(child, load, port, socket, logged);
	}

	/** Serves, and is watched, for so long; answers the CPU time that took. @throws Error when a record is missing. */
	async serve(sessionsPerSecond: number, seconds: number): Promise<CpuUse> {
		const pid = this.#child.pid ?? 0;
		const [before, loggedBefore] = [cpuByThread(pid), this.#logged.sessions];
		const beginMs = performance.now();
		const looks: Promise<void>[] = [];
		for (let tick = 0; tick < seconds * TICKS_PER_SECOND; tick++) {
			if (tick % TICKS_PER_SECOND === 0) looks.push(this.#look());
			await this.#load.run(this.#port, sessionsPerSecond / TICKS_PER_SECOND, sessionsPerSecond);
			await sleep(Math.max(0, beginMs + (tick + 1) * TICK_MS - performance.now()));
		}
		await Promise.all([...looks, sleep(SETTLE_MS)]);
		const after = cpuByThread(pid);
		const [told, due] = [this.#logged.sessions - loggedBefore, this.#socket === null ? 0 : seconds * sessionsPerSecond];
		if (told !== due) throw new Error(`${told} records of ${due} sessions`);
		return { main: after.main - before.main, others: after.others - before.others };
	}

	end(): void {
		this.#child.kill('SIGKILL');
	}

	async #look(): Promise<void> {
		const socketPath = this.#socket;
		if (socketPath !== null) await Promise.all(QUESTIONS.map((path) => ask(socketPath, path)));
	}
}

async function ask(socketPath: string, path: string): Promise<void> {
	const sent = request({ socketPath, path, agent });
	sent.end();
	const [answer] = await once(sent, 'response');
	answer.resume();
	await once(answer, 'end');
	if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode}`);
}
