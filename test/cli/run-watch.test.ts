import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { asking, bearer } from '../support/asking.ts';
import { EchoClient, echoBackend } from '../support/backends.ts';
import { configFile, SluiceProcess } from '../support/sluice-process.ts';

/** One listener in front of one pool. */
const config = (backends: Record<string, string>, more: object) => ({
	workers: 1,
	...more,
	listeners: [{ name: 'game', bind: '127.0.0.1:0', routes: [{ to: ['main'] }] }],
	pools: [{ name: 'main', backends: Object.entries(backends).map(([name, address]) => ({ name, address })) }],
});

t.test('with watch the file is put in force when it changes, and a bad one changes nothing', async (t) => {
	const [one, two] = [await echoBackend(t, 'one'), await echoBackend(t, 'two')];
	const file = configFile(t, config({ one: one.address }, { watch: true }));
	const run = new SluiceProcess(t, ['run', '-c', file.path]);
	const port = await run.port('game');
	t.equal(await new EchoClient(t, port).greeting(), 'one');
	file.write('listeners: 5');
	await run.line('reload refused');
	t.equal(await new EchoClient(t, port).greeting(), 'one');
	file.write(config({ two: two.address }, { watch: false }));
	await run.line('reloaded');
	t.equal(await new EchoClient(t, port).greeting(), 'two');
});

t.test('with watch what somebody else had loaded is not loaded again, and a changed token file counts', async (t) => {
	const backend = await echoBackend(t, 'one');
	const folder = mkdtempSync(join(tmpdir(), 'watch-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const token = join(folder, 'token');
	writeFileSync(token, 'first-token-0123456789');
	const admin = { bind: '127.0.0.1:0', tokens: [{ role: 'write', token: `file:${token}` }] };
	const more = { watch: true, log: { level: 'debug' }, admin };
	const file = configFile(t, config({ one: backend.address }, more));
	const run = new SluiceProcess(t, ['run', '-c', file.path]);
	const { address } = await run.line('admin listening');
	await run.port('game');
	const reloads = () => run.lines.filter(({ msg }) => msg === 'reloaded').length;
	file.write(config({ one: backend.address }, { ...more, drain: '7s' }));
	run.kill('SIGHUP');
	await run.line('what has changed is in force already');
	t.equal(reloads(), 1);
	const { ask } = asking(String(address));
	const statusAs = async (as: string) => (await ask({ path: '/status', headers: bearer(as) })).status;
	t.equal(await statusAs('first-token-0123456789'), 200);
	writeFileSync(token, 'second-token-0123456789');
	await run.until(() => (reloads() === 2 ? true : undefined));
	t.equal(await statusAs('first-token-0123456789'), 401);
	t.equal(await statusAs('second-token-0123456789'), 200);
});
