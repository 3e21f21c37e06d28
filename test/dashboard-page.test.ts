import tap, { test } from 'tap';
import { backendIn, giveToken, inPage, openPage, openStage, startBalancer } from './support/dashboard.ts';

const PHONE = { width: 360, height: 720 };

const stage = await openStage(tap);

test('it is light or dark as wished, and a phone need not scroll sideways', async (t) => {
	const app = await startBalancer(t, stage);
	const { page, faults } = await openPage(t, stage, app, PHONE);
	const ground = (): Promise<string> => inPage(page, 'getComputedStyle(document.body).backgroundColor');
	const light = await ground();
	await page.emulateMedia({ colorScheme: 'dark' });
	const dark = await ground();
	t.not(light, dark);
	await page.getByRole('button', { name: 'Light / dark' }).click();
	t.equal(await ground(), light, 'the button is stronger than the system');
	await page.waitForSelector('tr[data-backend=eu-2]');
	const tooWide = await inPage<number>(page, 'document.documentElement.scrollWidth - innerWidth');
	t.ok(tooWide <= 0, `${tooWide} px wider than the phone`);
	t.strictSame(faults, []);
});

test('the tab key reaches the buttons, and Enter presses them', async (t) => {
	const app = await startBalancer(t, stage);
	const { page } = await openPage(t, stage, app);
	await giveToken(page);
	await page.waitForSelector('tr[data-backend=eu-2]');
	const focused = (): Promise<string | null> =>
		inPage(page, "document.activeElement?.getAttribute('aria-label') ?? null");
	const passed: (string | null)[] = [];
	while (passed.length < 60 && passed.at(-1) !== 'drain eu/eu-2') {
		await page.keyboard.press('Tab');
		passed.push(await focused());
	}
	for (const label of ['drain eu/eu-1', 'weight of eu/eu-1', 'set the weight of eu/eu-1', 'drain eu/eu-2'])
		t.ok(passed.includes(label), label);
	await page.keyboard.press('Enter');
	await page.waitForSelector('tr[data-backend=eu-2] [data-cell=state] .draining');
	t.equal(backendIn(app, 'eu-2')?.state, 'draining');
});

test('a page left open goes on when the balancer was started anew', async (t) => {
	const first = await startBalancer(t, stage);
	const { page } = await openPage(t, stage, first);
	for (let weight = 1; weight < 9; weight++) await first.operations.setWeight('eu', 'eu-1', weight, 'a test');
	await page.waitForSelector('#events:has-text("weight 8")');
	await first.stop({ preStopMs: 0, drainMs: 0 });
	await page.waitForSelector('body[data-state=lost]');
	t.match(await page.textContent('#lost'), /No answer .*cannot be reached.* is of \d/);
	t.ok(await page.isVisible('#lost'));
	const second = await startBalancer(t, stage, Number(new URL(page.url()).port));
	await page.waitForSelector('body[data-state=live]');
	t.notOk(await page.isVisible('#lost'));
	await page.waitForSelector('#notice:has-text("started anew")');
	await second.operations.setWeight('eu', 'eu-1', 9, 'a test');
	await page.waitForSelector('tr[data-backend=eu-1] [data-cell=weight]:has-text("9")');
	await page.waitForSelector('#events:has-text("weight 9")');
	await page.waitForSelector('#events:not(:has-text("weight 8"))');
});
