import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { EchoClient, echoBackend } from '../support/backends.ts';
import { clean } from '../support/clean-node.ts';
import { refusingAddress } from '../support/net-ports.ts';
import { configFile } from '../support/sluice-process.ts';

const ENTRY = fileURLToPath(new URL('../../bin/sluice.ts', import.meta.url));
const FULL = '/dev/full';

/** A `sluice` whose standard output, and perhaps standard error, is on a full disk. */
function onFullDisk(t: { teardown(end: () => void): void }, args: string[], stderr: number | 'ignore') {
	const [command, all] = clean(process.execPath, ENTRY, ...args);
	const child = spawn(command, all, { stdio: ['ignore', openSync(FULL, 'w'), stderr] });
	t.teardown(() => child.kill('SIGKILL'));
	return child;
}

async function served(t: { teardown(end: () => void): void }, port: number): Promise<string> {
	for (;;) {
		const client = new EchoClient(t, port);
		const greeting = await client.greeting().catch(() => null);
		client.socket.destroy();
		if (greeting !== null) return greeting;
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}

t.test(
	'with its log on a full disk a balancer serves on and ends in good order',
	{
		skip: existsSync(FULL) ? false : `there is no ${FULL}`,
	},
	async (t) => {
		const backend = await echoBackend(t, 'one');
		for (const stderr of ['ignore', openSync(FULL, 'w')] as const) {
			const port = Number((await refusingAddress()).split(':')[1]);
			const { path } = configFile(t, {
				workers: 1,
				listeners: [{ name: 'game', bind: `127.0.0.1:${port}`, routes: [{ to: ['main'] }] }],
				pools: [{ name: 'main', backends: [{ name: 'one', address: backend.address }] }],
			});
			for (const args of [
				['run', '-c', path],
				['demo', '--port', String(port)],
			]) {
				const child = onFullDisk(t, args, stderr);
				const exit = once(child, 'exit');
				t.match(await served(t, port), /^(one|Hello)/, args.join(' '));
				await served(t, port);
				child.kill('SIGTERM');
				t.strictSame(await exit, [0, null], args.join(' '));
			}
		}
	},
);
