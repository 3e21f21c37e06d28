import { join } from 'node:path';
import type { Page } from 'playwright-core';
import tap, { type Test, test } from 'tap';
import { HistoryStore } from '../src/control/history/store.ts';
import { inPage, openPage, openStage, startBalancer } from './support/dashboard.ts';

const stage = await openStage(tap);
const HOUR_MS = 3_600_000;

/** A file with the last hours of an earlier process. */
function earlier(t: Test, hours: number): string {
	const path = join(t.testdir({}), 'history.db');
	const nowMs = Math.floor(Date.now() / 10_000) * 10_000;
	const store = new HistoryStore(path);
	for (let timeMs = nowMs - hours * HOUR_MS; timeMs < nowMs; timeMs += 10_000) {
		const values = { timeMs, endedPerSecond: 5, uploadBytesPerSecond: 2e6, downloadBytesPerSecond: 4e6, queued: 3 };
		store.write(
			[
				{ series: 'process', active: 1_000, ...values },
				{ series: 'pool eu', active: 400, ...values },
			],
			nowMs,
		);
	}
	store.close();
	return path;
}

/** Who stands in for the library of the charts sees all that they show: [throughput, sessions], each [times, ...lines]. */
async function shown(page: Page): Promise<(number | null)[][][]> {
	await inPage(
		page,
		`window.seen = []; window.uPlot = class { cursor = { idx: null }; constructor(_, data) { seen.push(data); } setSize() {} setData() {} destroy() {} }`,
	);
	await page.getByRole('button', { name: 'Light / dark' }).click();
	return inPage(page, 'seen');
}

test('after a restart the charts begin with what was before', async (t) => {
	const app = await startBalancer(t, stage, 0, { history: earlier(t, 0.2) });
	const { page, faults } = await openPage(t, stage, app);
	await page.waitForSelector('#past:has-text("History is on")');
	const [throughput = [], connections = []] = await shown(page);
	const [times = [], active = []] = connections;
	t.ok(times.length >= 29, `${times.length} points`);
	t.ok((times.at(-1) ?? 0) - Number(times[0]) > 280, 'of the last five minutes');
	t.strictSame(
		times,
		times.toSorted((a, b) => Number(a) - Number(b)),
		'in order',
	);
	t.strictSame([active[0], active[5]], [1_000, 1_000], 'first what was kept');
	t.equal(active.at(-1), 0, 'then what is');
	t.strictSame([throughput[1]?.[3], throughput[2]?.[3]], [32e6, 16e6], 'download and upload, in bits');
	t.strictSame(faults, []);
});

test('an hour, a day, and a pool can be chosen by the keyboard; no line has more than 600 points', async (t) => {
	const app = await startBalancer(t, stage, 0, { history: earlier(t, 23.9) });
	const { page, faults } = await openPage(t, stage, app);
	const asked: string[] = [];
	page.on('response', (answer) => answer.url().includes('/history?') && asked.push(answer.url()));
	await page.focus('#range input:checked');
	for (const [seconds, least] of [
		[3_600, 355],
		[86_400, 470],
	] as const) {
		const answered = page.waitForResponse(/\/history\?/);
		await page.keyboard.press('ArrowRight');
		await (await answered).finished();
		await page.waitForTimeout(50);
		const [times = [], active = []] = (await shown(page))[1] ?? [];
		t.ok(times.length <= 600 && times.length >= least, `${seconds} s: ${times.length} points`);
		t.ok(Number(times.at(-1)) - Number(times[0]) > seconds * 0.98);
		t.equal(active[1], 1_000);
		await page.focus('#range input:checked');
	}
	const answered = page.waitForResponse(/series=pool\+eu/);
	await page.focus('#subject');
	await page.keyboard.press('ArrowDown');
	await (await answered).finished();
	await page.waitForTimeout(50);
	t.equal((await shown(page))[1]?.[1]?.[1], 400);
	t.equal(asked.length, 3, 'nothing is asked for again and again');
	t.strictSame(faults, []);
});

test('where history is off it is said, and the charts have what the process has seen before the page', async (t) => {
	const app = await startBalancer(t, stage);
	const { page } = await openPage(t, stage, app);
	await page.waitForSelector('#past:has-text("History is off")');
	t.match(await page.textContent('#past'), /history: FILE keeps 24 hours/);
	const [point] = [{ time: new Date(Date.now() - 90_000).toISOString(), active: 77, endedPerSecond: 1 }];
	await page.route('**/history?*', (route) =>
		route.fulfill({
			json: {
				kept: false,
				fault: null,
				series: 'process',
				stepMs: 10_000,
				points: [{ ...point, uploadBytesPerSecond: 1, downloadBytesPerSecond: 1, queued: 0 }],
			},
		}),
	);
	await page.check('#range input[value="3600"]', { force: true });
	await page.waitForSelector('#past:has-text("go back to the start of this process")');
	const [times = [], active = []] = (await shown(page))[1] ?? [];
	t.equal(active[0], 77);
	t.equal(active[1], null, 'a hole where nothing is known');
	t.ok(times.length >= 3);
});

test('a history that cannot be kept is told of', async (t) => {
	const app = await startBalancer(t, stage, 0, { history: join(t.testdir({}), 'missing', 'history.db') });
	const { page } = await openPage(t, stage, app);
	await page.waitForSelector('#past:has-text("History is not kept now: unable to open")');
	t.ok(await page.isVisible('#past'));
});
