import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { App, type AppOptions } from '../../src/app.ts';
import { parseConfigObject } from '../../src/control/config/load.ts';
import type { ConfigInput } from '../../src/control/config/schema.ts';
import { Heard } from './app.ts';
import { type Asked, asking } from './asking.ts';

/** One pool of two backends that nobody probes, and an admin server on a unix socket. */
export const steeredConfig = (folder: string, more: Partial<ConfigInput> = {}): ConfigInput => ({
	workers: 1,
	admin: { bind: `unix:${join(folder, 's')}` },
	listeners: [{ name: 'in', bind: '127.0.0.1:0', routes: [{ to: ['main'] }] }],
	pools: [poolOf('a', 'b')],
	...more,
});

export const poolOf = (...names: readonly string[]): ConfigInput['pools'][number] => ({
	name: 'main',
	health: { active: 'off' },
	backends: names.map((name) => ({ name, address: `127.0.0.1:${name.charCodeAt(0)}` })),
});

export function folderOf(t: Test): string {
	const path = mkdtempSync(join(tmpdir(), 'steered-'));
	t.teardown(() => rmSync(path, { recursive: true }));
	return path;
}

/** A balancer that is steered by its admin server; `write` is what a reload will read. */
export async function steered(t: Test, config: ConfigInput, options: Partial<AppOptions> = {}) {
	let written = config;
	const heard = new Heard();
	heard.log.setLevel('info');
	const app = await App.start(parseConfigObject(config), {
		log: heard.log,
		load: () => parseConfigObject(written),
		onFatal: () => {},
		...options,
	});
	let ended = false;
	const stop = async (): Promise<void> => {
		if (!ended) await app.stop({ preStopMs: 0, drainMs: 0 });
		ended = true;
	};
	t.teardown(stop);
	const ask = (asked: Asked) => asking(app.adminAddress ?? 'unix:/nowhere').ask(asked);
	const write = (next: ConfigInput): void => {
		written = next;
	};
	const reload = () => ask({ method: 'POST', path: '/reload', body: {} });
	return { app, heard, ask, write, reload, stop };
}
