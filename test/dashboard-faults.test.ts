import tap, { test } from 'tap';
import { giveToken, inPage, openPage, openStage, startBalancer } from './support/dashboard.ts';

const stage = await openStage(tap);

test('a token that is not known is refused at once, and the page goes on without it', async (t) => {
	const app = await startBalancer(t, stage);
	const { page } = await openPage(t, stage, app);
	await page.fill('#token', 'guessed');
	await page.press('#token', 'Enter');
	await page.waitForSelector('#notice:has-text("This token is not known here")');
	t.equal(await page.getAttribute('#token', 'placeholder'), 'for changes');
	t.equal(await inPage(page, "sessionStorage.getItem('sluice-token')"), null);
	t.notOk(await page.isVisible('#lost'));
	await page.getByRole('button', { name: 'put away' }).click();
	t.notOk(await page.isVisible('#notice'));
	await giveToken(page);
	await page.getByRole('button', { name: 'Forget' }).click();
	await page.waitForSelector('#token[placeholder="for changes"]');
	t.notOk(await page.isVisible('#forget'));
});

test('where a token is needed to look, the page asks for one', async (t) => {
	const app = await startBalancer(t, stage);
	const { page } = await openPage(t, stage, app);
	await page.route('**/*', (route) =>
		route.request().headers().authorization === undefined && !route.request().url().includes('assets')
			? route.fulfill({ status: 401, json: { code: 'unauthorized', message: 'a token is needed' } })
			: route.continue(),
	);
	await page.waitForSelector('body[data-state=locked] #lost:has-text("with a token alone")');
	await giveToken(page);
	await page.waitForSelector('body[data-state=live]');
	t.notOk(await page.isVisible('#lost'));
});

test('a balancer that hangs is told of, and what is shown is of then', async (t) => {
	const app = await startBalancer(t, stage);
	const { page } = await openPage(t, stage, app);
	await page.route('**/overview?*', () => {});
	await page.waitForSelector('body[data-state=lost] #lost:has-text("nothing within 5 s")');
	t.ok(await page.isVisible('tr[data-backend=eu-1]'), 'what was seen stays');
	await page.unroute('**/overview?*');
	await page.waitForSelector('body[data-state=live]');
	t.notOk(await page.isVisible('#lost'));
});
