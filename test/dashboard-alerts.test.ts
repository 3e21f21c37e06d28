import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import tap, { test } from 'tap';
import { EchoClient } from './support/backends.ts';
import { openPage, openStage, portIn, startBalancer } from './support/dashboard.ts';
import { refusingAddress } from './support/net-ports.ts';

const stage = await openStage(tap);

test('each alert is shown with its state, what it was told last and what is wrong with its webhook', async (t) => {
	const hook = createServer((_request, response) => response.end()).listen(0, '127.0.0.1');
	t.teardown(() => hook.close());
	await new Promise((resolve) => hook.once('listening', resolve));
	const when = 'pool eu active >= 1';
	const app = await startBalancer(t, stage, 0, {
		alerts: [
			{ name: 'calm', when: 'pool eu active >= 100' },
			{ name: 'slow', when, for: '1h' },
			{ name: 'told', when, webhook: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/secret` },
			{ name: 'dead', when, webhook: `http://${await refusingAddress()}/secret` },
		],
	});
	const { page } = await openPage(t, stage, app);
	await page.waitForSelector('#alerts-count:has-text("4, none fires")');
	t.equal(await page.title(), 'Sluice');
	const client = new EchoClient(t, portIn(app.addresses[0]?.address));
	await client.greeting();
	await page.waitForSelector('.firing[data-alert=told]:has-text("webhook: told firing at")');
	await page.waitForSelector('.firing[data-alert=dead] .trouble:has-text("ECONNREFUSED, tried again")');
	await page.waitForSelector('.pending[data-alert=slow]:has-text("of 1 h"):has-text("the log alone is told")');
	await page.waitForSelector('.ok[data-alert=calm]:has-text("now 1")');
	const names = await page.locator('#alert-list strong').allTextContents();
	t.strictSame(names, ['told', 'dead', 'slow', 'calm'], 'those that fire first');
	t.match(await page.textContent('#alerts-count'), /2 of 4 firing/);
	t.match(await page.title(), /2 firing/);
	t.notMatch(await page.content(), /secret/, 'nowhere is the URL');
});

test('where none is configured, one line says so', async (t) => {
	const app = await startBalancer(t, stage);
	const { page } = await openPage(t, stage, app);
	t.equal(await page.textContent('#alert-list'), 'None is configured: alerts in the configuration.');
	t.equal(await page.textContent('#alerts-count'), '');
});
