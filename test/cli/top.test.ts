import { test } from 'tap';
import { eventually } from '../support/app.ts';
import { EchoClient } from '../support/backends.ts';
import { Screen } from '../support/tmux.ts';
import { portOf, start, watched } from '../support/watched.ts';

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
	t.match(shown, /eu: 2 of 2 healthy, 2 of 20 sessions, round-robin/);

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
