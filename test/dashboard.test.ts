import tap, { test } from 'tap';
import { eventually } from './support/app.ts';
import { EchoClient } from './support/backends.ts';
import { backendIn, drawnPixels, giveToken, openPage, openStage, portIn, startBalancer } from './support/dashboard.ts';

const stage = await openStage(tap);

test('it loads from its own server alone, without a fault, and its charts get points', async (t) => {
	const app = await startBalancer(t, stage);
	const client = new EchoClient(t, portIn(app.addresses[0]?.address));
	await client.greeting();
	const { page, faults } = await openPage(t, stage, app);
	await page.waitForSelector('tr[data-backend=eu-2]');
	t.match(await page.textContent('#summary'), /engine \w+ · 1 worker · up .*running/);
	t.match(await page.textContent('#buckets'), /listener game upload ↑1.0 Gbit\/s, 100 % full/);
	while ((await drawnPixels(page, 'connections', '--accent')) < 50) await page.waitForTimeout(100);
	while ((await drawnPixels(page, 'throughput', '--second')) < 50) await page.waitForTimeout(100);
	t.match(await page.textContent('#tiles'), /Sessions1 of \d+.*ended/);
	t.strictSame(faults, []);
});

test('drain, weight and enable pressed on the page are done; without a token the server says why not', async (t) => {
	const app = await startBalancer(t, stage);
	const clients = [0, 1].map(() => new EchoClient(t, portIn(app.addresses[0]?.address)));
	await Promise.all(clients.map((client) => client.greeting()));
	const { page } = await openPage(t, stage, app);
	const drain = page.getByRole('button', { name: 'drain eu/eu-1' });
	await drain.click();
	await page.waitForSelector('#notice:has-text("this needs a token with role write")');
	t.equal(backendIn(app, 'eu-1')?.state, 'enabled');

	await giveToken(page);
	await drain.click();
	await page.waitForSelector('#notice.good:has-text("eu/eu-1 drains")');
	await page.waitForSelector('tr[data-backend=eu-1] [data-cell=state] .draining');
	await eventually(() => stage.backends[0]?.sockets.size === 0);
	t.equal(stage.backends[1]?.sockets.size, 1, 'the other one keeps its session');
	await page.waitForSelector('tr[data-backend=eu-1] td:has-text("0 of 10")');

	await page.getByRole('button', { name: 'enable eu/eu-1' }).click();
	await page.waitForSelector('tr[data-backend=eu-1] [data-cell=state] .enabled');
	t.equal(backendIn(app, 'eu-1')?.state, 'enabled');
	await page.getByRole('spinbutton', { name: 'weight of eu/eu-2' }).fill('7');
	await page.getByRole('button', { name: 'set the weight of eu/eu-2' }).click();
	await page.waitForSelector('tr[data-backend=eu-2] [data-cell=weight]:has-text("7")');
	t.equal(backendIn(app, 'eu-2')?.weight, 7);
	await page.waitForSelector('#events:has-text("weight set")');
});

test('the explain form answers, and tells what is wrong with a question', async (t) => {
	const app = await startBalancer(t, stage);
	const { page } = await openPage(t, stage, app);
	await page.fill('#explain-ip', '127.0.0.1');
	await page.press('#explain-ip', 'Enter');
	await page.waitForSelector('#explanation .served:has-text("pool eu, backend eu-1")');
	await page.fill('#explain-ip', 'nobody');
	await page.press('#explain-ip', 'Enter');
	await page.waitForSelector('#explanation .refused:has-text("nobody is not an IP address")');
	t.equal(await page.textContent('#explanation'), 'nobody is not an IP address');
});
