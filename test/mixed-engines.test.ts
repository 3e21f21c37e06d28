import t from 'tap';
import { App } from '../src/app.ts';
import { parseConfigObject } from '../src/control/config/load.ts';
import { Heard } from './support/app.ts';
import { startEcho } from './support/echo.ts';
import { answers, listenerAt, mixedConfig, needing, startMixed, WORKERS } from './support/mixed.ts';
import { dial } from './support/peers.ts';

const ON_NODE = 'engine node for this listener';

t.test('a listener that needs the node engine runs there, on workers of its own, and that is told', async (t) => {
	const backend = await startEcho(t);
	const config = mixedConfig(['plain', 'secure'], { backends: [{ address: backend.address }] });
	const { app, heard, address } = await startMixed(t, config, ['secure']);
	t.equal(app.engine, 'epoll');
	t.equal(app.workers.length, 2 * WORKERS);
	const told = heard.events.map(({ msg, fields }) => [msg, fields.listener, fields.engine, fields.workers]);
	t.strictSame(told, [
		[ON_NODE, 'secure', undefined, undefined],
		['listening', 'plain', 'epoll', WORKERS],
		['listening', 'secure', 'node', WORKERS],
	]);
	for (const listener of ['plain', 'secure']) await answers(await dial(t, address(listener)));
});

t.test('where the node engine is asked for there is one kind of workers, whatever listeners need', async (t) => {
	const backend = await startEcho(t);
	const backends = [{ address: backend.address }];
	const config = mixedConfig(['plain', 'secure'], { backends }, { engine: 'node' });
	const { app, heard, address, reload } = await startMixed(t, config, ['secure']);
	await reload(config);
	t.equal(app.engine, 'node');
	t.equal(app.workers.length, WORKERS);
	t.notOk(heard.events.some(({ msg }) => msg === ON_NODE));
	for (const listener of ['plain', 'secure']) await answers(await dial(t, address(listener)));
});

t.test(
	'what shall wait in the queue of the kernel cannot run on node: refused at the start and by a reload',
	async (t) => {
		const backend = await startEcho(t);
		const backends = [{ address: backend.address }];
		const wait = { maxConnections: 5, overflow: 'wait' } as const;
		const bad = mixedConfig([listenerAt('plain', wait), listenerAt('secure', wait)], { backends }, { limits: wait });
		const reasons = [
			'limits: overflow: wait needs the epoll engine, and listener secure runs on node: it speaks TLS to backends',
			'listener secure: overflow: wait needs the epoll engine, and this listener runs on node: it speaks TLS to backends',
		];
		const heard = new Heard();
		const retouch: NonNullable<Parameters<typeof App.start>[1]['retouch']> = (snapshot) =>
			needing(new Set(['secure']), snapshot);
		const start = App.start(parseConfigObject(bad), { log: heard.log, onFatal: () => {}, retouch });
		await t.rejects(start, { code: 'needs-epoll', exitCode: 1, message: reasons.join('\n') });
		const good = mixedConfig([listenerAt('plain', wait), 'secure'], { backends });
		const { app, address, reload, heard: running } = await startMixed(t, good, ['secure']);
		for (let i = 0; i < 10; i++) await t.rejects(reload(bad), { code: 'needs-epoll' });
		t.equal(running.events.filter(({ msg }) => msg === 'reloaded').length, 0);
		for (const listener of ['plain', 'secure']) await answers(await dial(t, address(listener)));
		await reload(good);
		t.equal(app.workers.length, 2 * WORKERS, 'and the next good one is taken');
	},
);
