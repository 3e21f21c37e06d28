import t from 'tap';
import { parseConfigObject } from '../src/control/config/load.ts';
import { startEcho } from './support/echo.ts';
import { answers, mixedConfig, onNode, plain, startMixed, WORKERS } from './support/mixed.ts';
import { dial } from './support/peers.ts';

const ON_NODE = 'engine node for this listener';

t.test('a listener that needs the node engine runs there, on workers of its own, and that is told', async (t) => {
	const backend = await startEcho(t);
	const config = mixedConfig([plain('plain'), onNode('secure')], { backends: [{ address: backend.address }] });
	const { app, heard, address, reload } = await startMixed(t, config);
	t.equal(app.engine, 'epoll');
	t.equal(app.workers.length, 2 * WORKERS);
	const told = heard.events.map(({ msg, fields }) => [msg, fields.listener, fields.engine, fields.workers]);
	t.strictSame(told, [
		[ON_NODE, 'secure', undefined, undefined],
		['listening', 'plain', 'epoll', WORKERS],
		['listening', 'secure', 'node', WORKERS],
	]);
	t.match(heard.events[0]?.fields, { reason: 'speaks TLS to backends' });
	for (const listener of ['plain', 'secure']) await answers(await dial(t, address(listener)));
	await reload(config);
	t.equal(heard.events.filter(({ msg }) => msg === ON_NODE).length, 1, 'once');
});

t.test('where the node engine is asked for there is one kind of workers, whatever listeners need', async (t) => {
	const backend = await startEcho(t);
	const listeners = [plain('plain'), onNode('secure')];
	const config = mixedConfig(listeners, { backends: [{ address: backend.address }] }, { engine: 'node' });
	const { app, heard, address, reload } = await startMixed(t, config);
	await reload(config);
	t.equal(app.engine, 'node');
	t.equal(app.workers.length, WORKERS);
	t.notOk(heard.events.some(({ msg }) => msg === ON_NODE));
	for (const listener of ['plain', 'secure']) await answers(await dial(t, address(listener)));
});

t.test(
	'where something runs on node, the whole process cannot have clients wait in the queue of the kernel',
	async (t) => {
		const limits = { maxConnections: 5, overflow: 'wait' } as const;
		const pool = { backends: [{ address: '127.0.0.1:9' }] };
		t.doesNotThrow(() => parseConfigObject(mixedConfig([plain('a', limits)], pool, { limits })));
		const why = 'it routes to pool secret, which has tls';
		const faults = [
			`configuration: limits.overflow: wait needs the epoll engine; the node engine serves listener b: ${why}`,
			`configuration: listeners[1].overflow: wait needs the epoll engine; here the node engine serves: ${why}`,
		];
		t.throws(() => parseConfigObject(mixedConfig([plain('a'), onNode('b', limits)], pool, { limits })), {
			message: faults.join('\n'),
		});
	},
);
