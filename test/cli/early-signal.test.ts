import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { EchoClient, echoBackend } from '../support/backends.ts';
import { configFile, SluiceProcess, sluice } from '../support/sluice-process.ts';

const config = (address: string, more: object = {}) => ({
	workers: 1,
	...more,
	listeners: [{ name: 'game', bind: '127.0.0.1:0', routes: [{ to: ['main'] }] }],
	pools: [{ name: 'main', backends: [{ name: 'one', address }] }],
});

t.test('a signal before it has started ends it promptly and in good order', async (t) => {
	const entry = new URL('../support/slow-names.ts', import.meta.url).pathname;
	const { path } = configFile(t, config('slow.test:7000'));
	for (const signal of ['SIGTERM', 'SIGINT'] as const) {
		const run = new SluiceProcess(t, [path], { entry });
		await run.until(() => (run.stderr.includes('asked') ? true : undefined));
		run.kill(signal);
		t.match(await run.finished, { code: 0, signal: null });
		t.strictSame(
			run.lines.map(({ msg }) => msg),
			['stopped before it had started'],
			signal,
		);
	}
});

t.test('more sessions than the open files allow: check and run say so, with both numbers', async (t) => {
	const backend = await echoBackend(t, 'one');
	const { path } = configFile(t, config(backend.address, { limits: { maxConnections: 100_000_000 } }));
	const nofile = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
	const words = new RegExp(`100000000 sessions need \\d+ open files, the limit \\(ulimit -n\\) is ${nofile}: \\d+ fit`);
	t.match(await sluice(t, 'check', '-c', path), { code: 0, stderr: words, stdout: /^ok: / });
	const run = new SluiceProcess(t, ['run', '-c', path]);
	t.match(await run.line('too few open files'), { level: 'warn', reason: words });
	const { path: fine } = configFile(t, config(backend.address, { limits: { maxConnections: 10 } }));
	t.match(await sluice(t, 'check', '-c', fine), { code: 0, stderr: '' });
});

t.test('a broken file is told at once, also while a reload waits for room', async (t) => {
	const backend = await echoBackend(t, 'one');
	const held = {
		...config(backend.address),
		listeners: [
			{
				name: 'game',
				bind: '127.0.0.1:0',
				access: { deny: { networks: ['127.0.0.0/8'] }, action: 'tarpit' as const, holdFor: '10m' },
				routes: [{ to: ['main'] }],
			},
		],
		limits: { maxConnections: 1_000 },
	};
	const file = configFile(t, held);
	const run = new SluiceProcess(t, ['run', '-c', file.path]);
	const port = await run.port('game');
	const clients: EchoClient[] = [];
	for (let snapshot = 2; snapshot <= 8; snapshot++) {
		const client = new EchoClient(t, port);
		clients.push(client);
		await new Promise((resolve) => client.socket.once('connect', resolve));
		// It is accepted by the time the next one is told of, which the kernel alone does not say.
		await new Promise((resolve) => setTimeout(resolve, 50));
		run.kill('SIGHUP');
		await run.line('reloaded', (line) => line.snapshot === snapshot);
	}
	run.kill('SIGHUP');
	t.match(await run.line('a change waits: sessions that are not relayed yet hold too many older snapshots'), {
		waitedMs: 0,
	});
	writeFileSync(file.path, 'listeners: 5');
	run.kill('SIGHUP');
	t.match(await run.line('reload refused'), { reason: /pools: is missing/ });
	for (const client of clients) client.socket.resetAndDestroy();
	await run.line('reloaded', (line) => line.snapshot === 9);
});
