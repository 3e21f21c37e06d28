import tap, { test } from 'tap';
import { inPage, openPage, openStage, startBalancer } from './support/dashboard.ts';

const stage = await openStage(tap);
const LONG = 'a_name_as_long_as_names_may_be_so_that_nothing_has_room_for_it_1';

/** A pool with all that is long, and an alert that fires. */
const crowded = {
	alerts: [{ name: LONG, when: `pool ${LONG} active >= 0` }],
	listeners: [
		{
			name: LONG,
			bind: '127.0.0.1:0',
			shaping: { upload: { listener: '1Gbit/s' as const } },
			routes: [{ to: [LONG] }],
		},
	],
	pools: [
		{
			name: LONG,
			queue: { size: 5, timeout: '1m' },
			backends: stage.backends.map(({ address }, at) => ({ name: `${LONG.slice(0, -1)}${at}`, address })),
		},
	],
};

test('no width, from a phone to a desk, has to be scrolled sideways', async (t) => {
	const app = await startBalancer(t, stage, 0, crowded);
	const { page } = await openPage(t, stage, app);
	await page.waitForSelector('.firing[data-alert]');
	await page.fill('#explain-ip', '127.0.0.1');
	await page.press('#explain-ip', 'Enter');
	await page.waitForSelector('#explanation .served');
	for (const width of [320, 390, 600, 800, 1_060, 1_280, 1_900]) {
		await page.setViewportSize({ width, height: 844 });
		const tooWide = await inPage<number>(page, 'document.documentElement.scrollWidth - innerWidth');
		t.ok(tooWide <= 0, `${tooWide} px too wide at ${width} px`);
	}
});

/** Texts that stand out too little from what is behind them (WCAG 2.2, 1.4.3: 4.5 to 1), with their ratios. */
const PALE = `(() => {
	const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
	const over = (layers) => {
		canvas.clearRect(0, 0, 1, 1);
		for (const layer of layers) { canvas.fillStyle = layer; canvas.fillRect(0, 0, 1, 1); }
		return [...canvas.getImageData(0, 0, 1, 1).data];
	};
	const bright = (rgb) => {
		const [r, g, b] = rgb.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const pale = [];
	for (const place of document.querySelectorAll('body *')) {
		const text = [...place.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join('');
		if (text === '' || !place.checkVisibility() || place.closest('button:disabled, script, option')) continue;
		const grounds = [];
		for (let behind = place; behind; behind = behind.parentElement) grounds.unshift(getComputedStyle(behind).backgroundColor);
		const [ground, ink] = [over(grounds), over([...grounds, getComputedStyle(place).color])].map(bright);
		const ratio = (Math.max(ground, ink) + 0.05) / (Math.min(ground, ink) + 0.05);
		if (ratio < 4.5) pale.push(text.slice(0, 40) + ' ' + ratio.toFixed(2));
	}
	return [...new Set(pale)];
})()`;

test('every text stands out, light and dark', async (t) => {
	const app = await startBalancer(t, stage, 0, crowded);
	const { page } = await openPage(t, stage, app);
	await page.waitForSelector('.firing[data-alert]');
	await page.getByRole('button', { name: /^drain .*0$/ }).click();
	await page.waitForSelector('#notice:not([hidden])');
	await app.operations.drain(LONG, `${LONG.slice(0, -1)}0`, {}, 'a test');
	await page.waitForSelector('.draining');
	for (const colorScheme of ['light', 'dark'] as const) {
		await page.emulateMedia({ colorScheme });
		t.strictSame(await inPage(page, PALE), [], colorScheme);
	}
	await inPage(page, "document.documentElement.style.setProperty('--soft', '#8a949e')");
	await page.emulateMedia({ colorScheme: 'light' });
	t.ok((await inPage<string[]>(page, PALE)).length > 5, 'a pale grey would be found');
});

test('the tab key comes to all that can be used, and shows where it is', async (t) => {
	const app = await startBalancer(t, stage, 0, crowded);
	const { page } = await openPage(t, stage, app);
	await page.waitForSelector('tr[data-backend]');
	const usable = await inPage<number>(
		page,
		`(window.missing = new Set([...document.querySelectorAll('a, button:enabled, input, select')].filter((place) =>
			place.checkVisibility() && !(place.type === 'radio' && !place.checked)))).size`,
	);
	t.ok(usable > 12, `${usable} of them`);
	const unseen: string[] = [];
	for (let at = 0; at < usable + 5; at++) {
		await page.keyboard.press('Tab');
		const seen = await inPage<string | null>(
			page,
			`(() => {
				const place = document.activeElement;
				missing.delete(place);
				const shown = place.type === 'radio' ? place.nextElementSibling : place;
				const { outlineStyle, outlineWidth } = getComputedStyle(shown);
				const { top, bottom } = shown.getBoundingClientRect();
				const good = place === document.body || (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 && top >= 0 && bottom <= innerHeight);
				return good ? null : place.outerHTML.slice(0, 80);
			})()`,
		);
		if (seen !== null) unseen.push(seen);
	}
	t.strictSame(unseen, []);
	t.strictSame(await inPage(page, '[...missing].map((place) => place.outerHTML.slice(0, 80))'), []);
});
