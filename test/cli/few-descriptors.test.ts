import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { EchoClient, echoBackend } from '../support/backends.ts';
import { pass } from '../support/peers.ts';
import { configFile, SluiceProcess } from '../support/sluice-process.ts';

const NOFILE = 512;
const SILENT = 1_500;
const ALLOWED = 3;
const ENGINES = ['node', 'epoll'] as const;

/** So many sockets that say nothing, and do not answer a FIN. */
function silence(t: Test, port: number): Socket[] {
	const sockets = Array.from({ length: SILENT }, () => {
		return connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {});
	});
	t.teardown(() => {
		for (const socket of sockets) socket.destroy();
	});
	return sockets;
}

const descriptorsOf = (run: SluiceProcess): number => readdirSync(`/proc/${run.child.pid}/fd`).length;

for (const engine of ENGINES) {
	t.test(`${engine}: a client far over its cap, that stays, takes nobody the descriptors`, async (t) => {
		const backend = await echoBackend(t, 'one');
		const config = {
			engine,
			workers: 2,
			log: { access: 'none' as const },
			listeners: [
				{ name: 'in', bind: '127.0.0.1:0', routes: [{ to: ['out'] }], perClient: { maxConnections: ALLOWED } },
			],
			pools: [{ name: 'out', backends: [{ address: backend.address }] }],
		};
		const run = new SluiceProcess(t, ['run', '-c', configFile(t, config).path], { nofile: NOFILE });
		const port = await run.port('in');
		const sockets = silence(t, port);
		let most = 0;
		for (let i = 0; i < 20; i++) {
			const client = new EchoClient(t, port, '127.0.0.2');
			t.equal(await client.greeting(), 'one');
			await client.echo(`${i}`);
			client.close();
			await client.end();
			most = Math.max(most, descriptorsOf(run));
			await pass(20);
		}
		t.equal(sockets.filter(({ readyState }) => readyState === 'opening').length, 0, 'all have been accepted');
		t.ok(most < NOFILE - 100, `at most ${most} descriptors of ${NOFILE}`);
		t.notOk(
			run.lines.some(({ msg }) => msg === 'accepting pauses'),
			'it never ran out',
		);
	});
}
