import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { App } from '../src/app.ts';
import { parseConfigObject } from '../src/control/config/load.ts';
import { Log } from '../src/control/log.ts';
import { EchoClient, echoBackend } from './support/backends.ts';

const STUCK = 100;

const ask = (socketPath: string, path: string): Promise<number> =>
	new Promise((resolve, reject) => {
		const sent = request({ socketPath, path, agent: false }, (answer) => {
			answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
		});
		sent.on('error', reject).end();
	});

/** Asks for the metrics again and again, and reads nothing of the answers. */
function stuckScraper(path: string): Socket {
	const socket = connect({ path }).pause();
	socket.on('error', () => {});
	for (let times = 0; times < 50; times++) socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
	return socket;
}

t.test('scrapers that are stuck and dashboards left open change nothing for sessions', async (t) => {
	const folder = mkdtempSync(join(tmpdir(), 'stuck-'));
	const path = join(folder, 's');
	const backend = await echoBackend(t, 'one');
	const log = new Log({ output: null, onLog: null, onRecord: null }, 'error');
	const config = parseConfigObject({
		workers: 2,
		admin: { bind: `unix:${path}` },
		listeners: [{ name: 'in', bind: '127.0.0.1:0', routes: [{ to: ['main'] }] }],
		pools: [{ name: 'main', health: { active: 'off' }, backends: [{ address: backend.address }] }],
	});
	const app = await App.start(config, {
		log,
		onFatal: (reason) => {
			throw new Error(reason);
		},
	});
	const sockets: Socket[] = [];
	t.teardown(async () => {
		for (const socket of sockets) socket.destroy();
		await app.stop({ preStopMs: 0, drainMs: 0 });
		rmSync(folder, { recursive: true });
	});
	const port = Number(app.addresses[0]?.address.split(':').at(-1));
	const old = new EchoClient(t, port);
	await old.greeting();
	for (let count = 0; count < STUCK; count++) sockets.push(stuckScraper(path));
	const open = setInterval(() => {
		void ask(path, '/overview?after=0').catch(() => {});
	}, 50);
	t.teardown(() => clearInterval(open));
	const before = process.memoryUsage.rss();
	for (let round = 0; round < 20; round++) {
		await old.echo(`still there ${round}`);
		t.equal(await new EchoClient(t, port).greeting(), 'one');
	}
	t.equal(await ask(path, '/livez').catch(() => 0), 200, 'who reads is answered');
	const grown = process.memoryUsage.rss() - before;
	t.ok(grown < 200 * 2 ** 20, `${(grown / 2 ** 20).toFixed(0)} MiB more: what is not read is bounded`);
});
