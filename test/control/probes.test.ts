import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import t from 'tap';
import type { ProbeRequest, ProbeResult } from '../../src/control/probe/request.ts';
import { startBackend } from '../support/echo.ts';
import { startBlackhole } from '../support/net-blackhole.ts';
import { refusingAddress, socketFolder } from '../support/net-ports.ts';
import { peerOf, until } from '../support/peers.ts';
import { probeRequest, prober } from '../support/probing.ts';

t.test('who accepts is good, over IPv4, IPv6 and a unix socket', async (t) => {
	const { run } = prober(t);
	const path = socketFolder(t)('b.sock');
	for (const options of [{}, { host: '::1' }, { path }]) {
		const backend = await startBackend(t, options);
		t.strictSame(await run(backend.address), { type: 'good' }, backend.address);
	}
});

t.test('who refuses, is not there or does not answer is bad, and why', async (t) => {
	const { run } = prober(t);
	t.strictSame(await run(await refusingAddress()), { type: 'bad', reason: 'connect refused (ECONNREFUSED)' });
	t.strictSame(await run(`unix:${socketFolder(t)('none.sock')}`), { type: 'bad', reason: 'not reachable (ENOENT)' });
	t.strictSame(await run(await startBlackhole(t), { timeoutMs: 60 }), {
		type: 'bad',
		reason: 'no answer to connect within 60 ms',
	});
});

t.test('our own shortage is no result', async (t) => {
	const { run } = prober(t);
	const backend = await startBackend(t);
	t.strictSame(await run(backend.address, { sourceAddress: '192.0.2.1' }), { type: 'none', reason: 'EADDRNOTAVAIL' });
	t.equal(backend.served, 0);
});

t.test('it comes from the source address', async (t) => {
	const { run } = prober(t);
	const backend = await startBackend(t);
	await run(backend.address, { sourceAddress: '127.0.0.9' });
	t.equal((await backend.accepted()).remoteAddress, '127.0.0.9');
});

t.test('the backend sees a FIN and no RST, whether it says something, goes on saying, or nothing', async (t) => {
	const speakers: [name: string, onClient: (socket: Socket) => void][] = [
		['silent', () => {}],
		['a greeting', (socket) => socket.write('220 ready\r\n')],
		['much', (socket) => socket.write(Buffer.alloc(100_000))],
		['late', (socket) => socket.once('end', () => socket.write('bye\r\n'))],
	];
	const { probes, run } = prober(t);
	for (const [name, onClient] of speakers) {
		const backend = await startBackend(t, { onClient });
		await run(backend.address);
		const socket = await backend.accepted();
		const peer = peerOf(socket);
		t.equal(await peer.ending(), 'fin', name);
		let failed = false;
		socket.on('error', () => {
			failed = true;
		});
		socket.end();
		await until('the probe has gone, since it read to the end', () => probes.sockets === 0, 500);
		if (!socket.closed) await once(socket, 'close');
		t.notOk(failed, `${name}: no error on the backend's side`);
	}
});

t.test('a backend that keeps its end open is left after a while', async (t) => {
	const { probes, run } = prober(t);
	const backend = await startBackend(t);
	await run(backend.address);
	t.equal(probes.sockets, 1, 'the result does not wait for that');
	await until('the probe has gone', () => probes.sockets === 0);
});

t.test('no more sockets than allowed are open; the rest waits for its turn', async (t) => {
	const { probes, run } = prober(t, 2);
	const server = createServer({ allowHalfOpen: true });
	const sockets: Socket[] = [];
	server.on('connection', (socket) => sockets.push(socket.on('error', () => {}).resume())).listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.teardown(() => {
		server.close();
		for (const socket of sockets) socket.destroy();
	});
	const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
	const results: ProbeResult[] = [];
	const all = Array.from({ length: 5 }, () => run(address).then((result) => results.push(result)));
	await until('two have answered', () => results.length === 2 && sockets.length === 2);
	t.equal(probes.sockets, 2);
	for (let ended = 0; results.length < 5; ) {
		await until('more came', () => sockets.length > ended);
		t.ok(probes.sockets <= 2);
		sockets[ended++]?.end();
	}
	await Promise.all(all);
	t.ok(results.every((result) => result.type === 'good'));
});

t.test('hundreds that do not answer keep nobody waiting who does', async (t) => {
	const { probes, run } = prober(t, 8);
	const hole = await startBlackhole(t);
	for (const lane of ['suspect', 'new'] as const) {
		for (let i = 0; i < 300; i++) probes.probe(probeRequest(hole, { lane, timeoutMs: 60_000 }), () => {});
	}
	t.equal(probes.sockets, 6, 'a quarter is left');
	const backend = await startBackend(t, { onClient: (socket) => socket.end() });
	for (let i = 0; i < 20; i++) t.strictSame(await run(backend.address), { type: 'good' });
});

t.test('a new backend goes before those that failed, one known good before both', async (t) => {
	const { probes } = prober(t, 1);
	const backend = await startBackend(t, { onClient: (socket) => socket.end() });
	const order: string[] = [];
	const probe = (lane: ProbeRequest['lane']): Promise<void> =>
		new Promise((resolve) => {
			probes.probe(probeRequest(backend.address, { lane }), () => {
				order.push(lane);
				resolve();
			});
		});
	await Promise.all([probe('suspect'), probe('suspect'), probe('new'), probe('good')]);
	t.strictSame(order, ['suspect', 'good', 'new', 'suspect']);
});

t.test('a cancelled probe tells nothing and closes, whether it runs or waits', async (t) => {
	const { probes } = prober(t, 1);
	const hole = await startBlackhole(t);
	const heard: ProbeResult[] = [];
	const cancels = [1, 2].map(() =>
		probes.probe(probeRequest(hole, { timeoutMs: 300 }), (result) => heard.push(result)),
	);
	for (const cancel of cancels.reverse()) cancel();
	await until('nothing is open', () => probes.sockets === 0);
	const backend = await startBackend(t);
	await new Promise((resolve) => probes.probe(probeRequest(backend.address), resolve));
	t.strictSame(heard, []);
});
