import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import type { ConfigInput } from '../src/control/config/schema.ts';
import { HistoryStore } from '../src/control/history/store.ts';
import { startApp } from './support/app.ts';
import { EchoClient, echoBackend } from './support/backends.ts';

const config = (address: string, history: string | undefined): ConfigInput => ({
	workers: 1,
	admin: { bind: '127.0.0.1:0' },
	listeners: [{ name: 'game', bind: '127.0.0.1:0', routes: [{ to: ['main'] }] }],
	pools: [{ name: 'main', backends: [{ name: 'one', address }] }],
	...(history !== undefined && { history }),
});

test('a balancer that starts again has its past', async (t) => {
	const backend = await echoBackend(t, 'one');
	const path = join(t.testdir({}), 'history.db');
	const timeMs = Math.floor(Date.now() / 10_000) * 10_000 - 60_000;
	const values = { endedPerSecond: 1, uploadBytesPerSecond: 2, downloadBytesPerSecond: 3, queued: 0 };
	const earlier = new HistoryStore(path);
	earlier.write(
		['process', 'pool main'].map((series) => ({ series, timeMs, active: series.length, ...values })),
		Date.now(),
	);
	earlier.close();

	const { app, heard, reload } = await startApp(t, config(backend.address, path));
	const ask = async (query: string) => (await fetch(`http://${app.adminAddress}/history?${query}`)).json();
	const since = new Date(timeMs).toISOString();
	t.same(await ask(`since=${since}`), {
		kept: true,
		fault: null,
		series: 'process',
		stepMs: 10_000,
		points: [{ time: since, active: 7, ...values }],
	});
	t.match(await ask(`since=${since}&series=pool%20main`), { points: [{ active: 9 }] });
	t.match(await ask(''), { stepMs: 180_000, points: [{ active: 7 }] }, 'a whole day');
	t.match(await ask('since=yesterday'), { code: String });
	t.notOk(
		heard.events.some(({ msg }) => msg.startsWith('history')),
		'nothing to complain of',
	);
	await t.rejects(reload(config(backend.address, undefined)), /history: a change needs a restart/);
	await app.stop({ preStopMs: 0, drainMs: 0 });
	t.notOk(existsSync(`${path}-wal`), 'it was closed in good order');
	t.ok(statSync(path).size > 0);
});

test('a history that cannot be kept is told of, and sessions go on', async (t) => {
	const backend = await echoBackend(t, 'one');
	const path = join(t.testdir({}), 'missing', 'history.db');
	const { app, heard, port } = await startApp(t, config(backend.address, path));
	t.match(await heard.event('history not kept'), { fields: { file: path, reason: /unable to open/ } });
	const client = new EchoClient(t, port());
	t.equal(await client.greeting(), 'one');
	t.match(await app.operations.history({ series: 'process', since: undefined }), {
		kept: true,
		fault: /unable to open/,
		points: [],
	});
});

test('SQLite in the runtime warns of nothing', (t) => {
	const store = new URL('../src/control/history/store.ts', import.meta.url);
	const program = `const { HistoryStore } = await import(${JSON.stringify(store.href)}); new HistoryStore(':memory:').close();`;
	const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
		encoding: 'utf8',
		cwd: fileURLToPath(new URL('..', import.meta.url)),
		env: { PATH: process.env.PATH },
	});
	t.same([status, stderr], [0, '']);
	t.end();
});
