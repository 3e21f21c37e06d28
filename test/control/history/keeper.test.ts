import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Test, test } from 'tap';
import { HistoryKeeper } from '../../../src/control/history/keeper.ts';
import { HistoryStore } from '../../../src/control/history/store.ts';
import { clean } from '../../support/clean-node.ts';
import { POOL, STATUS } from '../../support/fake-operations.ts';

const START = Date.parse('2026-01-01T00:00:00Z');

function house(t: Test, path: string | null) {
	const told: string[] = [];
	const seen = { nowMs: 0, active: 1 };
	let timers = 0;
	const note = (msg: string, fields: object = {}): void => void told.push(`${msg} ${JSON.stringify(fields)}`);
	const keeper = new HistoryKeeper({
		path,
		log: { info: note, warn: note },
		status: () => ({ ...STATUS, active: seen.active }),
		pools: () => [POOL],
		nowMs: () => seen.nowMs,
		wallMs: () => START + seen.nowMs,
		every: () => {
			timers += 1;
			return () => {
				timers -= 1;
			};
		},
	});
	t.teardown(() => keeper.stop());
	const pass = (seconds: number): void => {
		for (let passed = 0; passed < seconds; passed += 10) {
			seen.nowMs += 10_000;
			seen.active += 1;
			keeper.keep();
		}
	};
	const points = async (series = 'process', since?: string) => (await keeper.read({ series, since })).points;
	return { keeper, told, seen, pass, points, timers: () => timers };
}

const dbIn = (t: Test): string => join(t.testdir({}), 'history.db');

test('the past is there after a restart', async (t) => {
	const path = dbIn(t);
	const before = house(t, path);
	before.keeper.start(true);
	before.keeper.start(true);
	t.equal(before.timers(), 1);
	before.pass(30);
	t.same(
		(await before.points('process', new Date(START).toISOString())).map(({ time, active }) => [time, active]),
		[
			['2026-01-01T00:00:10.000Z', 2],
			['2026-01-01T00:00:20.000Z', 3],
			['2026-01-01T00:00:30.000Z', 4],
		],
	);
	before.keeper.stop();
	t.equal(before.timers(), 0);
	const after = house(t, path);
	after.seen.nowMs = 60_000;
	after.keeper.start(true);
	after.pass(10);
	const times = async (series: string, since?: string) =>
		(await after.points(series, since)).map(({ time }) => time.slice(14, 19));
	t.same(await times('pool eu'), ['00:00'], 'a whole day is told in steps of three minutes');
	t.same(await times('pool eu', '2026-01-01T00:00:20.000Z'), ['00:20', '00:30', '01:10']);
	t.same(await times('pool us'), []);
	t.same([...before.told, ...after.told], []);
});

test('without a file the past is that of the process, of few pools, and goes with it', async (t) => {
	const { keeper, pass, points, timers } = house(t, null);
	keeper.start(false);
	t.equal(timers(), 0, 'nobody can ask');
	keeper.start(true);
	t.equal(timers(), 1);
	pass(30);
	t.equal((await points('process', new Date(START).toISOString())).length, 3);
	t.equal((await points('pool eu', new Date(START).toISOString())).length, 3);
	t.match(await keeper.read({ series: 'process', since: undefined }), { kept: false, fault: null });
	keeper.stop();
	t.same(await points(), []);
});

test('a day of points is told in 600 at most', async (t) => {
	const path = dbIn(t);
	const { keeper, pass, seen } = house(t, path);
	keeper.start(true);
	pass(86_400);
	for (const hours of [0.05, 1, 3, 9, 24]) {
		const since = new Date(START + seen.nowMs - hours * 3_600_000).toISOString();
		const { points, stepMs } = await keeper.read({ series: 'process', since });
		t.ok(points.length <= 600 && points.length >= (hours * 3_600_000) / stepMs - 2, `${hours} h: ${points.length}`);
	}
});

test('a file of another version is put aside, told of once, and a new one begun', async (t) => {
	const path = dbIn(t);
	const older = new DatabaseSync(path);
	older.exec('CREATE TABLE points (series, time); PRAGMA application_id = 0x536c6365; PRAGMA user_version = 1');
	older.close();
	const { keeper, told, pass, points } = house(t, path);
	keeper.start(true);
	pass(30);
	t.match(told, [/^history put aside .*other-version.*of another version of sluice, layout 1/]);
	t.equal(told.length, 1);
	t.equal((await points('process', new Date(START).toISOString())).length, 3, 'nothing of the new process is lost');
	const kept = new DatabaseSync(`${path}.other-version`);
	t.same({ ...kept.prepare('PRAGMA user_version').get() }, { user_version: 1 });
	kept.close();
});

test('a locked file is told of once, and used when it is free', async (t) => {
	const path = dbIn(t);
	const other = new HistoryStore(path);
	const { keeper, told, pass, points } = house(t, path);
	keeper.start(true);
	pass(50);
	t.same(told, [`history not kept {"file":"${path}","reason":"database is locked"}`]);
	t.same(await points(), []);
	other.close();
	pass(290);
	t.equal(told.length, 1, 'one that comes and goes is not told of again and again');
	pass(10);
	t.equal((await points('process', '2026-01-01T00:00:00.000Z')).length, 30);
	t.match(told[1], /^history is kept again/);
	t.equal(told.length, 2);
});

test('what is no database is left as it is', (t) => {
	const folder = t.testdir({});
	const path = join(folder, 'notes.txt');
	writeFileSync(
		path,
		'notes, long enough to be looked at as if they were a header of a database of SQLite ............',
	);
	const text = readFileSync(path, 'utf8');
	const { keeper, told, pass } = house(t, path);
	keeper.start(true);
	pass(30);
	t.equal(readFileSync(path, 'utf8'), text);
	t.match(told, [/reason":"file is not a database/]);
	t.equal(told.length, 1);
	t.end();
});

test('a damaged file is put aside and begun anew', async (t) => {
	const path = dbIn(t);
	const { keeper, told, pass, points } = house(t, path);
	keeper.start(true);
	pass(20_000);
	keeper.stop();
	truncateSync(path, 8_192);
	const after = house(t, path);
	after.seen.nowMs = 20_000_000;
	after.keeper.start(true);
	after.pass(330);
	t.ok(existsSync(`${path}.damaged`));
	t.match(after.told.join('\n'), /history not kept .*malformed.*\nhistory put aside .*\nhistory is kept again/);
	t.ok((await after.points('process', new Date(START + 20_000_000).toISOString())).length >= 2);
	t.same(told, []);
	t.same(await points(), [], 'a stopped one reads nothing');
});

/** A process whose files may not grow above 64 KiB, keeping a history for a while. */
const CRAMPED = `
const { HistoryKeeper } = await import(process.argv[1]);
const { POOL, STATUS } = await import(process.argv[2]);
const told = [];
let nowMs = 0;
const note = (msg, fields) => told.push([msg, fields?.reason]);
const parts = { path: process.argv[3], log: { info: note, warn: note }, status: () => STATUS, pools: () => [POOL] };
const keeper = new HistoryKeeper({ ...parts, nowMs: () => nowMs, wallMs: () => ${START} + nowMs, every: () => () => {} });
keeper.start(true);
for (; nowMs < 3_600_000; nowMs += 10_000) keeper.keep();
const { points } = await keeper.read({ series: 'process' });
keeper.stop();
console.log(JSON.stringify({ told, points: points.length }));
`;

test('a disk without room is told of, and harms nothing', (t) => {
	const modules = ['../../../src/control/history/keeper.ts', '../../support/fake-operations.ts'];
	const urls = modules.map((path) => new URL(path, import.meta.url).href);
	const node = [process.execPath, '--input-type=module', '-e', CRAMPED, ...urls, dbIn(t)];
	const cramped = ['--norc', '-c', 'trap \'\' XFSZ; ulimit -f 64; exec "$@"', 'bash', ...node];
	const [command, args] = clean('bash', ...cramped);
	const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', env: { PATH: process.env.PATH } });
	t.same([status, stderr], [0, '']);
	const { told, points } = JSON.parse(stdout);
	t.match(told[0], ['history not kept', /disk/]);
	t.ok(told.length < 10, `told ${told.length} times in 360 tries`);
	t.ok(points > 0, 'what had room is there');
	t.end();
});

test('a file that was taken away harms nothing', async (t) => {
	const path = dbIn(t);
	const { keeper, pass, points } = house(t, path);
	keeper.start(true);
	pass(30);
	for (const rest of ['', '-wal', '-shm']) rmSync(`${path}${rest}`, { force: true });
	pass(30);
	t.ok((await points('process', '2026-01-01T00:00:00.000Z')).length >= 3);
});
