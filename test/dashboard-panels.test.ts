import tap, { test } from 'tap';
import type { LiveOperations } from '../src/control/steering/live-operations.ts';
import { EchoClient } from './support/backends.ts';
import { inPage, openPage, openStage, portIn, startBalancer } from './support/dashboard.ts';

const stage = await openStage(tap);
const [one] = stage.backends;

const narrow = {
	name: 'narrow',
	queue: { size: 5, timeout: '1m' },
	health: { active: 'off' as const },
	backends: [{ name: 'only', address: one?.address ?? '', maxConnections: 1 }],
};

test('who waits in a queue is named, and regions, countries and outcomes are counted', async (t) => {
	const app = await startBalancer(t, stage, 0, {
		geo: {
			regions: { here: { countries: ['NZ'], maxConnections: 20 } },
			overrides: [{ network: '127.0.0.0/8', country: 'NZ' }],
		},
		listeners: [{ name: 'game', bind: '127.0.0.1:0', routes: [{ to: ['narrow'] }] }],
		pools: [narrow],
	});
	const { page } = await openPage(t, stage, app);
	for (const text of [
		'No session now.',
		'None has ended yet.',
		'Nobody just now.',
		'No listener, region, pool or backend',
	])
		t.ok(await page.getByText(text).isVisible(), text);
	const port = portIn(app.addresses[0]?.address);
	const client = new EchoClient(t, port);
	await client.greeting();
	const waiter = new EchoClient(t, port);
	await page.waitForSelector('#waiting li:has-text("127.0.0.1:"):has-text("NZ"):has-text("game → narrow, queued for")');
	await page.waitForSelector('#waiting-count:has-text("1 in queues")');
	await page.waitForSelector('#pool-tables .facts:has-text("1 of 5 queued")');
	await page.waitForSelector('#countries li:has-text("New Zealand"):has-text("100 %")');
	await page.waitForSelector('#regions li:has-text("here"):has-text("2 of 20")');
	client.socket.end();
	await waiter.greeting();
	await page.waitForSelector('#waiting:has-text("Nobody just now.")');
	await page.waitForSelector('#outcomes li:has-text("completed"):has-text("1")');
});

test('the strip of a backend has its colours over time, and says them', async (t) => {
	const app = await startBalancer(t, stage);
	const { page, faults } = await openPage(t, stage, app);
	const strip = page.locator('tr[data-backend=eu-1] .strip');
	const looks = (): Promise<string[]> =>
		inPage(
			page,
			"[...document.querySelectorAll('tr[data-backend=eu-1] rect')].map((part) => part.getAttribute('class'))",
		);
	t.strictSame(await looks(), ['up']);
	await app.operations.drain('eu', 'eu-1', {}, 'a test');
	await page.waitForSelector('tr[data-backend=eu-1] .strip rect.wait');
	t.strictSame(await looks(), ['up', 'wait']);
	await app.operations.enable('eu', 'eu-1', 'a test');
	await page.waitForSelector('tr[data-backend=eu-1] .strip rect:nth-child(3)');
	t.match(await strip.getAttribute('aria-label'), /up, enabled; .* up, draining; .* up, enabled$/);
	(app.operations as LiveOperations).note({
		level: 'warn',
		msg: 'backend down',
		fields: { pool: 'eu', backend: 'eu-1', reason: 'connect refused', upMs: 5 },
	});
	await page.waitForSelector('tr[data-backend=eu-1] .strip rect.down');
	await page.reload();
	await page.waitForSelector('tr[data-backend=eu-1] .strip rect:nth-child(4)');
	t.strictSame(await looks(), ['up', 'wait', 'up', 'down'], 'a page that is opened later knows it, too');
	t.equal(await page.locator('tr[data-backend=eu-2] rect').count(), 1, 'the other one was up all the time');
	t.strictSame(faults, []);
});
