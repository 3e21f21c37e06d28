import { readFileSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import type { ConfigInput } from '../src/index.ts';
import { socketFolder } from './support/net-ports.ts';
import { dial } from './support/peers.ts';
import { configFile, SluiceProcess, sluice } from './support/sluice-process.ts';

/** A listener at this address, with nothing behind it. */
const listenerAt = (bind: string): ConfigInput => ({
	workers: 2,
	listeners: [{ name: 'game', bind, routes: [{ to: ['main'] }] }],
	pools: [{ name: 'main', health: { active: 'off', passive: 'off' }, backends: [{ address: '127.0.0.1:9' }] }],
});

const start = (t: Test, bind: string) => sluice(t, 'run', '-c', configFile(t, listenerAt(bind)).path);

t.test('a second instance at the same address ends with 2 and says why; the first goes on', async (t) => {
	const path = socketFolder(t)('game.sock');
	for (const asked of ['127.0.0.1:0', `unix:${path}`]) {
		const first = new SluiceProcess(t, ['run', '-c', configFile(t, listenerAt(asked)).path]);
		const { address } = await first.line('listening');
		t.strictSame(await start(t, String(address)), {
			code: 2,
			signal: null,
			stdout: '',
			stderr: `listener game: cannot bind ${address}: address in use\n`,
		});
		const client = await dial(t, String(address));
		await client.ending();
		t.match(await first.line('session'), { outcome: 'connect-failed' }, `${asked}: the first still answers`);
	}
});

t.test('a path that is not a stale socket of ours is left alone', async (t) => {
	const path = socketFolder(t)('precious.txt');
	writeFileSync(path, 'do not delete');
	t.match(await start(t, `unix:${path}`), {
		code: 2,
		stdout: '',
		stderr: `listener game: cannot bind unix:${path}: address in use\n`,
	});
	t.equal(readFileSync(path, 'utf8'), 'do not delete');
});

t.test("the socket of a killed instance is in nobody's way", async (t) => {
	const bind = `unix:${socketFolder(t)('game.sock')}`;
	const file = configFile(t, listenerAt(bind)).path;
	const first = new SluiceProcess(t, ['run', '-c', file]);
	await first.line('listening');
	first.kill('SIGKILL');
	await first.finished;
	const second = new SluiceProcess(t, ['run', '-c', file]);
	t.match(await second.line('listening'), { address: bind });
});
