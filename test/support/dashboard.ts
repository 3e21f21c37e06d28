import type { Browser, Page } from 'playwright-core';
import { App } from '../../src/app.ts';
import { parseConfigObject } from '../../src/control/config/load.ts';
import type { ConfigInput } from '../../src/control/config/schema.ts';
import { Heard } from './app.ts';
import { type EchoBackend, echoBackend } from './backends.ts';
import { openBrowser } from './browser.ts';

const TOKEN = 'a-token-for-the-dashboard-under-test';
const DESK = { width: 1_280, height: 900 };

interface Teardown {
	teardown(end: () => unknown): void;
}

/** One browser and two backends for all tests of a file. */
export interface Stage {
	readonly browser: Browser;
	readonly backends: readonly EchoBackend[];
}

export async function openStage(t: Teardown): Promise<Stage> {
	process.env.SLUICE_TEST_TOKEN = TOKEN;
	const backends = await Promise.all(['eu-1', 'eu-2'].map((name) => echoBackend(t, name)));
	const browser = await openBrowser();
	t.teardown(() => browser.close());
	return { browser, backends };
}

/** A balancer before the backends, with an admin server. */
export async function startBalancer(t: Teardown, { backends }: Stage, adminPort = 0, more: Partial<ConfigInput> = {}) {
	const app = await App.start(
		parseConfigObject({
			workers: 1,
			drain: '1s',
			admin: {
				bind: `127.0.0.1:${adminPort}`,
				tokens: [{ role: 'write', token: 'env:SLUICE_TEST_TOKEN' }],
			},
			listeners: [
				{ name: 'game', bind: '127.0.0.1:0', shaping: { upload: { listener: '1Gbit/s' } }, routes: [{ to: ['eu'] }] },
			],
			pools: [
				{
					name: 'eu',
					health: { active: 'off' },
					backends: backends.map(({ name, address }) => ({ name, address, maxConnections: 10 })),
				},
			],
			...more,
		}),
		{ log: new Heard().log, onFatal: () => {} },
	);
	t.teardown(() => app.stop({ preStopMs: 0, drainMs: 0 }));
	return app;
}

export const portIn = (address: string | null | undefined): number => Number(address?.split(':').at(-1));
export const backendIn = (app: App, name: string) =>
	app.operations.pools()[0]?.backends.find((backend) => backend.name === name);

/** The page of a balancer, with all that went wrong in it. */
export async function openPage(t: Teardown, { browser }: Stage, app: App, viewport = DESK) {
	const context = await browser.newContext({ viewport, colorScheme: 'light' });
	t.teardown(() => context.close());
	const page = await context.newPage();
	const faults: string[] = [];
	const origin = `http://${app.adminAddress}`;
	page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
	page.on('pageerror', (error) => faults.push(String(error)));
	page.on('request', (request) => {
		if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith('data:')) faults.push(request.url());
	});
	await page.goto(`${origin}/`);
	await page.waitForSelector('body[data-state=live]');
	return { page, faults };
}

export async function giveToken(page: Page): Promise<void> {
	await page.fill('#token', TOKEN);
	await page.press('#token', 'Enter');
	await page.waitForSelector('#token[placeholder="in use"]');
}

/** What a script says in the page; in words, since tests have no types of a browser. */
export const inPage = <T>(page: Page, script: string): Promise<T> => page.evaluate<T>(script);

/** Pixels of a chart that have the colour of a line. */
export const drawnPixels = (page: Page, chart: string, colour: string): Promise<number> =>
	inPage(
		page,
		`(() => {
			const probe = document.createElement('span');
			probe.style.color = 'var(${colour})';
			document.body.append(probe);
			const wanted = getComputedStyle(probe).color.match(/\\d+/g).map(Number);
			probe.remove();
			const canvas = document.querySelector('#${chart} canvas');
			const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
			let found = 0;
			for (let at = 0; at < data.length; at += 4)
				if (wanted.every((value, part) => Math.abs(value - data[at + part]) < 8)) found += 1;
			return found;
		})()`,
	);
