import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import t from 'tap';
import { EchoClient, echoBackend } from '../support/backends.ts';
import { untilRefused } from '../support/refused.ts';
import { configFile, SluiceProcess, sluice } from '../support/sluice-process.ts';

/** One listener in front of one pool. */
const config = (backends: Record<string, string>, more: object = {}, listener: object = {}) => ({
	workers: 2,
	drain: '10s',
	...more,
	listeners: [{ name: 'game', bind: '127.0.0.1:0', routes: [{ to: ['main'] }], ...listener }],
	pools: [{ name: 'main', backends: Object.entries(backends).map(([name, address]) => ({ name, address })) }],
});

t.test('it serves, logs each session, and ends with 0 after SIGTERM', async (t) => {
	const backend = await echoBackend(t, 'one');
	const run = new SluiceProcess(t, ['run', '-c', configFile(t, config({ one: backend.address })).path]);
	const port = await run.port('game');
	const client = new EchoClient(t, port);
	t.equal(await client.greeting(), 'one');
	await client.echo('hello');
	client.close();
	const record = await run.line('session');
	t.match(record, {
		listener: 'game',
		peer: /^127\.0\.0\.1:\d+$/,
		client: /^127\.0\.0\.1:\d+$/,
		country: null,
		route: '1',
		pool: 'main',
		backend: 'one',
		attempts: 1,
		uploadBytes: 6,
		downloadBytes: 10,
		outcome: 'completed',
	});
	run.kill('SIGTERM');
	t.match(await run.finished, { code: 0, signal: null, stderr: '' });
	t.ok(run.lines.some((line) => line.msg === 'stopped'));
});

t.test('an address in use: exit 2 and a message in words', async (t) => {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.teardown(() => server.close());
	const { port } = server.address() as AddressInfo;
	const { path } = configFile(t, config({ one: '127.0.0.1:9' }, {}, { bind: `127.0.0.1:${port}` }));
	t.match(await sluice(t, 'run', '-c', path), {
		code: 2,
		stderr: `listener game: cannot bind 127.0.0.1:${port}: address in use\n`,
		stdout: '',
	});
});

t.test('a second instance on the same address fails, the first goes on', async (t) => {
	const backend = await echoBackend(t, 'one');
	const first = new SluiceProcess(t, ['run', '-c', configFile(t, config({ one: backend.address })).path]);
	const port = await first.port('game');
	const second = configFile(t, config({ one: backend.address }, {}, { bind: `127.0.0.1:${port}` }));
	const { code, stderr } = await sluice(t, 'run', '-c', second.path);
	t.equal(code, 2);
	t.match(stderr, /address in use/);
	t.equal(await new EchoClient(t, port).greeting(), 'one');
});

t.test('SIGTERM lets a session go on for the drain time, and takes no new ones', async (t) => {
	const backend = await echoBackend(t, 'one');
	const run = new SluiceProcess(t, ['run', '-c', configFile(t, config({ one: backend.address })).path]);
	const port = await run.port('game');
	const client = new EchoClient(t, port);
	await client.greeting();
	run.kill('SIGTERM');
	await run.line('stopping');
	await untilRefused(port);
	await client.echo('still here');
	const peer = `127.0.0.1:${client.socket.localPort}`;
	client.close();
	t.match(await run.finished, { code: 0 });
	t.match(
		run.lines.find((line) => line.msg === 'session' && line.peer === peer),
		{ outcome: 'completed' },
		'whatever became of those who looked whether it still accepts',
	);
});

t.test('what is left when the drain time is over is closed with outcome shutdown', async (t) => {
	const backend = await echoBackend(t, 'one');
	const run = new SluiceProcess(t, [
		'run',
		'-c',
		configFile(t, config({ one: backend.address }, { drain: '50ms' })).path,
	]);
	const client = new EchoClient(t, await run.port('game'));
	await client.greeting();
	run.kill('SIGINT');
	await client.end();
	t.match(await run.finished, { code: 0 });
	t.match(
		run.lines.find((line) => line.msg === 'session'),
		{ outcome: 'shutdown' },
	);
});

t.test('a second signal closes at once', async (t) => {
	const backend = await echoBackend(t, 'one');
	const slow = config({ one: backend.address }, { drain: '10m', preStop: '10m' });
	const run = new SluiceProcess(t, ['run', '-c', configFile(t, slow).path]);
	const client = new EchoClient(t, await run.port('game'));
	await client.greeting();
	run.kill('SIGTERM');
	await run.line('stopping');
	await client.echo('not yet');
	run.kill('SIGTERM');
	await client.end();
	t.match(await run.finished, { code: 0 });
	t.match(
		run.lines.find((line) => line.msg === 'session'),
		{ outcome: 'shutdown' },
	);
});
