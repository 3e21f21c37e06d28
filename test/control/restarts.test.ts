import t from 'tap';
import { DEATH_WINDOW_MS, MAX_DEATHS, restartDelayMs } from '../../src/control/restarts.ts';

t.test('a dead worker is replaced at once, then later and later, and in the end not at all', (t) => {
	const deaths: number[] = [];
	const delays = Array.from({ length: MAX_DEATHS }, (_, i) => {
		deaths.push(i);
		return restartDelayMs(deaths, i);
	});
	t.strictSame(delays, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, null]);
	t.end();
});

t.test('old deaths are forgotten', (t) => {
	const deaths = Array.from({ length: MAX_DEATHS - 1 }, () => 0);
	t.equal(restartDelayMs([...deaths, DEATH_WINDOW_MS], DEATH_WINDOW_MS), 0);
	t.equal(restartDelayMs([...deaths, DEATH_WINDOW_MS - 1], DEATH_WINDOW_MS - 1), null);
	t.end();
});
