import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'tap';
import { KEPT_MS, MAX_SERIES, type Point, STEP_MS } from '../../../src/control/history/points.ts';
import { HistoryStore } from '../../../src/control/history/store.ts';

const START = Date.parse('2026-01-01T00:00:00Z');
const point = (timeMs: number, given: Partial<Point> = {}): Point => ({
	series: 'process',
	timeMs,
	active: 1,
	endedPerSecond: 0.5,
	uploadBytesPerSecond: 10,
	downloadBytesPerSecond: 20,
	queued: 0,
	...given,
});

test('what was written is read again, also by the next process', (t) => {
	const path = join(t.testdir({}), 'history.db');
	const first = new HistoryStore(path);
	first.write([point(START), point(START, { series: 'pool eu', active: 7 })], START);
	first.write([point(START + STEP_MS, { active: 3, queued: 2 })], START + STEP_MS);
	first.close();
	const second = new HistoryStore(path);
	t.teardown(() => second.close());
	const { series: _, ...row } = point(START);
	t.same(second.read('process', START, START + 60_000, STEP_MS), [
		row,
		{ ...row, timeMs: START + STEP_MS, active: 3, queued: 2 },
	]);
	t.same(second.read('process', START, START + STEP_MS, STEP_MS), [row], 'up to an end');
	t.same(second.read('pool eu', START, START + 60_000, STEP_MS), [{ ...row, active: 7 }]);
	t.same(second.read('pool us', START, START + 60_000, STEP_MS), []);
	t.same(second.read('process', START, START + 60_000, 60_000), [{ ...row, active: 2, queued: 1 }], 'means of a step');
	t.end();
});

test('rows go after a day, and the file does not grow any more', (t) => {
	const path = join(t.testdir({}), 'history.db');
	const store = new HistoryStore(path);
	t.teardown(() => store.close());
	const sizes: number[] = [];
	const day = KEPT_MS / STEP_MS;
	// Many steps in one write: of each series no more than what goes with a write.
	const batch = 24;
	for (let step = 0; step < 3 * day; step += batch) {
		const times = Array.from({ length: batch }, (_, at) => START + (step + at) * STEP_MS);
		const points = times.flatMap((timeMs) =>
			['process', 'pool eu', 'pool us'].map((series) => point(timeMs, { series })),
		);
		store.write(points, times.at(-1) ?? 0);
		if ((step + batch) % day === 0) sizes.push(statSync(path).size);
	}
	t.equal(sizes.length, 3);
	const rows = store.read('process', START, START + 3 * KEPT_MS, STEP_MS);
	t.ok(rows.length >= day && rows.length <= day + 100 * batch, `${rows.length} rows of ${day}`);
	t.ok((sizes[2] ?? 0) <= 1.1 * (sizes[1] ?? 0), `sizes ${sizes}`);
	t.ok((sizes[2] ?? 0) < 3 * 1_000_000, 'under a megabyte for each series');
	t.end();
});

test('pools that come and go have their past, which goes after a day', (t) => {
	const path = join(t.testdir({}), 'history.db');
	const store = new HistoryStore(path);
	for (let step = 0; step < 50; step++)
		store.write([point(START + step * STEP_MS), point(START + step * STEP_MS, { series: `pool p${step}` })], START);
	const end = START + 50 * STEP_MS;
	t.equal(store.read('process', START, end, STEP_MS).length, 50, 'one series over many layouts');
	t.same(
		store.read('pool p7', START, end, STEP_MS).map(({ timeMs }) => timeMs),
		[START + 7 * STEP_MS],
	);
	const later = end + KEPT_MS + 1;
	store.write([point(later, { series: 'pool new' })], later);
	t.equal(store.read('pool new', later, later + 1, 1).length, 1);
	t.same(store.read('pool p7', START, later, STEP_MS), []);
	store.close();
	const file = new DatabaseSync(path);
	t.same({ ...file.prepare('SELECT count(*) AS layouts FROM layouts').get() }, { layouts: 1 });
	t.same({ ...file.prepare('SELECT count(*) AS points FROM points').get() }, { points: 1 });
	file.close();
	t.end();
});

test('rows of a clock that was years ahead go as well', (t) => {
	const store = new HistoryStore(join(t.testdir({}), 'history.db'));
	t.teardown(() => store.close());
	const ahead = START + 1_000 * KEPT_MS;
	store.write([point(ahead, { series: 'pool ahead' })], ahead);
	store.write([point(START)], START);
	t.same(store.read('pool ahead', START, ahead + 1, STEP_MS), []);
	t.equal(store.read('process', START, ahead, STEP_MS).length, 1);
	t.end();
});

test('a write of as many series as there may be touches a few pages alone', (t) => {
	const path = join(t.testdir({}), 'history.db');
	const store = new HistoryStore(path);
	t.teardown(() => store.close());
	const write = (step: number): void => {
		const timeMs = START + step * STEP_MS;
		store.write(
			Array.from({ length: MAX_SERIES }, (_, at) => point(timeMs, { series: `pool p${at}`, active: step })),
			timeMs,
		);
	};
	for (let step = 0; step < 4; step++) write(step);
	const before = statSync(`${path}-wal`).size;
	write(4);
	const pages = (statSync(`${path}-wal`).size - before) / 4_120;
	t.ok(pages > 0 && pages <= 5, `${pages} pages`);
	t.equal(store.read(`pool p${MAX_SERIES - 1}`, START, START + 5 * STEP_MS, STEP_MS).at(-1)?.active, 4);
	t.end();
});

test('a file of something else is left alone', (t) => {
	const folder = t.testdir({ 'sluice.yaml': 'listeners: of which this file tells, and that is no database at all\n' });
	const other = new DatabaseSync(join(folder, 'other.db'));
	other.exec('CREATE TABLE theirs (x)');
	other.close();
	t.throws(() => new HistoryStore(join(folder, 'other.db')), /a database of something else/);
	t.throws(() => new HistoryStore(join(folder, 'sluice.yaml')), /not a database/);
	t.throws(() => new HistoryStore(join(folder, 'missing', 'history.db')), /unable to open/);
	const again = new DatabaseSync(join(folder, 'other.db'));
	t.equal(again.prepare('SELECT count(*) AS count FROM theirs').get()?.count, 0);
	again.close();
	t.end();
});

test('one process at a time has the file', (t) => {
	const path = join(t.testdir({}), 'history.db');
	const first = new HistoryStore(path);
	first.write([point(START)], START);
	t.throws(() => new HistoryStore(path), /locked/);
	first.close();
	const second = new HistoryStore(path);
	t.equal(second.read('process', START, START + 1, 1).length, 1);
	second.close();
	t.end();
});
