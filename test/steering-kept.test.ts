import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { folderOf, poolOf, steered, steeredConfig } from './support/steered.ts';

const setLevel = (level: string | null) => ({ method: 'PUT', path: '/log-level', body: { level } });

t.test('the level of the log goes on after a reload, and before what the file says', async (t) => {
	const folder = folderOf(t);
	const { ask, write, reload, heard } = await steered(t, steeredConfig(folder));
	const level = async () => (await ask({ path: '/status' })).json?.logLevel;
	t.equal((await ask(setLevel('warn'))).status, 200);
	t.equal(await level(), 'warn');
	t.match(await (await ask({ path: '/changes' })).json, [
		{ target: 'log', what: 'level', value: 'warn', by: 'the unix socket' },
	]);
	t.match((await ask({ path: '/status' })).json, { changes: 1 });
	const snapshot = (await ask({ path: '/status' })).json?.snapshot;
	await reload();
	t.equal(await level(), 'warn', 'kept');
	write(steeredConfig(folder, { log: { level: 'error' } }));
	t.match((await reload()).json, { settings: ['log'] });
	t.equal(await level(), 'warn', 'as with a weight: what was set at run time goes before the file');
	t.equal((await ask(setLevel(null))).status, 200);
	t.equal(await level(), 'error', 'as the file has it');
	t.same((await ask({ path: '/changes' })).json, []);
	t.equal(heard.log.currentLevel, 'error');
	t.equal((await ask({ path: '/status' })).json?.snapshot, Number(snapshot) + 2, 'no snapshot but of the reloads');
});

t.test('the level of the log is kept over a restart with `state`, and forgotten without', async (t) => {
	for (const state of [undefined, 'state.json']) {
		const folder = folderOf(t);
		const config = steeredConfig(folder, state === undefined ? {} : { state: join(folder, state) });
		const first = await steered(t, config);
		await first.ask(setLevel('warn'));
		await first.stop();
		const { ask } = await steered(t, config);
		t.equal((await ask({ path: '/status' })).json?.logLevel, state === undefined ? 'info' : 'warn', String(state));
	}
});

t.test('what operators change is logged with who asked, whatever the level', async (t) => {
	const { ask, heard } = await steered(t, steeredConfig(folderOf(t), { log: { level: 'error' } }));
	const orders: readonly [method: string, path: string, body: object][] = [
		['PUT', '/pools/main/backends/a/weight', { weight: 5 }],
		['POST', '/pools/main/backends/a/disable', {}],
		['POST', '/pools/main/backends/a/enable', {}],
		['POST', '/pools/main/backends/a/drain', {}],
		['POST', '/pools/main/backends', { address: '127.0.0.1:9', name: 'c' }],
		['DELETE', '/pools/main/backends/c', {}],
		['PUT', '/shaping/pool%20main', { upload: '8Mbit/s' }],
		['PUT', '/log-level', { level: 'error' }],
		['POST', '/reload', {}],
	];
	for (const [method, path, body] of orders) t.equal((await ask({ method, path, body })).status, 200, path);
	t.same(
		heard.events.filter(({ fields }) => fields.by === 'the unix socket').map(({ msg }) => msg),
		[
			'weight set',
			'backend disabled',
			'backend enabled',
			'backend drains',
			'backend added',
			'backend removed',
			'shaping set',
			'log level set',
			'reload asked for',
		],
	);
	const clashing = heard.events.filter(({ fields }) => ['level', 'time', 'msg'].some((name) => name in fields));
	t.same(clashing, [], 'no field has the name of what every line has');
	t.notOk(
		heard.events.some(({ msg }) => msg === 'reloaded'),
		'other lines are filtered',
	);
});

t.test('a reload that would leave a pool empty is refused, and says who took away what', async (t) => {
	const folder = folderOf(t);
	const state = join(folder, 'state.json');
	const { ask, write, reload, stop } = await steered(t, steeredConfig(folder, { state }));
	t.equal((await ask({ method: 'DELETE', path: '/pools/main/backends/a', body: {} })).status, 200);
	const one = steeredConfig(folder, { state, pools: [poolOf('a')] });
	write(one);
	const refused = await reload();
	t.equal(refused.status, 409);
	t.match(refused.json?.message, /^pool main: nothing would be left in it, since a \(by the unix socket, 20/);
	t.match((await ask({ path: '/backends' })).json, [{ name: 'b' }], 'nothing has changed');
	await stop();
	const again = await steered(t, one);
	t.match((await again.ask({ path: '/backends' })).json, [{ name: 'a' }], 'a start is not refused');
	t.match(
		again.heard.events.find(({ level }) => level === 'warn'),
		{ msg: /removed backends are back/, fields: { pool: 'main', backends: 'a' } },
	);
	t.same((await again.ask({ path: '/changes' })).json, []);
});

t.test('a change whose state cannot be written is not made, and the file stays as it was', async (t) => {
	const folder = folderOf(t);
	const state = join(folder, 'kept', 'state.json');
	const { ask } = await steered(t, steeredConfig(folder, { state }));
	const set = (weight: number) => ask({ method: 'PUT', path: '/pools/main/backends/a/weight', body: { weight } });
	const refused = await set(5);
	t.match(refused, { status: 409, json: { code: 'refused', message: /cannot be written: .*nothing was changed/ } });
	t.same((await ask({ path: '/changes' })).json, []);
	t.match((await ask({ path: '/pools/main/backends/a' })).json, { weight: 1 });
});

t.test('a damaged state file ends a start with what to do, and stays as it is', async (t) => {
	const folder = folderOf(t);
	const state = join(folder, 'state.json');
	for (const text of ['', '{"version":1,"backends":[', 'null', '\u0000\u0000\u0000\u0000']) {
		writeFileSync(state, text);
		await t.rejects(steered(t, steeredConfig(folder, { state })), {
			code: 'state-unusable',
			exitCode: 1,
			message: /state .*state\.json: cannot be used: .*the file is as it was: mend it, or move it away/,
		});
		t.equal(readFileSync(state, 'utf8'), text);
	}
});

t.test('what a crash left beside the state file, or somebody put there, is not written through', async (t) => {
	const folder = folderOf(t);
	const state = join(folder, 'state.json');
	writeFileSync(`${state}.new`, '{"half');
	chmodSync(`${state}.new`, 0o644);
	const { ask } = await steered(t, steeredConfig(folder, { state }));
	await ask({ method: 'PUT', path: '/pools/main/backends/a/weight', body: { weight: 5 } });
	t.match(JSON.parse(readFileSync(state, 'utf8')), { backends: [{ backend: 'a', weight: 5 }] });
	t.equal(statSync(state).mode & 0o777, 0o600);
});

t.test('rates that were changed at run time are marked at whatever place they hold', async (t) => {
	const config = steeredConfig(folderOf(t), { geo: { regions: { eu: { countries: ['DE'] } } } });
	const { ask } = await steered(t, config);
	for (const [place, path] of [
		['listener in', '/listeners'],
		['region eu', '/regions'],
		['pool main', '/pools'],
		['backend main/a', '/backends'],
	] as const) {
		t.match((await ask({ path })).json, [{ changed: [] }], path);
		const body = { download: '8Mbit/s' };
		t.equal((await ask({ method: 'PUT', path: `/shaping/${encodeURIComponent(place)}`, body })).status, 200, place);
		t.match((await ask({ path })).json, [{ changed: ['download'] }], path);
	}
});
