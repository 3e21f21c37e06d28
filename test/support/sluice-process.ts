import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConfigInput } from '../../src/control/config/schema.ts';
import { clean } from './clean-node.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ENTRY = join(ROOT, 'bin', 'sluice.ts');

/** One JSON line of a log. */
export interface LogLine {
	readonly msg: string;
	readonly [field: string]: unknown;
}

export interface Finished {
	readonly code: number | null;
	readonly signal: string | null;
	readonly stdout: string;
	readonly stderr: string;
}

interface SluiceOptions {
	/** False: standard output is not read until told. */
	readonly read?: boolean;
	readonly entry?: string;
	/** Of Node. */
	readonly flags?: readonly string[];
	/** Instead of this process's own. */
	readonly env?: NodeJS.ProcessEnv;
	/** How many descriptors it may have. */
	readonly nofile?: number;
	/** A program that runs it, with its options. */
	readonly prefix?: readonly string[];
}

interface Teardown {
	teardown(end: () => void): void;
}

/** A `sluice` process of its own, with what it says. It is killed when the test ends. */
export class SluiceProcess {
	readonly child: ChildProcess;
	readonly finished: Promise<Finished>;
	stdout = '';
	stderr = '';
	private watchers = new Set<() => void>();

	constructor(t: Teardown, args: readonly string[], options: SluiceOptions = {}) {
		const program = [process.execPath, ...(options.flags ?? []), options.entry ?? ENTRY, ...args];
		const limit = options.nofile === undefined ? [] : ['sh', '-c', `ulimit -n ${options.nofile}; exec "$@"`, 'sh'];
		const [first = '', ...rest] = [...(options.prefix ?? []), ...limit, ...program];
		const [command, all] = clean(first, ...rest);
		this.child = spawn(command, all, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: options.env ?? process.env });
		t.teardown(() => this.child.kill('SIGKILL'));
		if (options.read ?? true) this.read();
		this.child.stderr?.on('data', (chunk) => {
			this.stderr += chunk;
			this.wake();
		});
		this.finished = new Promise((resolve) => {
			this.child.once('close', (code, signal) => {
				resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
				this.wake();
			});
		});
	}

	/** Begins to read standard output. */
	read(): void {
		this.child.stdout?.on('data', (chunk) => {
			this.stdout += chunk;
			this.wake();
		});
	}

	kill(signal: NodeJS.Signals): void {
		this.child.kill(signal);
	}

	get lines(): LogLine[] {
		const whole = this.stdout.split('\n').slice(0, -1);
		return whole.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LogLine);
	}

	/** The first log line with this message, now or later; fails when the process ends without it. */
	async line(msg: string, where: (line: LogLine) => boolean = () => true): Promise<LogLine> {
		const found = await this.until(() => this.lines.find((line) => line.msg === msg && where(line)));
		return found;
	}

	/** What `look` finds, now or after more output. */
	async until<T>(look: () => T | undefined): Promise<T> {
		for (;;) {
			const found = look();
			if (found !== undefined) return found;
			if (this.child.exitCode !== null || this.child.signalCode !== null) {
				throw new Error(
					`sluice ended (${this.child.exitCode}) without it:\n${this.stdout.slice(-4_000)}\n${this.stderr}`,
				);
			}
			await new Promise<void>((resolve) => this.watchers.add(resolve));
		}
	}

	/** Where a listener really listens. */
	async port(listener: string): Promise<number> {
		const line = await this.line('listening', (candidate) => candidate.listener === listener);
		return Number(String(line.address).split(':').at(-1));
	}

	private wake(): void {
		const watchers = [...this.watchers];
		this.watchers.clear();
		for (const wake of watchers) wake();
	}
}

/** Runs one command to its end. */
export function sluice(t: Teardown, ...args: string[]): Promise<Finished> {
	return new SluiceProcess(t, args).finished;
}

/** A configuration file that can be rewritten; JSON is YAML. */
export function configFile(
	t: Teardown,
	config: ConfigInput | string,
): { path: string; write(next: ConfigInput | string): void } {
	const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
	t.teardown(() => rmSync(folder, { recursive: true, force: true }));
	const path = join(folder, 'sluice.yaml');
	const write = (next: ConfigInput | string): void =>
		writeFileSync(path, typeof next === 'string' ? next : JSON.stringify(next, null, 2));
	write(config);
	return { path, write };
}
