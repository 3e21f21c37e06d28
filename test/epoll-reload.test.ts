import { readdirSync } from 'node:fs';
import t from 'tap';
import type { ConfigInput } from '../src/control/config/schema.ts';
import { eventually, startApp } from './support/app.ts';
import { startEcho } from './support/echo.ts';
import { refusingAddress } from './support/net-ports.ts';
import { dial } from './support/peers.ts';

const RELOADS = 12;
const open = (): number => readdirSync('/proc/self/fd').length;

t.test(
	'listeners come and go under load: on one that stays nobody is lost, on one that goes who connected is served',
	async (t) => {
		const backend = await startEcho(t);
		const ports = [await refusingAddress(), await refusingAddress(), await refusingAddress()];
		const listener = (name: string, bind: string) => ({ name, bind, routes: [{ to: ['out'] }] });
		const config = (...extra: string[]): ConfigInput => ({
			engine: 'epoll',
			workers: 2,
			listeners: [listener('stays', ports[0] ?? ''), ...extra.map((bind, i) => listener(`extra-${i}`, bind))],
			pools: [{ name: 'out', health: { active: 'off' }, backends: [{ address: backend.address }] }],
		});
		const { app, heard, reload } = await startApp(t, config());
		await eventually(() => app.held.zero);
		const before = open();
		const done = new AbortController();
		const lost: string[] = [];
		let served = 0;
		const visit = async (address: string): Promise<void> => {
			const client = await dial(t, address);
			client.send('ping');
			await client.heard(4);
			client.fin();
			if ((await client.ending()) !== 'fin') throw new Error('reset');
			client.socket.destroy();
			served += 1;
		};
		const stream = Array.from({ length: 4 }, async () => {
			while (!done.signal.aborted) await visit(ports[0] ?? '').catch((error) => lost.push(String(error)));
		});
		for (let i = 0; i < RELOADS; i++) {
			const [one, two] = [ports[1 + (i % 2)] ?? '', ports[2 - (i % 2)] ?? ''];
			await reload(config(one, two));
			await Promise.all([visit(one), visit(two)]);
			// Connected, and perhaps not yet accepted, when their listener goes.
			const waiting = await Promise.all(Array.from({ length: 10 }, () => dial(t, two)));
			await reload(config(one));
			for (const client of waiting) client.send('late');
			for (const client of waiting) {
				await client.heard(4);
				client.fin();
				await client.ending();
				client.socket.destroy();
			}
			await t.rejects(dial(t, two), { code: 'ECONNREFUSED' }, 'the address is free again');
			await reload(config());
		}
		done.abort();
		await Promise.all(stream);
		t.same(lost, []);
		t.ok(served > RELOADS * 4, `${served} served meanwhile`);
		await eventually(() => app.held.zero && backend.sockets.size === 0 && open() <= before);
		t.equal(open(), before);
		t.same(
			heard.events.filter(({ level }) => level === 'error'),
			[],
		);
	},
);
