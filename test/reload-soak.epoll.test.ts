import t from 'tap';
import { reloadSoak } from './support/reload-soak.ts';

t.test(
	'epoll: 50 reloads and changes under 500 long sessions and 200 new ones a second, and nobody notices',
	async (t) => {
		const result = await reloadSoak({ engine: 'epoll', long: 500, perSecond: 200, reloads: 50, everyMs: 150 });
		t.same(result.faults.slice(0, 10), []);
		t.same(result.outcomes, {}, 'every session completed');
		t.equal(result.reloads, 50);
		t.ok(result.changes >= 50, `${result.changes} changes at run time`);
		t.ok(result.shortSessions > 500, `${result.shortSessions} short sessions`);
		t.ok(result.longBytes > 500 * 5_000, `${result.longBytes} bytes through the long ones`);
	},
);
