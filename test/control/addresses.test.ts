import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import t from 'tap';
import { AddressBook } from '../../src/control/addresses.ts';
import { bindKey } from '../../src/control/config/compile.ts';
import { parseConfigObject } from '../../src/control/config/load.ts';
import type { Config } from '../../src/control/config/schema.ts';
import { bindFailure } from '../../src/core/bind-failure.ts';

/** A configuration with these listeners. */
const config = (binds: Record<string, string | string[]>): Config =>
	parseConfigObject({
		listeners: Object.entries(binds).map(([name, bind]) => ({ name, bind, routes: [{ to: ['main'] }] })),
		pools: [{ name: 'main', backends: [{ address: '127.0.0.1:9' }] }],
	});

const ANY = { type: 'tcp', host: '127.0.0.1', port: 0 } as const;

t.test('port 0 gets a real port, which the listener keeps over reloads', async (t) => {
	const book = new AddressBook();
	const plan = await book.plan(config({ game: '127.0.0.1:0' }));
	const port = plan.ports.get(bindKey('game', ANY));
	t.ok(port !== undefined && port > 0);
	t.strictSame(book.listening, [], 'not before it is adopted');
	t.strictSame(book.adopt(plan), [{ listener: 'game', address: `127.0.0.1:${port}` }]);
	const next = await book.plan(config({ game: '127.0.0.1:0', chat: '127.0.0.1:0' }));
	t.equal(next.ports.get(bindKey('game', ANY)), port);
	t.not(next.ports.get(bindKey('chat', ANY)), port);
	t.match(book.adopt(next), [{ listener: 'chat' }], 'only what is new is told');
});

t.test('an address that is ours is not asked for again, one that is not must be free', async (t) => {
	const server = createServer();
	const book = new AddressBook();
	const plan = await book.plan(config({ game: '127.0.0.1:0' }));
	book.adopt(plan);
	const port = plan.ports.get(bindKey('game', ANY)) ?? 0;
	server.listen(port, '127.0.0.1');
	await once(server, 'listening');
	t.teardown(() => server.close());
	t.equal((await book.plan(config({ game: '127.0.0.1:0' }))).ports.get(bindKey('game', ANY)), port);
	await t.rejects(
		book
			.plan(config({ chat: `127.0.0.1:${(server.address() as AddressInfo).port}`, game: '127.0.0.2:0' }))
			.then((p) => book.adopt(p))
			.then(() => new AddressBook().plan(config({ x: `127.0.0.1:${port}` }))),
		/address in use/,
	);
});

t.test('a wildcard may join an address of ours on its port', async (t) => {
	const book = new AddressBook();
	const first = await book.plan(config({ game: '[::]:0' }));
	book.adopt(first);
	const port = [...first.ports.values()][0] ?? 0;
	const server = createServer().listen({ host: '::', port, reusePort: true });
	await once(server, 'listening');
	t.teardown(() => server.close());
	const joined = await book.plan(config({ game: `[::]:${port}`, four: `0.0.0.0:${port}` }));
	t.strictSame(
		joined.binds.map(({ bind }) => bind.v6Only),
		[true, false],
	);
});

t.test('an address that failed to open is ours, and not told as listened on', async (t) => {
	const book = new AddressBook();
	const plan = await book.plan(config({ game: '127.0.0.1:0', chat: '127.0.0.2:0' }));
	const [failed] = plan.binds;
	if (failed === undefined) throw new Error('no bind');
	t.match(book.adopt(plan, [bindFailure('game', failed.bind.target, 'EADDRINUSE')]), [{ listener: 'chat' }]);
	t.equal(book.listening.length, 2);
});
