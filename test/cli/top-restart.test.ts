import { test } from 'tap';
import { eventually } from '../support/app.ts';
import { EchoClient } from '../support/backends.ts';
import { Screen } from '../support/tmux.ts';
import { portOf, start, watched } from '../support/watched.ts';

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
	await screen.resize({ columns: 40, rows: 24 });
	await screen.until(/eu\/eu-1 +up +enabled +0 of 10$/m);
	// As when lines were drawn for a screen that is not so broad any more: they take more room than was thought.
	await screen.spoil('\r\n\r\nspoilt\r\n');
	await screen.resize({ columns: 42, rows: 24 });
	const afresh = await screen.until(/^sluice/, /^(?!.*spoilt)/s);
	t.equal(afresh.match(/^sluice/gm)?.length, 1, 'nothing is left of the broader screen');
	await screen.resize({ columns: 40, rows: 8 });
	const small = await screen.until(/^sluice/, /\[backends\]/, /eu\/eu-1 +up +enabled +0 of 10$/m);
	t.ok(small.split('\n').every((line) => line.length <= 40));

	await app.stop({ preStopMs: 0, drainMs: 0 });
	await screen.until(/no answer: cannot reach/);
	const again = await start(config);
	t.teardown(() => again.stop({ preStopMs: 0, drainMs: 0 }));
	await screen.until(/^sluice/, /eu\/eu-1 /);
	await screen.press('q');
	t.notMatch(await screen.until(/left/), /eu-1/, 'the terminal is as it was');
});
