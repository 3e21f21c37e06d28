import { existsSync } from 'node:fs';
import t from 'tap';
import { startEcho } from './support/echo.ts';
import { answers, mixedConfig, onNode, PATIENT_MS, plain, startMixed, WORKERS } from './support/mixed.ts';
import { socketFolder } from './support/net-ports.ts';
import { dial, until } from './support/peers.ts';

const CLIENTS = 8;
const MOVES = 6;

/** One whole session. */
async function visit(t: Parameters<typeof dial>[0], address: string): Promise<void> {
	const client = await dial(t, address);
	try {
		await answers(client);
		client.fin();
		const end = await client.ending();
		if (end !== 'fin') throw new Error(end);
	} finally {
		client.socket.destroy();
	}
}

/** Clients that come all the time, until told to stop; answers what went wrong, in words. */
function stream(t: Parameters<typeof dial>[0], address: string) {
	const lost: string[] = [];
	let served = 0;
	let stopped = false;
	const clients = Array.from({ length: CLIENTS }, async () => {
		while (!stopped) {
			await visit(t, address).then(
				() => {
					served += 1;
				},
				(error) => lost.push(String(error)),
			);
		}
	});
	return {
		lost,
		/** Resolves when so many more were served. */
		more: (count: number) => {
			const enough = served + count;
			return until(`${count} served`, () => served >= enough, PATIENT_MS);
		},
		stop: async () => {
			stopped = true;
			await Promise.all(clients);
		},
	};
}

const LISTENER = { node: onNode, epoll: plain };
type Engine = keyof typeof LISTENER;

t.test('a listener changes its engine under a stream of connects, and none is refused', async (t) => {
	const backend = await startEcho(t);
	const config = (engine: Engine) =>
		mixedConfig([LISTENER[engine]('in')], { backends: [{ address: backend.address }] });
	const mixed = await startMixed(t, config('epoll'));
	const kept = await dial(t, mixed.address('in'));
	await answers(kept);
	const clients = stream(t, mixed.address('in'));
	const lost = { node: 0, epoll: 0 };
	for (let i = 0; i < MOVES; i++) {
		await clients.more(20);
		const to = i % 2 === 0 ? 'node' : 'epoll';
		const before = clients.lost.length;
		await mixed.reload(config(to));
		await clients.more(20);
		lost[to] += clients.lost.length - before;
	}
	await clients.stop();
	t.strictSame(
		clients.lost.filter((reason) => !/reset/i.test(reason)),
		[],
	);
	// A handshake that is under way when its socket goes is reset. Node's runtime resets what waits in the queue, too.
	t.ok(lost.node <= 1, `to node: ${lost.node}, to epoll: ${lost.epoll} were reset`);
	await answers(kept);
	kept.socket.destroy();
	await mixed.atRest(WORKERS);
	t.strictSame(mixed.app.held.faults, []);
	t.notOk(mixed.heard.events.some(({ level }) => level === 'error' || level === 'warn'));
	t.equal(mixed.heard.events.filter(({ msg }) => msg === 'listening').length, 1, 'its address is its own all the time');
});

t.test('two listeners change places', async (t) => {
	const backend = await startEcho(t);
	const backends = [{ address: backend.address }];
	const one = mixedConfig([plain('in'), onNode('other')], { backends });
	const other = mixedConfig([onNode('in'), plain('other')], { backends });
	const mixed = await startMixed(t, one);
	const clients = ['in', 'other'].map((name) => stream(t, mixed.address(name)));
	for (const next of [other, one, other]) {
		await mixed.reload(next);
		await Promise.all(clients.map(({ more }) => more(20)));
	}
	await Promise.all(clients.map(({ stop }) => stop()));
	const refused = clients.flatMap(({ lost }) => lost).filter((reason) => !/reset/i.test(reason));
	t.strictSame(refused, []);
	await mixed.atRest(2 * WORKERS);
});

t.test('an address goes to another listener on the other engine, a narrower one to a wider', async (t) => {
	const backend = await startEcho(t);
	const backends = [{ address: backend.address }];
	const mixed = await startMixed(t, mixedConfig([plain('in')], { backends }));
	const port = mixed.port('in');
	for (const host of ['127.0.0.1', '0.0.0.0', '[::]', '127.0.0.1']) {
		for (const engine of ['node', 'epoll'] as const) {
			const listener = LISTENER[engine](engine, { bind: `${host}:${port}` });
			await mixed.reload(mixedConfig([listener], { backends }));
			await visit(t, `127.0.0.1:${port}`);
		}
	}
	t.notOk(mixed.heard.events.some(({ level }) => level === 'error'));
});

t.test('a unix socket changes its engine: the path is there again when the reload is done', async (t) => {
	const backend = await startEcho(t);
	const path = socketFolder(t)('in.sock');
	const bind = [`unix:${path}`, '127.0.0.1:0'];
	const config = (engine: Engine) =>
		mixedConfig([LISTENER[engine]('in', { bind })], { backends: [{ address: backend.address }] });
	const mixed = await startMixed(t, config('epoll'));
	const kept = await dial(t, `unix:${path}`);
	await answers(kept);
	for (let i = 0; i < MOVES; i++) {
		await mixed.reload(config(i % 2 === 0 ? 'node' : 'epoll'));
		await visit(t, `unix:${path}`);
		await visit(t, mixed.app.addresses[1]?.address ?? '');
	}
	await answers(kept);
	kept.socket.destroy();
	t.notOk(mixed.heard.events.some(({ level }) => level === 'error'));
	t.match(await mixed.heard.event('listening'), { fields: { address: `unix:${path}`, workers: 1 } });
	await mixed.app.stop({ preStopMs: 0, drainMs: 0 });
	t.notOk(existsSync(path));
});
