import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import t, { type Test } from 'tap';
import type { BindSnapshot } from '../../../src/core/snapshot.ts';
import { NodeListener } from '../../../src/engine/node/listener.ts';
import { socketFolder } from '../../support/net-ports.ts';

function listenerOn(t: Test, bind: BindSnapshot): NodeListener {
	const listener = new NodeListener({
		bind,
		listener: 0,
		reusePort: false,
		backlog: 16,
		onClient: (_, socket) => socket.end('hi'),
	});
	t.teardown(() => listener.close());
	return listener;
}

const unix = (path: string): BindSnapshot => ({ target: { type: 'unix', path }, v6Only: false });

t.test('a plain file in the place of a socket is left alone', async (t) => {
	const path = socketFolder(t)('file');
	writeFileSync(path, 'precious');
	t.equal(await listenerOn(t, unix(path)).opened, 'EADDRINUSE');
	t.equal(readFileSync(path, 'utf8'), 'precious');
});

t.test('a socket that someone listens on is left alone', async (t) => {
	const path = socketFolder(t)('live');
	const owner = createServer().listen(path);
	t.teardown(() => owner.close());
	await once(owner, 'listening');
	t.equal(await listenerOn(t, unix(path)).opened, 'EADDRINUSE');
	t.ok(existsSync(path));
});

t.test('a folder that is missing is told', async (t) => {
	const code = await listenerOn(t, unix(`${socketFolder(t)('none')}/x`)).opened;
	t.ok(code === 'ENOENT' || code === 'EACCES', `${code}`);
});

t.test('after close no one is accepted and the socket file is gone', async (t) => {
	const path = socketFolder(t)('l');
	const listener = listenerOn(t, unix(path));
	t.equal(await listener.opened, null);
	const client = connect(path);
	const [greeting] = await once(client, 'data');
	t.equal(`${greeting}`, 'hi');
	client.destroy();
	listener.close();
	t.notOk(existsSync(path));
});
