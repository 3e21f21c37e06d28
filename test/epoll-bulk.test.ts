import t from 'tap';
import { startApp } from './support/app.ts';
import { receiveBulk, sendBulk } from './support/bulk.ts';
import { startBackend } from './support/echo.ts';
import { dial } from './support/peers.ts';

const SESSIONS = 8;
/** Each way and session: a gibibyte in all. */
const BYTES = 2 ** 30 / SESSIONS / 2;

t.test('a gibibyte both ways through two workers arrives whole and in order', async (t) => {
	const server: Promise<readonly [sent: number, got: { bytes: number; sum: number }]>[] = [];
	const backend = await startBackend(t, {
		onClient: (socket) => server.push(Promise.all([sendBulk(socket, BYTES), receiveBulk(socket)])),
	});
	const { app, heard, port } = await startApp(t, {
		engine: 'epoll',
		workers: 2,
		listeners: [{ name: 'in', bind: '127.0.0.1:0', routes: [{ to: ['out'] }] }],
		pools: [{ name: 'out', health: { active: 'off' }, backends: [{ address: backend.address }] }],
	});
	t.equal(app.engine, 'epoll');
	const clients = await Promise.all(
		Array.from({ length: SESSIONS }, async () => {
			const { socket } = await dial(t, `127.0.0.1:${port()}`, { paused: true });
			return Promise.all([sendBulk(socket, BYTES), receiveBulk(socket)] as const);
		}),
	);
	const servers = await Promise.all(server);
	t.equal(servers.length, SESSIONS);
	const [sum] = clients[0] ?? [];
	for (const [sent, got] of [...clients, ...servers]) t.same([sent, got], [sum, { bytes: BYTES, sum }]);
	await heard.until(() => (heard.records.length === SESSIONS ? true : undefined));
	for (const record of heard.records) {
		t.match(record, { outcome: 'completed', uploadBytes: BYTES, downloadBytes: BYTES });
	}
});
