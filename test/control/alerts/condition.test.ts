import fc from 'fast-check';
import { test } from 'tap';
import { parseCondition } from '../../../src/control/alerts/condition.ts';
import { METRICS } from '../../../src/control/metrics/names.ts';

test('a condition is a place, a metric of it, an operator and a number', (t) => {
	const read = (text: string): unknown => {
		const result = parseCondition(text);
		if (!result.ok) return result.message;
		const { metric, labels, perSecond, operator, threshold } = result.value;
		return [metric, labels, perSecond ? 'per second' : 'now', operator, threshold];
	};
	const eu = { pool: 'eu' };
	for (const [text, expected] of [
		['pool eu healthy < 0.5', ['sluice_pool_healthy', eu, 'now', '<', 0.5]],
		['sessions_active > 900', ['sluice_sessions_active', {}, 'now', '>', 900]],
		['process_open_fds >= 900', ['process_open_fds', {}, 'now', '>=', 900]],
		['  ready   ==  0 ', ['sluice_ready', {}, 'now', '==', 0]],
		['pool_healthy != 1', ['sluice_pool_healthy', {}, 'now', '!=', 1]],
		['backend eu/eu-1 up == 0', ['sluice_backend_up', { pool: 'eu', backend: 'eu-1' }, 'now', '==', 0]],
		['backend eu/unix:/run/x up <= -1', ['sluice_backend_up', { pool: 'eu', backend: 'unix:/run/x' }, 'now', '<=', -1]],
		['pool eu bytes_total > 1', ['sluice_pool_bytes_total', eu, 'per second', '>', 1]],
		['sessions_total outcome=no-route > 5', ['sluice_sessions_total', { outcome: 'no-route' }, 'per second', '>', 5]],
		['bucket_fill place="pool eu" < 0', ['sluice_bucket_fill', { place: 'pool eu' }, 'now', '<', 0]],
		[
			'region eu bytes_total direction="upload" > 5',
			['sluice_region_bytes_total', { region: 'eu', direction: 'upload' }, 'per second', '>', 5],
		],
	] as const)
		t.same(read(text), expected, text);
	t.end();
});

test('what is no condition is refused with what to write', (t) => {
	for (const [text, expected] of [
		['', /not a condition.*pool eu healthy < 0\.5/],
		['pool eu healthy', /"eu" is not an operator/],
		['pool eu healthy < many', /"many" is not a number/],
		['pool eu healthy < Infinity', /not a number/],
		['pool eu healthy = 1', /"=" is not an operator: .* < <= > >= == !=/],
		['pool eu helthy < 1', /unknown metric "helthy": the nearest known metric is "healthy"/],
		['sesions_active > 1', /the nearest known metric is "sessions_active"/],
		['session_duration_seconds > 1', /unknown metric/],
		['pool eu toString < 1', /unknown metric/],
		['pool eu < 1', /after "pool" come its name and the metric/],
		['backend eu-1 up == 0', /write pool\/backend/],
		['sessions_total outcom=x > 1', /unknown label "outcom": the nearest known label is "outcome"/],
		['pool eu active pool=us > 1', /label "pool" is given twice/],
		['pool eu active now > 1', /"now" is no label/],
		['pool eu active > "1', /not a condition/],
		[`pool ${'x'.repeat(500)} active > 1`, /not a condition/],
	] as const) {
		const result = parseCondition(text);
		t.match(result.ok ? 'accepted' : result.message, expected, text);
	}
	t.end();
});

test('every metric with a single value can be compared, by its name', (t) => {
	for (const [name, { type }] of Object.entries(METRICS))
		t.equal(parseCondition(`${name.replace(/^sluice_/, '')} > 0`).ok, type !== 'histogram', name);
	t.end();
});

test('no text makes it throw, or takes long', (t) => {
	const words = fc.constantFrom(
		'pool',
		'eu',
		'healthy',
		'<',
		'0.5',
		'"',
		'=',
		'outcome=',
		' ',
		'__proto__',
		'a'.repeat(50),
	);
	fc.assert(
		fc.property(
			fc.oneof(
				fc.string(),
				fc.array(words).map((all) => all.join(' ')),
			),
			(text) => {
				const result = parseCondition(text);
				return result.ok || result.message.length < 2_000;
			},
		),
	);
	t.end();
});
