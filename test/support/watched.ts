import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { App } from '../../src/app.ts';
import { parseConfigObject } from '../../src/control/config/load.ts';
import { Heard } from './app.ts';
import { echoBackend } from './backends.ts';

/** Two backends of one pool, and who may open the socket may do all. */
const configOf = (admin: string, ...addresses: readonly string[]) =>
	parseConfigObject({
		workers: 1,
		drain: '1s',
		admin: { bind: `unix:${admin}` },
		geo: { regions: { here: { countries: ['DE'] } } },
		listeners: [{ name: 'game', bind: '127.0.0.1:0', routes: [{ to: ['eu'] }] }],
		pools: [
			{
				name: 'eu',
				health: { active: 'off' },
				backends: addresses.map((address, at) => ({ name: `eu-${at + 1}`, address, maxConnections: 10 })),
			},
		],
	});

export const start = (config: ReturnType<typeof configOf>): Promise<App> =>
	App.start(config, { log: new Heard().log, onFatal: () => {} });

export const portOf = (app: App): number => Number(app.addresses[0]?.address.split(':').at(-1));

/** Two backends, the configuration of a balancer before them, and the command that watches it. */
export async function watched(t: Test) {
	const folder = mkdtempSync(join(tmpdir(), 'top-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const one = await echoBackend(t, 'one');
	const two = await echoBackend(t, 'two');
	const admin = join(folder, 's');
	const config = configOf(admin, one.address, two.address);
	const program = [process.execPath, 'bin/sluice.ts', 'top', '--admin', `unix:${admin}`];
	return { one, two, config, program };
}
