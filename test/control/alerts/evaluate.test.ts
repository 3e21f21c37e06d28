import { test } from 'tap';
import { parseCondition } from '../../../src/control/alerts/condition.ts';
import { type Verdict, Watch } from '../../../src/control/alerts/evaluate.ts';
import type { Reading } from '../../../src/control/metrics/readings.ts';

function watch(text: string): Watch {
	const result = parseCondition(text);
	if (!result.ok) throw new Error(result.message);
	return new Watch(result.value);
}

const healthy = (pool: string, value: number): Reading => ({ name: 'sluice_pool_healthy', labels: [pool], value });
const up = (pool: string, backend: string, value: number): Reading => ({
	name: 'sluice_backend_up',
	labels: [pool, backend],
	value,
});
const ended = (outcome: string, value: number): Reading => ({
	name: 'sluice_sessions_total',
	labels: [outcome],
	value,
});

test('a gauge is compared as it is', (t) => {
	const readings = [healthy('eu', 0.5), healthy('us', 1), up('eu', 'a', 1), up('eu', 'b/10.1.0.1', 0)];
	for (const [text, value, met] of [
		['pool eu healthy < 0.5', 0.5, false],
		['pool eu healthy <= 0.5', 0.5, true],
		['pool eu healthy > 0.5', 0.5, false],
		['pool eu healthy >= 0.5', 0.5, true],
		['pool eu healthy == 0.5', 0.5, true],
		['pool eu healthy != 0.5', 0.5, false],
		['pool us healthy < 0.6', 1, false],
		['pool_healthy < 0.6', 0.5, true],
		['pool_healthy > 0.6', 1, true],
		['pool_healthy == 1', 1, true],
		['pool_healthy == 2', 0.5, false],
		['backend eu/a up == 0', 1, false],
		['backend eu/b up == 0', 0, true],
		['backend us/b up == 0', null, false],
		['sessions_active >= 0', null, false],
	] as const)
		t.same(watch(text).look(readings, 0), { value, met }, text);
	t.end();
});

test('a counter is compared by what it rises each second, over the last minute', (t) => {
	const watched = watch('sessions_total > 2');
	const seen: Verdict[] = [];
	// 10 a second from second 10 to 40, then nothing.
	for (let second = 0; second <= 120; second++) {
		const count = 1_000 + 10 * Math.min(30, Math.max(0, second - 10));
		seen.push(watched.look([ended('completed', count), ended('no-route', 7)], second * 1_000));
	}
	t.same(seen[0], { value: 0, met: false }, 'what was before it looked does not count');
	t.same(seen[16], { value: 1, met: false });
	t.same(seen[23], { value: 130 / 60, met: true }, 'known to be too many before the minute is over');
	t.same(seen[60], { value: 5, met: true });
	t.same(seen[99], { value: 10 / 60, met: false });
	t.same(seen[100], { value: 0, met: false });
	t.end();
});

test('that a counter is still is not said before a whole minute was seen', (t) => {
	const watched = watch('sessions_total < 1');
	t.same(watched.look([ended('completed', 0)], 0), { value: null, met: false });
	t.same(watched.look([ended('completed', 0)], 59_999), { value: null, met: false });
	t.same(watched.look([ended('completed', 0)], 60_000), { value: 0, met: true });
	t.end();
});

test('counters that come, go and begin anew never fall', (t) => {
	const watched = watch('sessions_total >= 0');
	watched.look([ended('completed', 50)], 0);
	t.equal(watched.look([ended('completed', 50), ended('no-route', 60)], 1_000).value, 1, 'a new one began at 0');
	t.equal(watched.look([ended('no-route', 60)], 2_000).value, 1, 'one went');
	t.equal(watched.look([ended('no-route', 0)], 3_000).value, 1, 'one began anew');
	t.equal(watched.look([ended('no-route', 30)], 4_000).value, 1.5);
	t.end();
});
