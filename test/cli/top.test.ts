import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { App } from '../../src/app.ts';
import { parseConfigObject } from '../../src/control/config/load.ts';
import { eventually, Heard, startApp } from '../support/app.ts';
import { EchoClient, echoBackend } from '../support/backends.ts';
import { Screen } from '../support/tmux.ts';

/** Two backends of one pool, and who may open the socket may do all. */
const configOf = (admin: string, ...addresses: readonly string[]) =>
	parseConfigObject({
		workers: 1,
		drain: '1s',
		admin: { bind: `unix:${admin}` },
		geo: { regions: { here: { countries: ['DE'] } } },
		listeners: [{ name: 'game', bind: '127.0.0.1:0', routes: [{ to: ['eu'] }] }],
		pools: [
			{
				name: 'eu',
				health: { active: 'off' },
				backends: addresses.map((address, at) => ({ name: `eu-${at + 1}`, address, maxConnections: 10 })),
			},
		],
	});

const start = (config: ReturnType<typeof configOf>): Promise<App> =>
	App.start(config, { log: new Heard().log, onFatal: () => {} });

const portOf = (app: App): number => Number(app.addresses[0]?.address.split(':').at(-1));

async function watched(t: Test) {
	const folder = mkdtempSync(join(tmpdir(), 'top-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const one = await echoBackend(t, 'one');
	const two = await echoBackend(t, 'two');
	const admin = join(folder, 's');
	const config = configOf(admin, one.address, two.address);
	const program = [process.execPath, 'bin/sluice.ts', 'top', '--admin', `unix:${admin}`];
	return { one, two, config, program };
}

test('top shows backends and drains one by keys', async (t) => {
	const { one, two, config, program } = await watched(t);
	const app = await start(config);
	t.teardown(() => app.stop({ preStopMs: 0, drainMs: 0 }));
	const clients = [0, 1].map(() => new EchoClient(t, portOf(app)));
	await Promise.all(clients.map((client) => client.greeting()));
	const screen = await Screen.start(t, { columns: 110, rows: 24 }, ...program);
	const shown = await screen.until(/eu\/eu-2 +up +enabled +1 +1 of 10/, /new \d/);
	t.match(shown, /^sluice \d.*running$/m);
	t.match(shown, /sessions 2 of \d+ .* queued 0 +throttled 0 %/);
	t.match(shown, /regions: here 0/);
	t.match(shown, /eu: round-robin, 2 of 2 healthy, 2 of 20 sessions/);

	await screen.press('j', 'd');
	await screen.until(/drain eu\/eu-2\? y\/n/);
	await screen.press('n');
	await screen.until(/nothing done/);
	t.equal(app.operations.pools()[0]?.backends[1]?.state, 'enabled');
	await screen.press('d', 'y');
	await screen.until(/done: drain eu\/eu-2/, /eu\/eu-2 +up +draining +\d+ +0 of 10/);
	await eventually(() => two.sockets.size === 0);
	t.equal(one.sockets.size, 1, 'the other one keeps its session');
	t.match(app.operations.pools()[0]?.backends[1], { state: 'draining', active: 0 });
	await screen.press('e', 'y');
	await screen.until(/done: enable eu\/eu-2/, /eu\/eu-2 +up +enabled/);

	await screen.press('s', 'f', '-', '2', 'Enter');
	t.notMatch(await screen.until(/sort: sessions +filter: -2/, /eu\/eu-2/), /eu\/eu-1/);
	await screen.press('Escape');
	await screen.until(/eu\/eu-1/);
});

test('top ends a session by keys, fits a small terminal, outlives a restart, and leaves', async (t) => {
	const { one, config, program } = await watched(t);
	const app = await start(config);
	t.teardown(() => app.stop({ preStopMs: 0, drainMs: 0 }));
	const client = new EchoClient(t, portOf(app));
	await client.greeting();
	const screen = await Screen.start(t, { columns: 110, rows: 24 }, 'sh', '-c', `${program.join(' ')}; echo left; cat`);
	await screen.until(/eu\/eu-1 +up +enabled +1 +1 of 10/);
	await screen.press('Tab');
	await screen.until(/\[clients\]/, /127\.0\.0\.1 +game +1 /);
	await screen.press('K');
	await screen.until(/tab goes to the sessions/);
	await screen.press('Tab');
	await screen.until(/^0-1 +127\.0\.0\.1:\d+ .* eu\/eu-1 +relaying/m);
	await screen.press('K');
	await screen.until(/kill session 0-1\? y\/n/);
	await screen.press('y');
	await client.end();
	await eventually(() => one.sockets.size === 0);
	await screen.until(/none/);

	await screen.press('Tab');
	await screen.resize({ columns: 40, rows: 8 });
	const small = await screen.until(/^sluice/, /\[backends\]/, /eu\/eu-1 /);
	t.ok(small.split('\n').every((line) => line.length <= 40));

	await app.stop({ preStopMs: 0, drainMs: 0 });
	await screen.until(/no answer: cannot reach/);
	const again = await start(config);
	t.teardown(() => again.stop({ preStopMs: 0, drainMs: 0 }));
	await screen.until(/^sluice/, /eu\/eu-1 /);
	await screen.press('q');
	t.notMatch(await screen.until(/left/), /eu-1/, 'the terminal is as it was');
});

test('the share of sessions that a bucket holds back is told', async (t) => {
	const backend = await echoBackend(t, 'one');
	const shaping = { upload: { connection: { rate: '8kbit/s', burst: '1KiB' } } };
	const { app, port } = await startApp(t, {
		workers: 1,
		listeners: [{ name: 'game', bind: '127.0.0.1:0', shaping, routes: [{ to: ['eu'] }] }],
		pools: [{ name: 'eu', backends: [{ name: 'one', address: backend.address }] }],
	});
	const [busy, quiet] = [new EchoClient(t, port()), new EchoClient(t, port())];
	await Promise.all([busy.greeting(), quiet.greeting()]);
	busy.socket.write(Buffer.alloc(100_000));
	await eventually(() => app.operations.status().throttledShare === 0.5);
	busy.socket.destroy();
	quiet.socket.destroy();
	await eventually(() => app.operations.status().throttledShare === 0);
});
