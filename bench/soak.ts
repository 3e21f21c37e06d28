/**
 * `npm run soak [SESSIONS]`: a million sessions through each engine; descriptors and memory at every tenth. A leak shows
 * as a column that goes on growing.
 * `npm run soak reload [SECONDS]`: reloads and changes at run time under long sessions and a stream of short ones;
 * whatever a client notices is a fault.
 */
import { readdirSync } from 'node:fs';
import { App } from '../src/app.ts';
import { parseConfigObject } from '../src/control/config/load.ts';
import { Log } from '../src/control/log.ts';
import { RawLoad } from '../test/support/raw-load.ts';
import { reloadSoak } from '../test/support/reload-soak.ts';

const [what, seconds] = process.argv.slice(2);
const SESSIONS = Number(what === 'reload' ? 0 : (what ?? 1_000_000));
const STEPS = 10;
const AT_ONCE = 64;
const MiB = 2 ** 20;

async function soak(engine: 'epoll' | 'node'): Promise<void> {
	const load = new RawLoad();
	const config = parseConfigObject({
		engine,
		workers: 1,
		log: { access: 'none' },
		listeners: [{ name: 'in', bind: '127.0.0.1:0', routes: [{ to: ['out'] }] }],
		pools: [{ name: 'out', health: { active: 'off' }, backends: [{ address: load.address }] }],
	});
	const log = new Log({ output: null, onLog: null, onRecord: null }, 'error');
	const app = await App.start(config, { log, onFatal: (reason) => process.stderr.write(`${reason}\n`) });
	const port = Number(app.addresses[0]?.address.split(':').at(-1));
	process.stdout.write(`engine ${engine}\n  sessions  descriptors  RSS MiB  sessions/s\n`);
	for (let step = 1; step <= STEPS; step++) {
		const startMs = performance.now();
		await load.run(port, SESSIONS / STEPS, AT_ONCE);
		const perSecond = (SESSIONS / STEPS / (performance.now() - startMs)) * 1_000;
		const cells = [
			String((SESSIONS / STEPS) * step).padStart(10),
			String(readdirSync('/proc/self/fd').length).padStart(11),
			(process.memoryUsage.rss() / MiB).toFixed(1).padStart(7),
			perSecond.toFixed(0).padStart(10),
		];
		process.stdout.write(`${cells.join('  ')}\n`);
	}
	while (!app.held.zero) await new Promise((resolve) => setTimeout(resolve, 10));
	process.stdout.write(`  the scoreboard is zero, faults: ${app.held.faults.length}\n\n`);
	await app.stop({ preStopMs: 0, drainMs: 0 });
	load.close();
}

const RELOAD_EVERY_MS = 200;
const RELOAD_SECONDS = 600;

async function soakReloads(engine: 'epoll' | 'node', forSeconds: number): Promise<void> {
	const reloads = Math.ceil((forSeconds * 1_000) / RELOAD_EVERY_MS);
	const result = await reloadSoak({ engine, long: 500, perSecond: 200, reloads, everyMs: RELOAD_EVERY_MS });
	process.stdout.write(`engine ${engine}: ${JSON.stringify({ ...result, faults: result.faults.length }, null, 2)}\n`);
	for (const fault of result.faults.slice(0, 20)) process.stdout.write(`  ${fault}\n`);
}

for (const engine of ['epoll', 'node'] as const) {
	if (what === 'reload') await soakReloads(engine, Number(seconds ?? RELOAD_SECONDS));
	else await soak(engine);
}
