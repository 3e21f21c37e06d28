/**
 * A million sessions through each engine: descriptors and memory at every tenth. `npm run soak [SESSIONS]`.
 * A leak shows as a column that goes on growing.
 */
import { readdirSync } from 'node:fs';
import { App } from '../src/app.ts';
import { parseConfigObject } from '../src/control/config/load.ts';
import { Log } from '../src/control/log.ts';
import { RawLoad } from '../test/support/raw-load.ts';

const SESSIONS = Number(process.argv[2] ?? 1_000_000);
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

await soak('epoll');
await soak('node');
