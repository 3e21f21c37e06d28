import t, { type Test } from 'tap';
import { EchoClient } from '../support/backends.ts';
import { startBackend } from '../support/echo.ts';
import { pass } from '../support/peers.ts';
import { configFile, SluiceProcess } from '../support/sluice-process.ts';

const SESSIONS = 20;

/** A process with sessions in their relay, on a backend that never closes. */
async function busy(t: Test, engine: string, drain: string): Promise<{ run: SluiceProcess; clients: EchoClient[] }> {
	const backend = await startBackend(t, { onClient: (socket) => void socket.on('error', () => {}).write('hello\n') });
	const config = {
		engine: engine === 'epoll' ? ('epoll' as const) : ('node' as const),
		workers: 2,
		drain,
		listeners: [{ name: 'in', bind: '127.0.0.1:0', routes: [{ to: ['out'] }] }],
		pools: [{ name: 'out', backends: [{ address: backend.address }] }],
	};
	const run = new SluiceProcess(t, ['run', '-c', configFile(t, config).path]);
	const port = await run.port('in');
	const clients = Array.from({ length: SESSIONS }, () => new EchoClient(t, port));
	for (const client of clients) await client.greeting();
	return { run, clients };
}

const recordsOf = (run: SluiceProcess) => run.lines.filter(({ msg }) => msg === 'session');

for (const engine of ['node', 'epoll']) {
	t.test(
		`${engine}: a stop without a drain leaves a record of every session, whatever their backend does`,
		async (t) => {
			const { run } = await busy(t, engine, '0s');
			run.kill('SIGTERM');
			t.match(await run.finished, { code: 0, stderr: '' });
			const records = recordsOf(run);
			t.equal(records.length, SESSIONS);
			t.ok(records.every(({ outcome, downloadBytes }) => outcome === 'shutdown' && downloadBytes === 6));
		},
	);

	t.test(`${engine}: a second signal ends it at once, with a record of every session`, async (t) => {
		const { run, clients } = await busy(t, engine, '10m');
		run.kill('SIGTERM');
		await run.line('stopping');
		await pass(50);
		const startedMs = performance.now();
		run.kill('SIGTERM');
		for (const client of clients) t.equal(await client.end(), 'fin');
		t.match(await run.finished, { code: 0, stderr: '' });
		const tookMs = performance.now() - startedMs;
		t.ok(tookMs < 900, `${tookMs} ms: no worker waits for a backend that does not close`);
		t.equal(recordsOf(run).length, SESSIONS);
	});
}
