import { test } from 'tap';
import { eventually, startApp } from './support/app.ts';
import { EchoClient, echoBackend } from './support/backends.ts';

test('the share of sessions that a bucket holds back is told', async (t) => {
	const backend = await echoBackend(t, 'one');
	const shaping = { upload: { connection: { rate: '8kbit/s', burst: '1KiB' } } };
	const { app, port } = await startApp(t, {
		workers: 1,
		listeners: [{ name: 'game', bind: '127.0.0.1:0', shaping, routes: [{ to: ['eu'] }] }],
		pools: [{ name: 'eu', backends: [{ name: 'one', address: backend.address }] }],
	});
	const [busy, quiet] = [new EchoClient(t, port()), new EchoClient(t, port())];
	await Promise.all([busy.greeting(), quiet.greeting()]);
	busy.socket.write(Buffer.alloc(100_000));
	await eventually(() => app.operations.status().throttledShare === 0.5);
	busy.socket.destroy();
	quiet.socket.destroy();
	await eventually(() => app.operations.status().throttledShare === 0);
	t.equal(app.operations.status().throttledShare, 0);
});
