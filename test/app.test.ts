import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import t from 'tap';
import { App } from '../src/app.ts';
import { parseConfigObject } from '../src/control/config/load.ts';
import type { ConfigInput } from '../src/control/config/schema.ts';
import { eventually, Heard, startApp } from './support/app.ts';
import { EchoClient, echoBackend } from './support/backends.ts';

type Listener = Partial<ConfigInput['listeners'][number]>;

const config = (address: string, more: Partial<ConfigInput> = {}, listener: Listener = {}): ConfigInput => ({
	workers: 2,
	listeners: [{ name: 'game', bind: '127.0.0.1:0', routes: [{ to: ['main'] }], ...listener }],
	pools: [{ name: 'main', backends: [{ name: 'one', address }] }],
	...more,
});

t.test('a worker that dies is replaced, the others serve on, and what it held is given back', async (t) => {
	const backend = await echoBackend(t, 'one');
	const limits = { maxConnections: 40 };
	const { app, heard, port } = await startApp(t, config(backend.address, { limits }));
	const clients = Array.from({ length: 40 }, () => new EchoClient(t, port()));
	await Promise.all(clients.map((client) => client.greeting()));
	t.equal(app.held.zero, false);
	const [victim] = app.workers;
	await victim?.terminate();
	const { fields } = await heard.event('worker died');
	t.match(fields, { worker: 0, sessionsLost: Number });
	const replaced = heard.event('worker replaced');
	await Promise.all(clients.map((client) => Promise.race([client.end(), client.echo('alive').catch(() => {})])));
	const alive = clients.filter((client) => client.ended === 'no');
	t.ok(alive.length > 0 && alive.length < 40, `${alive.length} of 40 sessions were on the other worker`);
	t.equal(fields.sessionsLost, 40 - alive.length, 'what leaves no records is counted');
	await replaced;
	t.equal(app.workers.length, 2);
	const again = Array.from({ length: 40 - alive.length }, () => new EchoClient(t, port()));
	await Promise.all(again.map((client) => client.greeting()));
	t.pass('every place it held can be taken again');
	for (const client of [...alive, ...again]) client.close();
	await eventually(() => app.held.zero);
	t.strictSame(app.held.faults, []);
});

t.test('workers that die while sessions come and go leave nothing held', async (t) => {
	const backend = await echoBackend(t, 'one');
	const { app, heard, port } = await startApp(t, config(backend.address));
	const done = new AbortController();
	const clients = Array.from({ length: 8 }, async () => {
		while (!done.signal.aborted) {
			const client = new EchoClient(t, port());
			await client.greeting().catch(() => {});
			client.socket.destroy();
		}
	});
	for (let round = 1; round <= 3; round++) {
		await app.workers[round % 2]?.terminate();
		await heard.until(() =>
			heard.events.filter((event) => event.msg === 'worker replaced').length >= round ? true : undefined,
		);
	}
	done.abort();
	await Promise.all(clients);
	await eventually(() => app.held.zero);
	t.strictSame(app.held.faults, []);
	t.equal(await new EchoClient(t, port()).greeting(), 'one');
});

t.test('an address in use fails the start and leaves nothing behind', async (t) => {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.teardown(() => server.close());
	const taken = `127.0.0.1:${(server.address() as AddressInfo).port}`;
	const heard = new Heard();
	const parsed = parseConfigObject(config('127.0.0.1:9', {}, { bind: ['127.0.0.1:0', taken] }));
	await t.rejects(App.start(parsed, { log: heard.log, onFatal: () => {} }), {
		message: `listener game: cannot bind ${taken}: address in use`,
		exitCode: 2,
	});
	t.strictSame(heard.events, []);
});

t.test('without SO_REUSEPORT there is one worker, and a log line that says so', async (t) => {
	const backend = await echoBackend(t, 'one');
	const { app, heard, port } = await startApp(t, config(backend.address), { reusePort: false });
	t.equal(app.workers.length, 1);
	t.match(heard.events[0], { level: 'warn', msg: /one worker/ });
	t.equal(await new EchoClient(t, port()).greeting(), 'one');
});

t.test('a unix socket is served by one worker alone, and a log line says so', async (t) => {
	const backend = await echoBackend(t, 'one');
	const path = `/tmp/sluice-${process.pid}.sock`;
	const { heard } = await startApp(t, config(backend.address, {}, { bind: `unix:${path}` }));
	t.match(await heard.event('listening'), { fields: { listener: 'game', address: `unix:${path}`, workers: 1 } });
	await heard.event('a unix socket is served by one worker alone');
});

t.test('reloads asked for at once are done one after the other, the last one stays', async (t) => {
	const [one, two] = [await echoBackend(t, 'one'), await echoBackend(t, 'two')];
	const { heard, port, reload } = await startApp(t, config(one.address));
	await Promise.all([reload(config(two.address)), reload(config(one.address)), reload(config(two.address))]);
	t.equal(await new EchoClient(t, port()).greeting(), 'two');
	const reloads = heard.events.filter((event) => event.msg === 'reloaded');
	t.strictSame(
		reloads.map((event) => event.fields.snapshot),
		[2, 3, 4],
	);
});

t.test('with eight snapshots in use the next reload waits for one to be let go', async (t) => {
	const backend = await echoBackend(t, 'one');
	const access = { deny: { networks: ['127.0.0.0/8'] }, action: 'tarpit' as const, holdFor: '10m' };
	const held = config(backend.address, { limits: { maxConnections: 10_000 } }, { access });
	const { app, heard, port, reload } = await startApp(t, held);
	const clients: EchoClient[] = [];
	for (let snapshot = 1; snapshot <= 7; snapshot++) {
		clients.push(new EchoClient(t, port()));
		await eventually(() => app.sessions === snapshot);
		await reload(held);
	}
	const ninth = reload(held);
	t.match(await heard.event('a change waits: sessions that are not relayed yet hold too many older snapshots'), {
		level: 'warn',
		fields: { inUse: 8 },
	});
	const served = await echoBackend(t, 'two');
	const tenth = reload(config(served.address));
	clients.push(new EchoClient(t, port()), new EchoClient(t, port()));
	await eventually(() => app.sessions === 9);
	clients[3]?.socket.resetAndDestroy();
	t.equal(heard.events.filter((event) => event.msg === 'reloaded').length, 7, 'number nine is not done yet');
	await ninth;
	t.pass('and goes on when one was');
	clients[4]?.socket.resetAndDestroy();
	await tenth;
	t.equal(await new EchoClient(t, port()).greeting(), 'two');
});

t.test('a name that gets another address is followed, and its sessions on the old one are drained', async (t) => {
	const one = await echoBackend(t, 'one');
	const other = createServer((socket) => socket.on('error', () => {}).end('two\n')).listen(
		Number(one.address.split(':')[1]),
		'127.0.0.2',
	);
	await once(other, 'listening');
	t.teardown(() => other.close());
	let answer = ['127.0.0.1'];
	const named = config('', {
		drain: '20ms',
		pools: [{ name: 'main', resolve: '1s', backends: [{ address: `game.test:${one.address.split(':')[1]}` }] }],
	});
	const { heard, port } = await startApp(t, named, { lookup: async () => answer });
	const client = new EchoClient(t, port());
	t.equal(await client.greeting(), 'one');
	answer = ['127.0.0.2'];
	await heard.event('names changed');
	t.equal(await new EchoClient(t, port()).greeting(), 'two');
	await client.end();
	await heard.until(() => heard.records.find((record) => record.outcome === 'drained'));
	t.pass();
});

t.test('a name that cannot be looked up is told, and its pool is down until it can', async (t) => {
	const one = await echoBackend(t, 'one');
	let answer: string[] = [];
	const named = config('', {
		pools: [{ name: 'main', resolve: '1s', backends: [{ address: `game.test:${one.address.split(':')[1]}` }] }],
	});
	const { heard, port } = await startApp(t, named, { lookup: async () => answer });
	t.match(await heard.event('cannot look up a name'), { fields: { host: 'game.test', reason: 'no address' } });
	await new EchoClient(t, port()).end();
	t.match(await heard.until(() => heard.records[0]), { outcome: 'pool-down' });
	answer = ['127.0.0.1'];
	await heard.event('names changed');
	t.equal(await new EchoClient(t, port()).greeting(), 'one');
});
