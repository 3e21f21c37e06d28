import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { Recipe, Site } from './contenders/contender.ts';
import { openFiles } from './limits.ts';
import { MODE } from './load/wire.ts';
import { familyOf } from './processes.ts';

const START_DEADLINE_MS = 20_000;
const STOP_DEADLINE_MS = 5_000;
const TRY_EVERY_MS = 50;
const LONGEST_WORDS = 600;

/** A process of the bench on its processors, with its output in a file. */
export class Running {
	readonly child: ChildProcess;
	readonly #output: string;

	constructor(command: readonly string[], cores: string, folder: string) {
		mkdirSync(folder, { recursive: true });
		this.#output = join(folder, 'output.log');
		const output = openSync(this.#output, 'w');
		// When the bench is killed, so are they.
		const shell = `ulimit -n ${openFiles()}; exec setpriv --pdeathsig TERM taskset -c ${cores} "$@"`;
		this.child = spawn('sh', ['-c', shell, 'sh', ...command], {
			cwd: folder,
			stdio: ['ignore', output, output],
			env: { PATH: process.env.PATH, HOME: folder },
		});
	}

	get pids(): number[] {
		return familyOf(this.child.pid ?? 0);
	}

	get alive(): boolean {
		return this.child.exitCode === null && this.child.signalCode === null;
	}

	/** The last lines of what it has said. */
	get lastWords(): string {
		return readFileSync(this.#output, 'utf8').trim().split('\n').slice(-3).join('\n').slice(-LONGEST_WORDS);
	}

	async stop(): Promise<void> {
		if (!this.alive) return;
		const gone = once(this.child, 'exit');
		const all = this.pids;
		this.child.kill('SIGTERM');
		const late = setTimeout(() => {
			for (const pid of all) kill(pid);
		}, STOP_DEADLINE_MS);
		await gone;
		clearTimeout(late);
	}

	/** At once; for what has nothing to tidy up. */
	async end(): Promise<void> {
		if (!this.alive) return;
		const gone = once(this.child, 'exit');
		for (const pid of this.pids) kill(pid);
		await gone;
	}
}

function kill(pid: number): void {
	try {
		process.kill(pid, 'SIGKILL');
	} catch {
		// Gone already.
	}
}

/** Starts a proxy and waits until a byte has been to the backend and back. Throws with its last words when it never is. */
export async function startProxy(recipe: Recipe, site: Site, cores: string): Promise<Running> {
	for (const [name, text] of Object.entries(recipe.files)) writeFileSync(join(site.folder, name), text);
	const running = new Running(recipe.command, cores, site.folder);
	const deadlineMs = performance.now() + START_DEADLINE_MS;
	while (!(await echoes(site.host, site.port, site.tls !== null))) {
		if (running.alive && performance.now() < deadlineMs) await sleep(TRY_EVERY_MS);
		else {
			await running.end();
			throw new Error(`did not start: ${running.lastWords}`);
		}
	}
	return running;
}

/** True when a byte sent there comes back, through TLS or without. */
export function echoes(host: string, port: number, throughTls = false): Promise<boolean> {
	return new Promise((resolve) => {
		const options = { host, port, timeout: 1_000 };
		const socket = throughTls ? connectTls({ ...options, rejectUnauthorized: false }) : connect(options);
		const settle = (answered: boolean): void => {
			socket.destroy();
			resolve(answered);
		};
		socket.on('error', () => settle(false));
		socket.on('close', () => settle(false));
		socket.on('timeout', () => settle(false));
		socket.on('data', () => settle(true));
		socket.write(Uint8Array.of(MODE.echo));
	});
}
