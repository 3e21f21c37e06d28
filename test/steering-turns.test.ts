import t from 'tap';
import { App } from '../src/app.ts';
import { parseConfigObject } from '../src/control/config/load.ts';
import { Log } from '../src/control/log.ts';

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
