import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { test } from 'tap';
import { METRICS } from '../src/control/metrics/names.ts';
import { startApp } from './support/app.ts';
import { EchoClient, echoBackend } from './support/backends.ts';

test('promtool accepts the text of /metrics, and it has every metric there is', async (t) => {
	const backend = await echoBackend(t, 'one');
	const shaped = { upload: '10Mbit/s', download: '10Mbit/s' } as const;
	const { app, port } = await startApp(t, {
		workers: 1,
		limits: { maxConnections: 100 },
		admin: { bind: '127.0.0.1:0' },
		geo: { regions: { eu: { continents: ['europe'] } } },
		listeners: [{ name: 'game', bind: '127.0.0.1:0', perClient: { maxConnections: 10 }, routes: [{ to: ['main'] }] }],
		pools: [{ name: 'main', ...shaped, backends: [{ name: 'one', address: backend.address, maxConnections: 10 }] }],
	});
	const client = new EchoClient(t, port());
	t.equal(await client.greeting(), 'one');
	const answer = await fetch(`http://${app.adminAddress}/metrics`);
	const text = await answer.text();
	t.equal(answer.status, 200);
	t.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
	const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
	t.same([status, stdout, stderr], [0, '', ''], 'without a remark');
	for (const name of Object.keys(METRICS)) t.match(text, new RegExp(`^${name}(_count)?[ {]`, 'm'), name);
	const { version } = createRequire(import.meta.url)('geoip-lite/package.json');
	t.ok(text.includes(`sluice_geo_database_info{database="embedded",version="${version}"} 1\n`), 'with its version');
	client.socket.destroy();
});
