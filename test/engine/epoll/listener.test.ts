import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t from 'tap';
import type { BindSnapshot } from '../../../src/core/snapshot.ts';
import {
	IPPROTO_TCP,
	SO_KEEPALIVE,
	SO_OOBINLINE,
	SOL_SOCKET,
	TCP_KEEPIDLE,
	TCP_NODELAY,
} from '../../../src/engine/epoll/layouts.ts';
import { EpollListener } from '../../../src/engine/epoll/listener.ts';
import { openListeningSocket } from '../../../src/engine/epoll/listening-sockets.ts';
import { Poller } from '../../../src/engine/epoll/poller.ts';
import { SocketAddress } from '../../../src/engine/epoll/sockaddr.ts';
import { formatEndpoint } from '../../../src/policy/address.ts';
import { libc } from '../../support/native-tools.ts';

interface Tap {
	teardown(end: () => void): void;
}

function bench(t: Tap, host = '127.0.0.1') {
	const bind: BindSnapshot = { target: { type: 'tcp', host, port: 0 }, v6Only: false };
	const fd = openListeningSocket(libc, bind, false, 512);
	if (fd < 0) throw new Error(`cannot listen: ${fd}`);
	const poller = new Poller(libc);
	const address = new SocketAddress(libc);
	const state = { room: Number.POSITIVE_INFINITY, full: 0, accepted: [] as number[], peers: [] as string[] };
	const listener = new EpollListener({ libc, poller, address }, fd, bind, 0, {
		mayAccept: () => state.room > 0,
		full: () => (state.full += 1),
		accepted: (_listener, client, peer) => {
			state.room -= 1;
			state.accepted.push(client);
			state.peers.push(formatEndpoint(peer));
		},
		relieve: () => false,
		starved: () => {},
	});
	libc.getsockname(fd, address.buffer);
	const { port } = address.take();
	t.teardown(() => {
		for (const open of [...state.accepted, fd, poller.fd]) libc.close(open);
	});
	const turn = (): void => poller.tell(poller.wait(0));
	const clients = (count: number): Promise<Socket[]> =>
		Promise.all(
			Array.from({ length: count }, async () => {
				const socket = connect({ host: host === '::' ? '::1' : '127.0.0.1', port });
				t.teardown(() => socket.destroy());
				await once(socket, 'connect');
				return socket;
			}),
		);
	return { listener, state, turn, clients, fd };
}

t.test('clients are taken with the address they come from; a paused listener leaves them', async (t) => {
	const { listener, state, turn, clients } = bench(t);
	const [first] = await clients(1);
	turn();
	t.same(state.accepted, [], 'not before it is resumed');
	t.equal(listener.resume(), 0);
	t.equal(listener.resume(), 0, 'twice is once');
	turn();
	t.same(state.peers, [`127.0.0.1:${first?.localPort}`]);
	listener.pause();
	listener.pause();
	await clients(2);
	turn();
	t.equal(state.accepted.length, 1);
	listener.resume();
	turn();
	t.equal(state.accepted.length, 3);
});

t.test('at most 64 at a time', async (t) => {
	const { listener, state, turn, clients } = bench(t);
	await clients(100);
	listener.resume();
	turn();
	t.equal(state.accepted.length, 64);
	turn();
	t.equal(state.accepted.length, 100);
});

t.test('it asks before each: without room it pauses and says so, and the last are taken all the same', async (t) => {
	const { listener, state, turn, clients } = bench(t);
	state.room = 2;
	await clients(5);
	listener.resume();
	turn();
	t.equal(state.accepted.length, 2);
	t.ok(listener.paused);
	t.equal(state.full, 1);
	listener.acceptLast();
	t.equal(state.accepted.length, 5);
	t.ok(listener.paused);
	await t.rejects(clients(1), { code: 'ECONNREFUSED' }, 'nobody comes in until it is closed');
});

t.test('what clients inherit from their listener: no delay, keep-alive, urgent data in line', async (t) => {
	for (const host of ['127.0.0.1', '::']) {
		const { listener, state, turn, clients } = bench(t, host);
		listener.setKeepAlive({ idleMs: 33_000, intervalMs: 5_000, count: 3 });
		await clients(1);
		listener.resume();
		turn();
		const [fd = -1] = state.accepted;
		t.equal(libc.getOption(fd, IPPROTO_TCP, TCP_NODELAY), 1);
		t.equal(libc.getOption(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
		t.equal(libc.getOption(fd, IPPROTO_TCP, TCP_KEEPIDLE), 33);
		t.equal(libc.getOption(fd, SOL_SOCKET, SO_OOBINLINE), 1);
	}
});
