import t from 'tap';
import { type AccessLine, type ConfigInput, createSluice, type LogEvent } from '../src/index.ts';
import { EchoClient, echoBackend } from './support/backends.ts';

const config = (address: string, more: Partial<ConfigInput> = {}): ConfigInput => ({
	workers: 1,
	listeners: [{ name: 'game', bind: '127.0.0.1:0', routes: [{ to: ['main'] }] }],
	pools: [{ name: 'main', health: { active: 'off' }, backends: [{ address }] }],
	...more,
});

const portOf = (sluice: { addresses: readonly { address: string }[] }): number =>
	Number(sluice.addresses[0]?.address.split(':').at(-1));

t.test('the library serves, reloads, tells records and events, and closes at the end of its block', async (t) => {
	const [one, two] = [await echoBackend(t, 'one'), await echoBackend(t, 'two')];
	const records: AccessLine[] = [];
	const events: LogEvent[] = [];
	const signals = process.listenerCount('SIGTERM');
	const options = { onRecord: (r: AccessLine) => records.push(r), onLog: (e: LogEvent) => events.push(e) };
	let client: EchoClient;
	{
		await using sluice = await createSluice(config(one.address), options);
		t.match(sluice.addresses, [{ listener: 'game', address: /^127\.0\.0\.1:\d+$/ }]);
		t.equal(process.listenerCount('SIGTERM'), signals, 'without signal handlers');
		client = new EchoClient(t, portOf(sluice));
		t.equal(await client.greeting(), 'one');
		const diff = await sluice.reload(config(two.address));
		t.match(diff.backends, { added: [`main/${two.address}`], removed: [`main/${one.address}`] });
		t.equal(await new EchoClient(t, portOf(sluice)).greeting(), 'two');
		await client.echo('still here');
	}
	await client.end();
	t.match(records, [{ outcome: 'shutdown' }, { outcome: 'shutdown' }]);
	t.strictSame(
		events.map((event) => event.msg),
		['listening', 'reloaded', 'stopping', 'stopped'],
	);
});

t.test('closing lets sessions go on for the time given', async (t) => {
	const backend = await echoBackend(t, 'one');
	const records: AccessLine[] = [];
	const sluice = await createSluice(config(backend.address), { onRecord: (record) => records.push(record) });
	const client = new EchoClient(t, portOf(sluice));
	await client.greeting();
	const closed = sluice.close({ drainMs: 60_000 });
	await client.echo('going on');
	client.close();
	await closed;
	t.match(records, [{ outcome: 'completed' }]);
	await sluice.close();
	t.pass('closing twice is closing once');
});

t.test('a configuration that is not valid is refused, at the start and at a reload', async (t) => {
	const backend = await echoBackend(t, 'one');
	const wrong = { ...config(backend.address), drain: 'soon' };
	await t.rejects(createSluice(wrong), { name: 'ConfigError', problems: [{ path: 'drain' }] });
	await using sluice = await createSluice(config(backend.address));
	await t.rejects(sluice.reload(wrong), { name: 'ConfigError' });
	await t.rejects(sluice.reload(config(backend.address, { workers: 2 })), {
		name: 'SluiceError',
		code: 'restart-needed',
	});
	t.equal(await new EchoClient(t, portOf(sluice)).greeting(), 'one');
});

t.test('several balancers live in one process', async (t) => {
	const [one, two] = [await echoBackend(t, 'one'), await echoBackend(t, 'two')];
	await using first = await createSluice(config(one.address));
	await using second = await createSluice(config(two.address));
	t.equal(await new EchoClient(t, portOf(first)).greeting(), 'one');
	t.equal(await new EchoClient(t, portOf(second)).greeting(), 'two');
});

t.test('the log level of the configuration holds for the callback, also after a reload', async (t) => {
	const backend = await echoBackend(t, 'one');
	const events: string[] = [];
	const quiet = config(backend.address, { log: { level: 'error' } });
	await using sluice = await createSluice(quiet, { onLog: (event) => events.push(event.msg) });
	t.strictSame(events, []);
	await sluice.reload(config(backend.address));
	t.strictSame(events, ['reloaded']);
});
