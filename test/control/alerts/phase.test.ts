import { test } from 'tap';
import { advance, calm, type Phase } from '../../../src/control/alerts/phase.ts';

/** What a row of looks, one each second, makes of it: `.` does not hold, `x` holds. */
function lived(looks: string, forMs: number): string[] {
	let phase: Phase = calm(0);
	return [...looks].map((look, second) => {
		const step = advance(phase, look === 'x', second * 1_000, forMs);
		phase = step.phase;
		return `${phase.state}${step.told === null ? '' : ` ${step.told}`}`;
	});
}

test('an alert fires when its condition has held long enough, and is over when it does not hold', (t) => {
	t.same(lived('.xxx..', 0), ['ok', 'firing firing', 'firing', 'firing', 'ok resolved', 'ok']);
	t.same(lived('xxxx.', 2_000), ['pending', 'pending', 'firing firing', 'firing', 'ok resolved']);
	t.same(lived('xx.xx.', 2_000), ['pending', 'pending', 'ok', 'pending', 'pending', 'ok'], 'too short to be told');
	t.end();
});

test('it is so since the condition began to hold, or ceased to', (t) => {
	const pending = advance(calm(0), true, 5_000, 2_000).phase;
	const firing = advance(pending, true, 9_000, 2_000).phase;
	t.same([pending.sinceMs, firing.sinceMs], [5_000, 5_000]);
	t.equal(advance(firing, true, 12_000, 2_000).phase.sinceMs, 5_000);
	t.equal(advance(firing, false, 20_000, 2_000).phase.sinceMs, 20_000);
	t.end();
});
