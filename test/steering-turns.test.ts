import t from 'tap';
import { App } from '../src/app.ts';
import { parseConfigObject } from '../src/control/config/load.ts';
import { Log } from '../src/control/log.ts';
import { until } from './support/peers.ts';

const BY = 'a test';

t.test('changes made at the same moment are all kept, and each is checked when its turn has come', async (t) => {
	const config = parseConfigObject({
		workers: 1,
		listeners: [{ name: 'in', bind: '127.0.0.1:0', routes: [{ to: ['main'] }] }],
		pools: [
			{
				name: 'main',
				health: { active: 'off' },
				backends: [
					{ name: 'a', address: '127.0.0.1:1' },
					{ name: 'b', address: '127.0.0.1:2' },
				],
			},
		],
	});
	const log = new Log({ output: null, onLog: null, onRecord: null }, 'error');
	const app = await App.start(config, {
		log,
		onFatal: (reason) => {
			throw new Error(reason);
		},
	});
	t.teardown(() => app.stop({ preStopMs: 0, drainMs: 0 }));
	const { operations } = app;
	await Promise.all([
		operations.disable('main', 'a', BY),
		operations.setWeight('main', 'b', 7, BY),
		operations.addBackend('main', { address: '127.0.0.1:3', name: 'c' }, BY),
	]);
	t.same(
		operations
			.changes()
			.map(({ target, what }) => `${target} ${what}`)
			.sort(),
		['backend main/a state', 'backend main/b weight', 'backend main/c added'],
	);
	const removals = await Promise.allSettled(['a', 'b', 'c'].map((name) => operations.removeBackend('main', name, BY)));
	t.same(
		removals.map(({ status }) => status),
		['fulfilled', 'fulfilled', 'rejected'],
		'the last one stays',
	);
	t.same(
		operations.pools()[0]?.backends.map(({ name }) => name),
		['c'],
	);
	await t.rejects(operations.setWeight('main', 'a', 1, BY), { code: 'not-found' });
});

t.test('a reload that changes the admin server is answered by it, and the new one serves', async (t) => {
	const configWith = (tokens: readonly string[]) =>
		parseConfigObject({
			workers: 1,
			admin: {
				bind: '127.0.0.1:0',
				tokens: tokens.map((name) => ({ role: 'write' as const, token: `env:${name}` })),
			},
			listeners: [{ name: 'in', bind: '127.0.0.1:0', routes: [{ to: ['main'] }] }],
			pools: [{ name: 'main', health: { active: 'off' }, backends: [{ address: '127.0.0.1:1' }] }],
		});
	process.env.OLD_TOKEN = 'old-token-0123456789';
	process.env.NEW_TOKEN = 'new-token-0123456789';
	const log = new Log({ output: null, onLog: null, onRecord: null }, 'error');
	const app = await App.start(configWith(['OLD_TOKEN']), {
		log,
		load: () => configWith(['NEW_TOKEN']),
		onFatal: (reason) => {
			throw new Error(reason);
		},
	});
	t.teardown(() => app.stop({ preStopMs: 0, drainMs: 0 }));
	const before = app.adminAddress;
	const headers = (token: string) => ({ authorization: `Bearer ${token}`, 'content-type': 'application/json' });
	const answer = await fetch(`http://${before}/reload`, { method: 'POST', headers: headers('old-token-0123456789') });
	t.match(await answer.json(), { settings: ['admin'] });
	await until('the new server serves', () => app.adminAddress !== null && app.adminAddress !== before);
	const status = async (token: string) =>
		(await fetch(`http://${app.adminAddress}/status`, { headers: headers(token) })).status;
	t.equal(await status('new-token-0123456789'), 200);
	t.equal(await status('old-token-0123456789'), 401);
});
