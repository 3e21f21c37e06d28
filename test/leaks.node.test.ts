import t from 'tap';
import { LiveSluice } from './support/live-scoreboard.ts';
import { RawLoad } from './support/raw-load.ts';

const SESSIONS = 20_000;
const AT_ONCE = 64;
/** Held objects and buffers after a collection: a hundred bytes a session would be as much. */
const MOST_HELD_BYTES = 2 ** 20;
/** What the runtime keeps of memory that is free goes up and down. */
const MOST_GROWTH_BYTES = 64 * 2 ** 20;

t.test('20,000 sessions on node leave nothing behind', async (t) => {
	const load = new RawLoad();
	t.teardown(() => load.close());
	const live = new LiveSluice(t, {
		engine: 'node',
		workers: 1,
		log: { access: 'none' },
		listeners: [{ name: 'in', bind: '127.0.0.1:0', routes: [{ to: ['out'] }] }],
		pools: [{ name: 'out', health: { active: 'off' }, backends: [{ address: load.address }] }],
	});
	const port = await live.port('in');
	await load.run(port, 2_000, AT_ONCE);
	await live.atRest();
	const before = live.descriptors;
	await load.run(port, SESSIONS / 2, AT_ONCE);
	const half = await live.atRest(before);
	await load.run(port, SESSIONS / 2, AT_ONCE);
	const end = await live.atRest(before);
	t.ok(live.descriptors <= before, 'descriptors are as before');
	const held = end.usedBytes - half.usedBytes;
	t.ok(held < MOST_HELD_BYTES, `${held} bytes more are held after the second half`);
	const growth = end.rssBytes - half.rssBytes;
	t.ok(growth < MOST_GROWTH_BYTES, `memory grew by ${growth} bytes in the second half`);
	t.strictSame(end.faults, []);
});
