import { readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import t, { type Test } from 'tap';
import type { ConfigInput } from '../src/control/config/schema.ts';
import { eventually, startApp } from './support/app.ts';
import { RawLoad } from './support/raw-load.ts';

const AT_ONCE = 64;
/** A kilobyte a session would be many times that; what the collectors let lie is less. */
const MOST_GROWTH_BYTES = 24 * 2 ** 20;

/** Of threads that start from now on: garbage is collected early, so that what grows is held. */
setFlagsFromString('--max-semi-space-size=1');

const open = (): number => readdirSync('/proc/self/fd').length;

/** So many sessions one after the other: in the end the descriptors are as before, and memory as at half time. */
async function holdsNothing(t: Test, sessions: number): Promise<void> {
	const load = new RawLoad();
	t.teardown(() => load.close());
	const config: ConfigInput = {
		engine: 'epoll',
		workers: 1,
		log: { access: 'none' },
		listeners: [{ name: 'in', bind: '127.0.0.1:0', routes: [{ to: ['out'] }] }],
		pools: [{ name: 'out', health: { active: 'off' }, backends: [{ address: load.address }] }],
	};
	const { app, port } = await startApp(t, config);
	await load.run(port(), sessions / 10, AT_ONCE);
	await eventually(() => app.held.zero);
	const before = open();
	await load.run(port(), sessions / 2, AT_ONCE);
	const half = process.memoryUsage.rss();
	await load.run(port(), sessions / 2, AT_ONCE);
	await eventually(() => app.held.zero && app.sessions === 0 && open() <= before);
	const growth = process.memoryUsage.rss() - half;
	t.equal(open(), before, 'descriptors are as before');
	t.ok(growth < MOST_GROWTH_BYTES, `memory grew by ${growth} bytes in the second half`);
	t.strictSame(app.held.faults, []);
}

t.test('100,000 sessions on epoll leave nothing behind', (t) => holdsNothing(t, 100_000));
