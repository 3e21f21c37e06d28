/**
 * `npm run screenshots`: the pictures of the README, taken of a balancer under a small load. Needs Debian's packages
 * `chromium` and `tmux`. Takes three minutes.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { App } from '../src/app.ts';
import { parseConfigObject } from '../src/control/config/load.ts';
import { Log } from '../src/control/log.ts';
import { openBrowser } from '../test/support/browser.ts';
import { Screen } from '../test/support/tmux.ts';
import { terminalPage } from './support/terminal-picture.ts';
import { type Crowd, Traffic } from './support/traffic.ts';

const FOLDER = new URL('screenshots/', import.meta.url);
const PAGE = { width: 1_320, height: 1_132 };
const TERMINAL = { columns: 116, rows: 17 };
/** Before the first picture, so that the charts have a past. */
const PAST_MS = 165_000;
const TOP_MS = 15_000;

/** By the addresses of examples (RFC 5737). */
const COUNTRIES: readonly (Crowd & { readonly country: string })[] = [
	{ network: '192.0.2', country: 'DE', clients: 40, perSecond: 3 },
	{ network: '198.51.100', country: 'US', clients: 60, perSecond: 2 },
	{ network: '203.0.113', country: 'FR', clients: 20, perSecond: 1 },
];

const ends: (() => unknown)[] = [];
const ending = { teardown: (end: () => unknown) => void ends.push(end) };

async function startBalancer(traffic: Traffic): Promise<App> {
	const folder = mkdtempSync(join(tmpdir(), 'screenshots-'));
	ending.teardown(() => rmSync(folder, { recursive: true }));
	const serving = async (name: string, host: string) => ({
		name,
		address: await traffic.serve(host),
		maxConnections: 50,
	});
	const eu = await Promise.all([serving('eu-1', '127.1.0.1'), serving('eu-2', '127.1.0.2')]);
	const us = await Promise.all([serving('us-1', '127.2.0.1'), serving('us-2', '127.2.0.2')]);
	// Nobody serves there.
	const dead = { name: 'eu-3', address: '127.1.0.3:9', maxConnections: 50 };
	const config = parseConfigObject({
		admin: { bind: '127.0.0.1:0' },
		log: { access: 'none' },
		drain: '20s',
		history: join(folder, 'history.db'),
		alerts: [
			{ name: 'eu-thin', when: 'pool eu healthy < 0.9', for: '5s' },
			{ name: 'full', when: 'sessions_active > 1000', for: '30s' },
		],
		geo: {
			regions: { eu: { continents: ['europe'] }, us: { continents: ['north-america'], maxConnections: 200 } },
			overrides: COUNTRIES.map(({ network, country }) => ({ network: `${network}.0/24`, country })),
		},
		listeners: [
			{
				name: 'game',
				bind: '127.0.0.1:0',
				proxyProtocol: { from: ['127.0.0.0/8'] },
				shaping: { download: { connection: '2Mbit/s' } },
				routes: [{ match: { regions: ['eu'] }, to: ['eu', 'us'] }, { to: ['us', 'eu'] }],
			},
		],
		pools: [
			{ name: 'eu', balance: 'least-connections', queue: { size: 100, timeout: '5s' }, backends: [...eu, dead] },
			{ name: 'us', download: '20Mbit/s', backends: us },
		],
	});
	const log = new Log({ output: null, onLog: null, onRecord: null }, 'info');
	return App.start(config, { log, onFatal: (reason) => process.stderr.write(`${reason}\n`) });
}

async function pictures(app: App): Promise<void> {
	const browser = await openBrowser();
	ending.teardown(() => browser.close());
	const page = await browser.newPage({ viewport: PAGE, colorScheme: 'light' });
	await page.goto(`http://${app.adminAddress}/`);
	const program = [process.execPath, 'bin/sluice.ts', 'top', '--admin', String(app.adminAddress)];
	await sleep(PAST_MS - TOP_MS);
	await app.operations.setWeight('us', 'us-1', 2, 'admin token 1 (write) from 127.0.0.1');
	await app.operations.drain('eu', 'eu-1', {}, 'admin token 1 (write) from 127.0.0.1');
	const screen = await Screen.start(ending, TERMINAL, ...program);
	await screen.until(/eu\/eu-1/);
	await screen.press('j');
	await sleep(TOP_MS);
	await page.fill('#explain-ip', '192.0.2.7');
	await page.press('#explain-ip', 'Enter');
	await page.waitForSelector('#explanation .served');
	await page.evaluate('document.activeElement.blur(); scrollTo(0, 0)');
	const save = (name: string, png: Buffer): void => writeFileSync(new URL(`${name}.png`, FOLDER), png);
	save('dashboard-light', await page.screenshot());
	await page.emulateMedia({ colorScheme: 'dark' });
	save('dashboard-dark', await page.screenshot());
	// The policy of the dashboard lets nobody write into its page.
	const terminal = await browser.newPage({ viewport: PAGE });
	await terminal.setContent(terminalPage(await screen.text(true)));
	save('top', await terminal.locator('pre').screenshot());
}

mkdirSync(FOLDER, { recursive: true });
const traffic = new Traffic();
const app = await startBalancer(traffic);
const port = Number(app.addresses[0]?.address.split(':').at(-1));
for (const crowd of COUNTRIES) void traffic.come(port, crowd);
try {
	await pictures(app);
	process.stdout.write(`written to ${fileURLToPath(FOLDER)}\n`);
} finally {
	traffic.end();
	await app.stop({ preStopMs: 0, drainMs: 0 });
	for (const end of ends) await end();
}
process.exit(0);
