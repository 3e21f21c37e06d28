import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { EchoClient, echoBackend } from '../support/backends.ts';
import { untilRefused } from '../support/refused.ts';
import { configFile, SluiceProcess } from '../support/sluice-process.ts';

/** One listener in front of one pool. */
const config = (backends: Record<string, string>, more: object = {}, listener: object = {}) => ({
	workers: 2,
	drain: '10s',
	...more,
	listeners: [{ name: 'game', bind: '127.0.0.1:0', routes: [{ to: ['main'] }], ...listener }],
	pools: [{ name: 'main', backends: Object.entries(backends).map(([name, address]) => ({ name, address })) }],
});

t.test('SIGHUP puts the file in force, leaves live sessions alone and tells what changed', async (t) => {
	const [one, two] = [await echoBackend(t, 'one'), await echoBackend(t, 'two')];
	const file = configFile(t, config({ one: one.address }));
	const run = new SluiceProcess(t, ['run', '-c', file.path]);
	const port = await run.port('game');
	const old = new EchoClient(t, port);
	t.equal(await old.greeting(), 'one');
	file.write(config({ two: two.address }));
	run.kill('SIGHUP');
	t.match(await run.line('reloaded'), { backends: '+main/two -main/one' });
	t.equal(await new EchoClient(t, port).greeting(), 'two');
	await old.echo('still on one');
});

t.test('sessions on a removed backend end when the drain time is over', async (t) => {
	const [one, two] = [await echoBackend(t, 'one'), await echoBackend(t, 'two')];
	const file = configFile(t, config({ one: one.address }, { drain: '50ms' }));
	const run = new SluiceProcess(t, ['run', '-c', file.path]);
	const client = new EchoClient(t, await run.port('game'));
	await client.greeting();
	file.write(config({ two: two.address }, { drain: '50ms' }));
	run.kill('SIGHUP');
	await client.end();
	t.match(await run.line('session'), { outcome: 'drained', backend: 'one' });
});

t.test('a reload that cannot be is refused, logged, and changes nothing', async (t) => {
	const backend = await echoBackend(t, 'one');
	const occupied = createServer().listen(0, '127.0.0.1');
	await once(occupied, 'listening');
	t.teardown(() => occupied.close());
	const taken = `127.0.0.1:${(occupied.address() as AddressInfo).port}`;
	const good = config({ one: backend.address });
	const file = configFile(t, good);
	const run = new SluiceProcess(t, ['run', '-c', file.path]);
	const port = await run.port('game');
	for (const [next, reason] of [
		['listeners: 5', /expected a list|must|expected/],
		[{ ...good, workers: 3 }, /^workers: a change needs a restart; nothing was changed$/],
		[
			config({ one: backend.address }, {}, { bind: ['127.0.0.1:0', taken] }),
			`listener game: cannot bind ${taken}: address in use`,
		],
	] as const) {
		file.write(next);
		run.kill('SIGHUP');
		await run.line('reload refused', (line) =>
			typeof reason === 'string' ? line.reason === reason : reason.test(String(line.reason)),
		);
		t.equal(await new EchoClient(t, port).greeting(), 'one', String(reason));
	}
	file.write(good);
	run.kill('SIGHUP');
	t.match(await run.line('reloaded'), { summary: 'no changes' });
});

t.test('an added address is listened on, a removed one no more', async (t) => {
	const backend = await echoBackend(t, 'one');
	const file = configFile(t, config({ one: backend.address }));
	const run = new SluiceProcess(t, ['run', '-c', file.path]);
	const port = await run.port('game');
	const client = new EchoClient(t, port);
	await client.greeting();
	file.write(config({ one: backend.address }, {}, { name: 'chat', bind: '127.0.0.2:0' }));
	run.kill('SIGHUP');
	const added = await run.line('listening', (line) => line.listener === 'chat');
	t.match(added, { address: /^127\.0\.0\.2:\d+$/ });
	await untilRefused(port);
	await client.echo('goes on');
});

t.test('SIGUSR1 opens no inspector, to which any local user might attach', async (t) => {
	const backend = await echoBackend(t, 'one');
	const run = new SluiceProcess(t, ['run', '-c', configFile(t, config({ one: backend.address })).path]);
	const port = await run.port('game');
	for (let round = 0; round < 5; round++) {
		run.kill('SIGUSR1');
		t.equal(await new EchoClient(t, port).greeting(), 'one');
	}
	run.kill('SIGTERM');
	t.match(await run.finished, { code: 0, stderr: '' });
});

t.test('a fault of ours ends the process with 70 and is logged', async (t) => {
	const entry = fileURLToPath(new URL('../support/faulty.ts', import.meta.url));
	const { path } = configFile(t, config({ one: '127.0.0.1:9' }));
	for (const [fault, reason] of [
		['throw', /planted fault/],
		['reject', /planted rejection/],
	] as const) {
		const run = new SluiceProcess(t, [path, fault], { entry });
		t.match(await run.finished, { code: 70 });
		t.match(
			run.lines.find((line) => line.msg === 'internal fault'),
			{ level: 'error', reason },
		);
	}
});
