import { join } from 'node:path';
import tap, { test } from 'tap';
import { HistoryStore } from '../src/control/history/store.ts';
import { inPage, openPage, openStage, startBalancer } from './support/dashboard.ts';

const stage = await openStage(tap);

test('after a restart the charts begin with what was before', async (t) => {
	const path = join(t.testdir({}), 'history.db');
	const nowMs = Math.floor(Date.now() / 10_000) * 10_000;
	const earlier = new HistoryStore(path);
	const points = Array.from({ length: 60 }, (_, at) => ({
		series: 'process',
		timeMs: nowMs - 600_000 + at * 10_000,
		active: 1_000 + at,
		endedPerSecond: 5,
		uploadBytesPerSecond: 2e6,
		downloadBytesPerSecond: 4e6,
		queued: 0,
	}));
	earlier.write(points, nowMs);
	earlier.close();
	const app = await startBalancer(t, stage, 0, { history: path });
	const { page, faults } = await openPage(t, stage, app);
	// Charts are drawn anew with another theme: who stands in for their library sees all that they show.
	await inPage(
		page,
		`window.seen = []; window.uPlot = class { constructor(_, data) { seen.push(data); } setSize() {} setData() {} destroy() {} }`,
	);
	await page.getByRole('button', { name: 'Light / dark' }).click();
	const [throughput = [], connections = []] = await inPage<number[][][]>(page, 'seen');
	const [times = [], active = []] = connections;
	t.ok(times.length >= 29, `${times.length} points`);
	t.ok((times.at(-1) ?? 0) - (times[0] ?? 0) > 280, 'of the last five minutes');
	t.strictSame(
		times,
		times.toSorted((a, b) => a - b),
		'in order',
	);
	t.ok((active[0] ?? 0) >= 1_000 && (active[5] ?? 0) >= 1_000, 'first what was kept');
	t.equal(active.at(-1), 0, 'then what is');
	t.equal(throughput[2]?.[3], 4e6);
	t.strictSame(faults, []);
});
