import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Teardown } from './echo.ts';

/** How long a server may take to accept clients. */
const READY_WITHIN_MS = 15_000;
const LOOK_AGAIN_MS = 20;

/** A folder of a program's own, that goes with the test. */
export function programFolder(t: Teardown, name: string): (file: string) => string {
	const folder = mkdtempSync(join(tmpdir(), `sl-${name}-`));
	t.teardown(() => rmSync(folder, { recursive: true, force: true }));
	return (file) => join(folder, file);
}

/** Ports that nobody listened at a moment ago. A loopback address of one's own makes it unlikely that somebody comes. */
export async function freePorts(host: string, count: number): Promise<number[]> {
	const servers = Array.from({ length: count }, () => createServer().listen(0, host));
	await Promise.all(servers.map((server) => once(server, 'listening')));
	const ports = servers.map((server) => (server.address() as AddressInfo).port);
	for (const server of servers) server.close();
	await Promise.all(servers.map((server) => once(server, 'close')));
	return ports;
}

/** A server from Debian's packages under a test. */
export interface PeerProgram {
	/** All that it has said. */
	readonly said: string;
}

/** Starts it in the foreground; resolves when it is `ready`. It is killed when the test ends. */
export async function startProgram(
	t: Teardown,
	command: string,
	args: readonly string[],
	ready: () => Promise<boolean>,
): Promise<PeerProgram> {
	const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
	const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
	const program = { said: '' };
	for (const stream of [child.stdout, child.stderr]) {
		stream.setEncoding('utf8').on('data', (text: string) => {
			program.said += text;
		});
	}
	let gone: string | null = null;
	child.once('error', ({ message }) => (gone = `apt-get install ${command}: ${message}`));
	child.once('exit', (code) => (gone = `ended with ${code}`));
	t.teardown(async () => {
		if (gone !== null || !child.kill('SIGKILL')) return;
		await once(child, 'exit');
	});
	const giveUp = performance.now() + READY_WITHIN_MS;
	while (!(await ready())) {
		if (gone !== null) throw new Error(`${command}: ${gone}\n${program.said}`);
		if (performance.now() > giveUp) throw new Error(`${command} does not start:\n${program.said}`);
		await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
	}
	return program;
}
