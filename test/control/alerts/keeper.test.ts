import { test } from 'tap';
import { parseCondition } from '../../../src/control/alerts/condition.ts';
import type { AlertMessage } from '../../../src/control/alerts/courier.ts';
import { AlertKeeper } from '../../../src/control/alerts/keeper.ts';
import type { AlertTerms } from '../../../src/control/alerts/terms.ts';

const START = Date.parse('2026-01-01T00:00:00Z');

function terms(name: string, when: string, given: Partial<AlertTerms> = {}): AlertTerms {
	const result = parseCondition(when);
	if (!result.ok) throw new Error(result.message);
	return { name, when, condition: result.value, forMs: 0, webhook: null, ...given };
}

/** A keeper whose clock and metrics stand still until they are moved. */
function house() {
	const told: unknown[][] = [];
	const posted: { readonly url: string; readonly message: AlertMessage }[] = [];
	const seen = { nowMs: 5_000, active: 0, broken: false };
	let timers = 0;
	const note =
		(level: string) =>
		(msg: string, fields: object = {}): void =>
			void told.push([level, msg, fields]);
	const keeper = new AlertKeeper({
		log: { info: note('info'), warn: note('warn'), error: note('error') },
		host: 'h1',
		readings: () => {
			if (seen.broken) throw new Error('it is still starting');
			return [{ name: 'sluice_sessions_active', labels: [], value: seen.active }];
		},
		nowMs: () => seen.nowMs,
		wallMs: () => START + seen.nowMs,
		post: async (url, message) => {
			posted.push({ url, message });
			return null;
		},
		every: () => {
			timers += 1;
			return () => {
				timers -= 1;
			};
		},
	});
	const look = (active: number): void => {
		seen.nowMs += 1_000;
		seen.active = active;
		keeper.look();
	};
	return { keeper, told, posted, seen, look, timers: () => timers };
}

test('log and webhook are told when an alert fires and when it is over', async (t) => {
	const { keeper, told, posted, look } = house();
	keeper.adopt([terms('full', 'sessions_active > 9', { forMs: 1_000, webhook: 'http://hook/' })]);
	for (const active of [9, 10, 11]) look(active);
	await new Promise((resolve) => setImmediate(resolve));
	t.match(keeper.views(), [{ name: 'full', state: 'firing', value: 11, webhook: 'delivered', trouble: null }]);
	t.same(keeper.views()[0]?.told, { state: 'firing', time: '2026-01-01T00:00:08.000Z' });
	look(3);
	const since = '2026-01-01T00:00:07.000Z';
	const over = '2026-01-01T00:00:09.000Z';
	const when = 'sessions_active > 9';
	t.same(told, [
		['warn', 'alert firing', { alert: 'full', when, value: 11, since }],
		['info', 'alert resolved', { alert: 'full', when, value: 3, since: over }],
	]);
	t.same(posted, [
		{
			url: 'http://hook/',
			message: { alert: 'full', state: 'firing', when, value: 11, since, time: '2026-01-01T00:00:08.000Z', host: 'h1' },
		},
		{
			url: 'http://hook/',
			message: { alert: 'full', state: 'resolved', when, value: 3, since: over, time: over, host: 'h1' },
		},
	]);
});

test('a webhook that takes the place of a dead one hears of what fires, and of its end', async (t) => {
	const { keeper, posted, look } = house();
	const when = 'sessions_active > 9';
	const hooked = (webhook: string | null) => [terms('full', when, { webhook })];
	keeper.adopt(hooked(null));
	look(10);
	keeper.adopt(hooked('http://old/'));
	keeper.adopt(hooked('http://new/'));
	await new Promise((resolve) => setImmediate(resolve));
	look(3);
	t.same(
		posted.map(({ url, message }) => [url, message.state]),
		[
			['http://old/', 'firing'],
			['http://new/', 'firing'],
			['http://new/', 'resolved'],
		],
	);
	keeper.adopt(hooked('http://newer/'));
	t.equal(posted.length, 3, 'of what does not fire nothing is told');
});

test('a reload keeps the state of an alert that stays, and forgets those that change or go', (t) => {
	const { keeper, told, posted, look } = house();
	const staying = terms('a', 'sessions_active > 9');
	keeper.adopt([staying, terms('b', 'sessions_active > 9'), terms('c', 'sessions_active > 9')]);
	look(10);
	t.equal(told.length, 3);
	keeper.adopt([{ ...staying, webhook: 'http://other/' }, terms('b', 'sessions_active > 8')]);
	t.match(keeper.views(), [
		{ name: 'a', state: 'firing', value: 10, webhook: 'waiting' },
		{ name: 'b', state: 'ok', value: null, webhook: null },
	]);
	look(10);
	t.same(
		told.slice(3).map(([, msg, fields]) => [msg, (fields as { alert: string }).alert]),
		[['alert firing', 'b']],
	);
	t.match(
		posted,
		[{ url: 'http://other/', message: { alert: 'a', state: 'firing' } }],
		'a webhook that came later, too',
	);
	t.end();
});

test('without alerts nothing is looked at', (t) => {
	const { keeper, timers } = house();
	keeper.adopt([]);
	t.equal(timers(), 0);
	keeper.adopt([terms('a', 'sessions_active > 9')]);
	keeper.adopt([terms('b', 'sessions_active > 9')]);
	t.equal(timers(), 1);
	keeper.adopt([]);
	t.equal(timers(), 0);
	t.end();
});

test('metrics that cannot be read are told of once, and change no state', (t) => {
	const { keeper, told, seen, look } = house();
	keeper.adopt([terms('a', 'sessions_active > 9')]);
	look(10);
	seen.broken = true;
	look(0);
	look(0);
	t.equal(keeper.views()[0]?.state, 'firing');
	seen.broken = false;
	look(10);
	t.same(
		told.map(([level, msg]) => `${level} ${msg}`),
		['warn alert firing', 'error alerts not evaluated'],
	);
	t.end();
});
