import t from 'tap';
import { reloadSoak } from './reload-soak.ts';

const LONG = 500;
const RELOADS = 50;
/** About 20 seconds of load in all, with the time it takes to build up and to end. */
const EVERY_MS = 370;

/** What has to hold of 50 reloads under load, on one engine. */
export function reloadSoakTest(engine: 'epoll' | 'node'): void {
	t.test(
		`${engine}: reloads and changes under 500 long sessions and 200 new ones a second, and nobody notices`,
		async (t) => {
			const result = await reloadSoak({ engine, long: LONG, perSecond: 200, reloads: RELOADS, everyMs: EVERY_MS });
			t.same(result.faults.slice(0, 10), []);
			t.same(result.outcomes, {}, 'every session completed');
			t.equal(result.reloads, RELOADS);
			t.ok(result.changes >= RELOADS, `${result.changes} changes at run time`);
			t.ok(result.shortSessions > 2_000, `${result.shortSessions} short sessions`);
			t.ok(result.longBytes > LONG * 5_000, `${result.longBytes} bytes through the long ones`);
		},
	);
}
