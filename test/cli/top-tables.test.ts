import { globSync, readFileSync } from 'node:fs';
import { type Test, test } from 'tap';
import { frame, textOf } from '../../src/cli/admin/top/frame.ts';
import { AT_FIRST, type Key, press, type Steering } from '../../src/cli/admin/top/keys.ts';
import type { Seen } from '../../src/cli/admin/top/look.ts';
import { tableOf } from '../../src/cli/admin/top/tables.ts';
import { follow, NO_TRACK, sparkline } from '../../src/cli/admin/top/track.ts';
import { backendOf, POOL, QUIET, SESSION, STATUS } from '../support/fake-operations.ts';
import { importsOf } from '../support/source-scan.ts';

const busy = { ...QUIET, uploadBytesPerSecond: 125_000 };
const SEEN: Seen = {
	status: STATUS,
	regions: [{ name: 'eu', active: 3, maxConnections: 9, sessions: 4, traffic: QUIET, changed: [] }],
	alerts: [],
	pools: [
		{
			...POOL,
			backends: [
				{ ...backendOf('eu', 'eu-10'), active: 7 },
				{ ...backendOf('eu', 'eu-9'), health: 'down' },
			],
		},
		{ ...POOL, name: 'us', queued: 2, queueSize: 5, backends: [{ ...backendOf('us', 'us-1'), traffic: busy }] },
	],
	clients: [
		{ listener: 'game', client: '10.0.0.9', active: 4, uploadBytesPerSecond: 1, downloadBytesPerSecond: 0 },
		{ listener: 'game', client: '10.0.0.10', active: 1, uploadBytesPerSecond: 0, downloadBytesPerSecond: 9 },
	],
	sessions: [
		{ ...SESSION, id: '0-1', ageMs: 5 },
		{ ...SESSION, id: '1-1', ageMs: 90, country: 'US', throttled: true },
	],
	more: false,
};

const firstCells = (view: Steering['view'], sort: number, filter = ''): string[] =>
	tableOf(view, SEEN, sort, filter).rows.map(({ cells }) => cells[0]?.text ?? '');

test('by name, backends stand under their pools; in any other order they stand alone', async (t) => {
	t.strictSame(firstCells('backends', 0), [
		'eu: 1 of 2 healthy, 3 of 10 sessions, round-robin',
		'eu/eu-9',
		'eu/eu-10',
		'us: 1 of 1 healthy, 3 of 10 sessions, 2 of 5 queued, round-robin',
		'us/us-1',
	]);
	const orders: readonly [sort: number, name: string, first: string][] = [
		[1, 'sessions', 'eu/eu-10'],
		[2, 'upload', 'us/us-1'],
		[4, 'trouble', 'eu/eu-9'],
	];
	for (const [sort, name, first] of orders) {
		t.equal(tableOf('backends', SEEN, sort, '').sort, name);
		t.equal(firstCells('backends', sort)[0], first, name);
	}
	t.strictSame(firstCells('backends', 5), firstCells('backends', 0), 'and then from the start');
});

test('clients by traffic, sessions by age', async (t) => {
	t.strictSame(firstCells('clients', 0), ['10.0.0.10', '10.0.0.9']);
	t.strictSame(firstCells('clients', 1), ['10.0.0.9', '10.0.0.10']);
	t.strictSame(firstCells('clients', 2), ['10.0.0.9', '10.0.0.10'], 'numbers as numbers');
	t.strictSame(firstCells('sessions', 0), ['1-1', '0-1']);
	t.strictSame(firstCells('sessions', 1), ['0-1', '1-1']);
});

test('a filter keeps the rows that have the text in any cell; pools without rows go, too', async (t) => {
	t.strictSame(firstCells('backends', 0, 'US-'), firstCells('backends', 0).slice(3));
	t.strictSame(firstCells('backends', 1, 'DOWN'), ['eu/eu-9']);
	t.strictSame(firstCells('sessions', 0, 'throttled'), ['1-1']);
	t.strictSame(firstCells('clients', 0, 'nobody'), []);
});

/** The state after these keys, and what they asked for. */
function keyed(keys: readonly Key[], from: Steering = AT_FIRST) {
	let state = from;
	const orders: unknown[] = [];
	for (const key of keys) {
		const { view, sort, filter } = state;
		const pressed = press(state, key, tableOf(view, SEEN, sort[view], filter));
		state = pressed.state;
		if (pressed.order !== null) orders.push(pressed.order);
	}
	return { state, orders };
}

test('moving passes over headings and stops at the ends', async (t) => {
	const cases: readonly [keys: readonly Key[], selected: string][] = [
		[['j'], 'eu/eu-10'],
		[['down', 'down'], 'us/us-1'],
		[['j', 'j', 'j'], 'us/us-1'],
		[['j', 'k', 'up'], 'eu/eu-9'],
		[['pageDown'], 'us/us-1'],
		[['pageDown', 'pageUp'], 'eu/eu-9'],
	];
	for (const [keys, selected] of cases) t.equal(keyed(keys).state.selected, selected, keys.join(' '));
});

test('an order is given only after y, and only where it has a sense', async (t) => {
	const cases: readonly [keys: readonly Key[], orders: unknown[]][] = [
		[['d', 'y'], [{ type: 'drain', pool: 'eu', backend: 'eu-9' }]],
		[['j', 'e', 'Y'], [{ type: 'enable', pool: 'eu', backend: 'eu-10' }]],
		[['d', 'n'], []],
		[['d', 'd'], []],
		[['d', 'escape'], []],
		[['d', 'enter'], []],
		[['K', 'y'], []],
		[['tab', 'd', 'y'], []],
		[['tab', 'tab', 'K', 'y'], [{ type: 'kill', id: '1-1' }]],
		[['tab', 'tab', 'j', 'K', 'y'], [{ type: 'kill', id: '0-1' }]],
		[['f', 'd', 'y', 'enter'], []],
		[['f', 'x', 'x', 'enter', 'd', 'y'], []],
	];
	for (const [keys, orders] of cases) t.strictSame(keyed(keys).orders, orders, keys.join(' '));
	t.equal(press(AT_FIRST, 'q', tableOf('backends', SEEN, 0, '')).quit, true);
	t.equal(press({ ...AT_FIRST, typing: true }, 'q', tableOf('backends', SEEN, 0, '')).quit, false);
});

test('the selected row stays selected when others come before it; one that is gone is the first again', async (t) => {
	t.equal(keyed(['j', 's', 'd']).state.question?.type, 'drain');
	t.match(keyed(['j', 's', 'd', 'y']).orders, [{ backend: 'eu-10' }]);
	t.match(keyed(['d', 'y'], { ...AT_FIRST, selected: 'eu/gone' }).orders, [{ backend: 'eu-9' }]);
});

test('what is typed is the filter, cut to what makes sense', async (t) => {
	t.equal(keyed(['f', 'a', 'b', 'backspace', 'q', 'up', 'enter']).state.filter, 'aq');
	t.equal(keyed(['f', 'a', 'escape']).state.filter, '');
	t.equal(keyed(['f', ...Array.from({ length: 100 }, () => 'x')]).state.filter.length, 64);
	t.equal(keyed(['f', '\u0007']).state.filter, '');
});

const lines = (t: Test, columns: number, rows: number, state = AT_FIRST, seen = SEEN): string[] => {
	const table = tableOf(state.view, seen, state.sort[state.view], state.filter);
	const drawn = frame(seen, NO_TRACK, table, state, null, { columns, rows });
	t.ok(drawn.length <= rows, `${drawn.length} lines in ${rows}`);
	t.ok(drawn.every((line) => textOf(line).length <= columns));
	return drawn.map((line) => `${line.selected ? '>' : ''}${textOf(line)}`);
};

test('the screen has what fits, and always the selected row', async (t) => {
	const all = lines(t, 200, 30);
	t.match(all[0], /^sluice 0\.0\.0, engine epoll, 2 workers, up 1\.0s, running$/);
	t.match(all[1], /^sessions 3 of 100 +new - +ended 0\.5\/s +queued 0 +throttled 0 %$/);
	t.match(all[3], /^regions: eu 3 of 9$/);
	t.match(all[4], /^\[backends\] +clients +sessions +sort: name$/);
	t.match(
		all.find((line) => line.startsWith('>')),
		/>eu\/eu-9 +down +enabled +1 +3 of 10/,
	);
	t.match(all.at(-1), /^q quit/);
	for (let rows = 1; rows < 12; rows++) lines(t, 20, rows);
	for (let columns = 1; columns < 30; columns++) lines(t, columns, 10);
	const last = lines(t, 80, 7, keyed(['pageDown']).state);
	t.match(
		last.find((line) => line.startsWith('>')),
		/>us\/us-1/,
	);
});

test('a narrow terminal loses whole columns, the least telling first, and no total', async (t) => {
	const headsAt = (columns: number, view: Steering['view'] = 'backends'): string =>
		lines(t, columns, 30, { ...AT_FIRST, view }).find((line) => /^(BACKEND|CLIENT|ID)/.test(line)) ?? '';
	t.match(headsAt(120), /^BACKEND +HEALTH +STATE +WEIGHT +SESSIONS +ENDED +UP +DOWN +LAST ERROR$/);
	t.match(headsAt(80), /^BACKEND +HEALTH +STATE +WEIGHT +SESSIONS +ENDED +UP +DOWN$/);
	t.match(headsAt(60), /^BACKEND +HEALTH +STATE +SESSIONS +UP +DOWN$/);
	t.match(headsAt(34), /^BACKEND +HEALTH +SESSIONS$/);
	t.match(headsAt(60, 'sessions'), /^ID +CLIENT +BACKEND +STATE$/);
	t.match(headsAt(40, 'clients'), /^CLIENT +SESSIONS +DOWN$/);
	const narrow = lines(t, 40, 30).join('\n');
	for (const total of ['sessions 3 of 100', 'queued 0', 'throttled 0 %', 'up ', 'down ']) t.match(narrow, total);
});

test('alerts that fire or are about to are above everything', async (t) => {
	const alert = { name: 'full', when: 'ready == 0', forMs: 0, state: 'firing', value: 1, since: '' } as const;
	const quiet = { webhook: null, told: null, trouble: null };
	const alerts = [
		{ ...alert, ...quiet },
		{ ...alert, ...quiet, name: 'soon', state: 'pending' as const },
		{ ...alert, ...quiet, name: 'calm', state: 'ok' as const },
	];
	t.equal(lines(t, 100, 20, AT_FIRST, { ...SEEN, alerts })[1], 'firing: full   pending: soon');
	t.match(lines(t, 100, 20)[1], /^sessions/);
});

test('what is shown while there is no answer is faded, all but the reason', async (t) => {
	const drawn = frame(SEEN, NO_TRACK, tableOf('backends', SEEN, 0, ''), AT_FIRST, 'gone', { columns: 90, rows: 20 });
	t.match(drawn[0]?.spans, [{ text: 'no answer: gone', tone: 'bad' }]);
	t.ok(drawn.slice(1).every(({ spans }) => spans.every(({ tone }) => tone === 'soft')));
});

test('what a name has in it cannot steer the terminal', async (t) => {
	const pools = [{ ...POOL, backends: [{ ...backendOf('eu', 'a\u001b[2Jb'), lastError: null }] }];
	t.match(lines(t, 100, 20, AT_FIRST, { ...SEEN, pools }).join('\n'), /eu\/a\?\[2Jb/);
});

test('new sessions per second come from two looks, and from zero after a restart', async (t) => {
	const first = follow(NO_TRACK, STATUS, 1_000);
	t.equal(first.newPerSecond, null);
	const second = follow(first, { ...STATUS, sessions: 14, active: 5 }, 3_000);
	t.equal(second.newPerSecond, 2);
	t.equal(follow(second, { ...STATUS, sessions: 99 }, 3_100), second, 'too soon to tell');
	t.equal(follow(second, { ...STATUS, startedAt: '2026-01-02T00:00:00.000Z' }, 4_000).newPerSecond, null);
	let track = NO_TRACK;
	for (let at = 0; at < 200; at++) track = follow(track, STATUS, at * 1_000);
	t.equal(track.upload.length, 60);
	t.strictSame(
		[sparkline([0, 0], 5), sparkline([0, 5, 10], 5), sparkline([1, 2, 3], 2), sparkline([1, 2], -1)],
		['▁▁', '▁▅█', '▆█', ''],
	);
});

test('only the screen itself loads React, and nothing loads the screen before it is wanted', async (t) => {
	const root = new URL('../../', import.meta.url);
	const files = globSync('{src,bin}/**/*.ts', { cwd: root });
	const text = (path: string): string => readFileSync(new URL(path, root), 'utf8');
	const drawing = files.filter((path) => importsOf(text(path)).some((name) => name === 'ink' || name === 'react'));
	t.strictSame(drawing, ['src/cli/admin/top/screen.ts']);
	const loading = files.filter((path) => /\/screen\.ts'/.test(text(path)));
	t.strictSame(loading, ['src/cli/admin/top/command.ts']);
	t.notMatch(text('src/cli/admin/top/command.ts'), /from '\.\/screen\.ts'/);
});
