import t from 'tap';
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
