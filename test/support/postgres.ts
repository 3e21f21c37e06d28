import { type ChildProcess, execFile, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Issued } from './certificates.ts';
import type { Teardown } from './echo.ts';
import { refusingAddress } from './net-ports.ts';

const ROOT = '/usr/lib/postgresql';
/** How long a server may take to accept clients. */
const READY_WITHIN_MS = 15_000;

/** Debian keeps the programs of each major version apart; the newest one is taken. */
function programs(): string {
	const versions = existsSync(ROOT)
		? readdirSync(ROOT).filter((name) => existsSync(join(ROOT, name, 'bin/initdb')))
		: [];
	const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
	if (newest === undefined) throw new Error(`no PostgreSQL under ${ROOT}: install Debian's package postgresql`);
	return join(ROOT, newest, 'bin');
}

/** PostgreSQL refuses to run as root: then its package's own user runs it. */
function identity(): { readonly uid?: number; readonly gid?: number } {
	if (process.getuid?.() !== 0) return {};
	const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
	return { uid: idOf('-u'), gid: idOf('-g') };
}

const program = (name: string): string => join(programs(), name);

/** Clusters of one test, made from one template: `initdb` takes its time. */
export class Postgres {
	readonly folder: string;
	private readonly owner = identity();
	private readonly template: string;

	constructor(t: Teardown) {
		this.folder = mkdtempSync(join(tmpdir(), 'sl-pg-'));
		t.teardown(() => rmSync(this.folder, { recursive: true, force: true }));
		chmodSync(this.folder, 0o755);
		const { uid, gid } = this.owner;
		if (uid !== undefined && gid !== undefined) chownSync(this.folder, uid, gid);
		this.template = join(this.folder, 'template');
		const quick = ['--auth=trust', '--username=postgres', '--no-sync', '--encoding=UTF8', '--locale=C'];
		execFileSync(program('initdb'), ['-D', this.template, ...quick], {
			...this.owner,
			cwd: this.folder,
			stdio: 'ignore',
		});
	}

	/** A server of its own, ready for clients, with TLS where it is given a certificate. It ends with the test. */
	async start(t: Teardown, name: string, certificate?: Issued): Promise<PostgresServer> {
		const data = join(this.folder, name);
		const { uid, gid } = this.owner;
		if (uid === undefined || gid === undefined) cpSync(this.template, data, { recursive: true });
		else execFileSync('cp', ['-a', this.template, data], this.owner);
		if (certificate !== undefined) this.give(data, certificate);
		const port = Number((await refusingAddress()).split(':')[1]);
		const server = new PostgresServer(data, port, this.folder, this.owner, certificate !== undefined);
		t.teardown(() => server.kill());
		await server.start();
		return server;
	}

	/** Under the names at which a server looks for them; nobody else may read its key. */
	private give(data: string, { cert, key }: Issued): void {
		for (const [file, pem] of [
			['server.crt', cert],
			['server.key', key],
		] as const) {
			const path = join(data, file);
			writeFileSync(path, pem, { mode: 0o600 });
			const { uid, gid } = this.owner;
			if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
		}
	}
}

/** One server, at a TCP port and a unix socket; it can be killed and started again in the same place. */
export class PostgresServer {
	readonly port: number;
	/** What it has logged: each connection, and what it has to complain of. */
	log = '';
	private readonly data: string;
	private readonly folder: string;
	private readonly options: SpawnOptions;
	private readonly tls: boolean;
	private child: ChildProcess | null = null;

	constructor(data: string, port: number, folder: string, owner: SpawnOptions, tls: boolean) {
		this.port = port;
		this.data = data;
		this.folder = folder;
		this.options = { ...owner, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] };
		this.tls = tls;
	}

	get address(): string {
		return `127.0.0.1:${this.port}`;
	}

	get unixAddress(): string {
		return `unix:${join(this.folder, `.s.PGSQL.${this.port}`)}`;
	}

	async start(): Promise<void> {
		const settings = {
			listen_addresses: '127.0.0.1',
			unix_socket_directories: this.folder,
			fsync: 'off',
			log_connections: 'on',
			ssl: this.tls ? 'on' : 'off',
		};
		const flags = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
		this.child = spawn(program('postgres'), ['-D', this.data, '-p', String(this.port), ...flags], this.options);
		this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
			this.log += text;
		});
		const until = performance.now() + READY_WITHIN_MS;
		while (!(await this.ready())) {
			if (performance.now() > until || this.child.exitCode !== null) throw new Error('PostgreSQL does not start');
			await new Promise((resolve) => setTimeout(resolve, 50));
		}
	}

	/** Immediate shutdown: sessions are cut off, nothing is written. Resolves when the server is gone. */
	async kill(): Promise<void> {
		const { child } = this;
		this.child = null;
		if (child === null || child.exitCode !== null || child.signalCode !== null) return;
		const gone = once(child, 'exit');
		child.kill('SIGQUIT');
		await gone;
	}

	private async ready(): Promise<boolean> {
		const args = ['-h', '127.0.0.1', '-p', String(this.port), '-q', '-U', 'postgres'];
		return promisify(execFile)(program('pg_isready'), args).then(
			() => true,
			() => false,
		);
	}
}

/** How a run of pgbench ended, and what it said. */
export interface BenchRun {
	readonly code: number | null;
	readonly text: string;
}

/** pgbench through a port of 127.0.0.1, with a transaction that needs no tables. */
export async function pgbench(t: Teardown, script: string, port: number, args: readonly string[]): Promise<BenchRun> {
	const target = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-n', '-f', script];
	const env = { ...process.env, PGSSLMODE: 'disable', PGGSSENCMODE: 'disable', PGDATABASE: 'postgres' };
	const child = spawn(program('pgbench'), [...target, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
	t.teardown(() => void child.kill('SIGKILL'));
	let text = '';
	for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
	const [code] = (await once(child, 'close')) as [number | null];
	return { code, text };
}

/** Asks which server answers, by its port, and what it says of TLS: `5432|t|TLSv1.3`. */
export const WHO = 'SELECT inet_server_port(), ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()';

/** psql to 127.0.0.1 under the name `host`; what it wrote, or its complaint when it failed. */
export async function psql(sql: string, parameters: Readonly<Record<string, string | number>>): Promise<string> {
	const all = { hostaddr: '127.0.0.1', user: 'postgres', dbname: 'postgres', connect_timeout: 20, ...parameters };
	const where = Object.entries(all).map(([key, value]) => `${key}=${value}`);
	const run = promisify(execFile)(program('psql'), ['-XAtc', sql, where.join(' ')], { maxBuffer: 64 * 1024 * 1024 });
	return run.then(
		({ stdout }) => stdout.trim(),
		({ stderr }: { readonly stderr: string }) => stderr.trim(),
	);
}
