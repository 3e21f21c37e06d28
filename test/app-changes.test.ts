import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import t from 'tap';
import { App } from '../src/app.ts';
import { parseConfigObject } from '../src/control/config/load.ts';
import type { ConfigInput } from '../src/control/config/schema.ts';
import { Heard, startApp } from './support/app.ts';
import { EchoClient, echoBackend } from './support/backends.ts';
import { socketFolder } from './support/net-ports.ts';

type Listener = Partial<ConfigInput['listeners'][number]>;

const config = (address: string, more: Partial<ConfigInput> = {}, listener: Listener = {}): ConfigInput => ({
	workers: 2,
	listeners: [{ name: 'game', bind: '127.0.0.1:0', routes: [{ to: ['main'] }], ...listener }],
	pools: [{ name: 'main', backends: [{ name: 'one', address }] }],
	...more,
});

t.test('an address gives way to a wider one on its port, and back, whatever the engine and the workers', async (t) => {
	const backend = await echoBackend(t, 'one');
	for (const [engine, workers] of [
		['node', 1],
		['node', 2],
		['auto', 1],
		['auto', 2],
	] as const) {
		const { port, reload } = await startApp(t, config(backend.address, { engine, workers }));
		const first = port();
		for (const host of ['0.0.0.0', '127.0.0.1', '[::]', '127.0.0.1']) {
			await reload(config(backend.address, { engine, workers }, { bind: `${host}:${first}` }));
			t.equal(await new EchoClient(t, first).greeting(), 'one', `${engine}, ${workers}, ${host}`);
		}
	}
});

t.test('a replaced worker that cannot listen again tries until it can, and both are told', async (t) => {
	const backend = await echoBackend(t, 'one');
	const path = socketFolder(t)('game.sock');
	const { app, heard } = await startApp(t, config(backend.address, { engine: 'node' }, { bind: `unix:${path}` }));
	await app.workers[0]?.terminate();
	rmSync(path, { force: true });
	// Something stands in the way just then.
	mkdirSync(path);
	t.match(await heard.event('cannot listen'), {
		fields: { worker: 0, reason: `listener game: cannot bind unix:${path}: address in use` },
	});
	rmSync(path, { recursive: true });
	await heard.event('listening', ({ fields }) => fields.worker === 0);
	const client = connect({ path });
	const [greeting] = await once(client.setEncoding('utf8'), 'data');
	t.equal(greeting, 'one\n');
	client.destroy();
});

t.test('names that do not answer keep a start waiting for two seconds and not longer', async (t) => {
	const one = await echoBackend(t, 'one');
	const late = Promise.withResolvers<readonly string[]>();
	const port = one.address.split(':')[1];
	const backends = [{ address: `slow.test:${port}` }];
	const { heard, port: listening } = await startApp(t, config('', { pools: [{ name: 'main', backends }] }), {
		lookup: () => late.promise,
	});
	t.match(heard.events[0], {
		msg: 'cannot look up a name',
		fields: { host: 'slow.test', reason: /^no answer within/ },
	});
	late.resolve(['127.0.0.1']);
	await heard.event('names changed');
	t.equal(await new EchoClient(t, listening()).greeting(), 'one');
});

t.test('a start that is cancelled leaves nothing behind', async (t) => {
	const path = socketFolder(t)('game.sock');
	const pools = [{ name: 'main', backends: [{ address: 'slow.test:7000' }] }];
	for (const later of [false, true]) {
		const cancel = new AbortController();
		const parsed = parseConfigObject(config('', { pools }, { bind: `unix:${path}` }));
		const lookup = (): Promise<readonly string[]> => {
			if (later) setImmediate(() => cancel.abort());
			else cancel.abort();
			return later ? Promise.resolve(['127.0.0.1']) : new Promise(() => {});
		};
		const heard = new Heard();
		const starting = App.start(parsed, { log: heard.log, onFatal: () => {}, lookup, cancel: cancel.signal });
		await t.rejects(starting, { code: 'cancelled' });
		t.notOk(existsSync(path));
	}
});

t.test('reloads that replace the only backend of a pool refuse nobody', async (t) => {
	const backends = await Promise.all(['one', 'two'].map((name) => echoBackend(t, name)));
	for (const active of ['off', { interval: '1s' }] as const) {
		const to = (turn: number): ConfigInput => {
			const { name, address } = backends[turn % 2] ?? { name: '', address: '' };
			return config('', { pools: [{ name: 'main', health: { active }, backends: [{ name, address }] }] });
		};
		const { heard, port, reload } = await startApp(t, to(0));
		const done = new AbortController();
		const refused: unknown[] = [];
		const clients = Array.from({ length: 10 }, async () => {
			while (!done.signal.aborted) {
				const client = new EchoClient(t, port());
				await client.greeting().catch((error) => refused.push(error));
				client.close();
				await client.end();
			}
		});
		for (let turn = 1; turn <= 30; turn++) await reload(to(turn));
		done.abort();
		await Promise.all(clients);
		t.strictSame(refused, [], `active: ${JSON.stringify(active)}`);
		t.strictSame(
			heard.records.filter(({ outcome }) => outcome !== 'completed' && outcome !== 'drained'),
			[],
		);
	}
});
