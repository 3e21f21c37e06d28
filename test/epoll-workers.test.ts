import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import t from 'tap';
import type { ConfigInput } from '../src/control/config/schema.ts';
import { REST_MS } from '../src/engine/epoll/resting-sockets.ts';
import { eventually, startApp } from './support/app.ts';
import { startEcho } from './support/echo.ts';
import { dial, type Peer, pass } from './support/peers.ts';
import { needsRing } from './support/ring.ts';

const ROUNDS = 4;
/** Connects while a worker is away, and the time between two. */
const STREAM = 60;
const GAP_MS = 3;

const open = (): number => readdirSync('/proc/self/fd').length;

const config = (address: string): ConfigInput => ({
	engine: 'epoll',
	workers: 2,
	listeners: [{ name: 'in', bind: '127.0.0.1:0', routes: [{ to: ['out'] }] }],
	pools: [{ name: 'out', health: { active: 'off' }, backends: [{ address }] }],
});

/** Sockets to backends that were kept for later connects are closed by now. */
const noneRests = (): Promise<void> => pass(REST_MS + 500);

/** One whole session; null when it went well, else what went wrong. */
async function visit(t: Parameters<typeof dial>[0], address: string): Promise<string | null> {
	try {
		const client = await dial(t, address);
		client.send('ping');
		await client.heard(4);
		client.fin();
		const end = await client.ending();
		client.socket.destroy();
		return end === 'fin' ? null : end;
	} catch (error) {
		return String(error);
	}
}

t.test('idle workers are killed one after another: of a stream of connects none is refused or reset', async (t) => {
	const backend = await startEcho(t);
	const { app, heard, port } = await startApp(t, config(backend.address));
	const address = `127.0.0.1:${port()}`;
	t.equal(app.engine, 'epoll');
	const rest = async (): Promise<void> => {
		await eventually(() => app.held.zero && app.workers.length === 2 && backend.sockets.size === 0);
	};
	await visit(t, address);
	await rest();
	await noneRests();
	const before = open();
	const failures: (string | null)[] = [];
	for (let round = 0; round < ROUNDS; round++) {
		const dying = app.workers[round % 2]?.terminate();
		const visits: Promise<string | null>[] = [];
		for (let i = 0; i < STREAM; i++) {
			visits.push(visit(t, address));
			await pass(GAP_MS);
		}
		await dying;
		failures.push(...(await Promise.all(visits)).filter((failure) => failure !== null));
		const replaced = (): boolean => heard.events.filter(({ msg }) => msg === 'worker replaced').length > round;
		await eventually(replaced);
		await rest();
	}
	t.same(failures, [], `all of ${ROUNDS * STREAM} were served`);
	await eventually(() => open() <= before);
	t.equal(open(), before, 'no descriptor of a dead worker is left');
	t.ok(app.held.zero);
	t.strictSame(app.held.faults, []);
});

t.test('clients and backends of a worker that died are reset, those of the other go on', async (t) => {
	const backend = await startEcho(t);
	const { app, heard, port } = await startApp(t, config(backend.address));
	const clients: Peer[] = await Promise.all(Array.from({ length: 40 }, () => dial(t, `127.0.0.1:${port()}`)));
	for (const client of clients) client.send('x');
	await Promise.all(clients.map((client) => client.heard(1)));
	const open40 = open();
	await app.workers[0]?.terminate();
	await heard.event('worker replaced');
	await eventually(() => app.sessions < 40 && app.sessions === clients.filter(({ ended }) => ended === null).length);
	const gone = clients.filter(({ ended }) => ended !== null);
	const alive = clients.filter(({ ended }) => ended === null);
	t.ok(gone.length > 0 && alive.length > 0, `${gone.length} of 40 were on the worker that died`);
	t.ok(
		gone.every(({ ended }) => ended === 'reset'),
		'by RST, not by FIN',
	);
	for (const client of alive) client.send('y');
	await Promise.all(alive.map((client) => client.heard(2)));
	for (const client of clients) client.socket.destroy();
	await eventually(() => app.held.zero && backend.sockets.size === 0);
	t.ok(open() < open40);
	t.strictSame(app.held.faults, []);
});

/** What the kernel tells of the rings of this process: a line for each receive that waits (io_uring(7)). */
const ringsTell = (): readonly string[] =>
	readdirSync('/proc/self/fd').flatMap((fd) => {
		try {
			if (readlinkSync(`/proc/self/fd/${fd}`) !== 'anon_inode:[io_uring]') return [];
			return readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').split('\n');
		} catch {
			return [];
		}
	});
const OP_RECV = /op=27\b/;

needsRing(t, 'sessions that a dead worker had in its ring are reset, and nothing of the ring is left', async (t) => {
	const backend = await startEcho(t);
	const { app, heard, port } = await startApp(t, config(backend.address));
	const before = open();
	const clients = await Promise.all(Array.from({ length: 20 }, () => dial(t, `127.0.0.1:${port()}`)));
	for (let i = 1; i <= 40; i++) {
		for (const client of clients) client.send('x');
		await Promise.all(clients.map((client) => client.heard(i)));
	}
	const waiting = ringsTell().filter((line) => OP_RECV.test(line)).length;
	t.ok(waiting >= 30, `${waiting} receives wait in rings`);
	for (const worker of app.workers) await worker.terminate();
	await eventually(() => clients.every(({ ended }) => ended === 'reset'));
	await eventually(() => heard.events.filter(({ msg }) => msg === 'worker replaced').length >= 2);
	for (const client of clients) client.socket.destroy();
	await eventually(() => app.held.zero && backend.sockets.size === 0 && open() <= before);
	t.equal(open(), before);
	t.equal(await visit(t, `127.0.0.1:${port()}`), null, 'their successors serve');
	t.strictSame(app.held.faults, []);
});

t.test('busy workers are killed: what they had open is closed, and nothing is held', async (t) => {
	const backend = await startEcho(t);
	const { app, heard, port } = await startApp(t, config(backend.address));
	const address = `127.0.0.1:${port()}`;
	await visit(t, address);
	await eventually(() => app.held.zero && backend.sockets.size === 0);
	await noneRests();
	const before = open();
	const done = new AbortController();
	const busy = Array.from({ length: 8 }, async () => {
		while (!done.signal.aborted) await visit(t, address);
	});
	for (let round = 1; round <= 3; round++) {
		await app.workers[round % 2]?.terminate();
		await eventually(() => heard.events.filter(({ msg }) => msg === 'worker replaced').length >= round);
	}
	done.abort();
	await Promise.all(busy);
	await eventually(() => app.held.zero && open() <= before);
	t.equal(open(), before);
	t.strictSame(app.held.faults, []);
});
