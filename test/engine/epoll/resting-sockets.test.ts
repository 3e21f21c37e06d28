import { readdirSync } from 'node:fs';
import t from 'tap';
import { ERRNO } from '../../../src/engine/epoll/errno.ts';
import {
	AF_INET,
	AF_INET6,
	EPOLLHUP,
	EPOLLOUT,
	SHUT_WR,
	SO_LINGER,
	SOCK_CLOEXEC,
	SOCK_NONBLOCK,
	SOCK_STREAM,
	SOL_SOCKET,
	WATCHED,
} from '../../../src/engine/epoll/layouts.ts';
import { openListeningSocket } from '../../../src/engine/epoll/listening-sockets.ts';
import { Poller } from '../../../src/engine/epoll/poller.ts';
import { MOST_RESTING, NO_SOCKET, REST_MS, RestingSockets } from '../../../src/engine/epoll/resting-sockets.ts';
import { SocketAddress } from '../../../src/engine/epoll/sockaddr.ts';
import type { Teardown } from '../../support/echo.ts';
import { libc, put, take } from '../../support/native-tools.ts';

const STREAM = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
const MS = 1e6;
const open = (): number => readdirSync('/proc/self/fd').length;

/** A server, and sockets that are registered as those of sessions are. */
function bench(t: Teardown, host = '127.0.0.1') {
	const state = { nowNs: 0, limit: MOST_RESTING };
	const poller = new Poller(libc);
	const resting = new RestingSockets(
		libc,
		poller,
		() => state.nowNs,
		() => state.limit,
	);
	const family = host.includes(':') ? AF_INET6 : AF_INET;
	const listener = openListeningSocket(libc, { target: { type: 'tcp', host, port: 0 }, v6Only: false }, false, 64);
	const [server, scratch] = [new SocketAddress(libc), new SocketAddress(libc)];
	libc.getsockname(listener, server.buffer);
	const own = new Set<number>([listener, poller.fd]);
	t.teardown(() => {
		resting.giveUp();
		for (const fd of own) libc.close(fd);
	});
	const portOf = (fd: number): number => {
		libc.getsockname(fd, scratch.buffer);
		return scratch.take().port;
	};
	/** Connects a socket; answers the far end. */
	const connect = (near: number): number => {
		const result = libc.connect(near, server.buffer, family === AF_INET ? 16 : 28);
		if (result !== 0 && result !== -ERRNO.EINPROGRESS) throw new Error(`connect: ${result}`);
		const far = libc.accept(listener, scratch.buffer, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (far < 0) throw new Error(`accept: ${far}`);
		own.add(far);
		return far;
	};
	const turn = (): void => poller.tell(poller.wait(0));
	/** A socket whose connection has ended on both sides. */
	const ended = (): number => {
		const near = libc.socket(family, STREAM);
		poller.add(near, WATCHED, { onEvents: () => {} });
		const far = connect(near);
		libc.shutdown(near, SHUT_WR);
		libc.close(far);
		own.delete(far);
		if (take(near) !== null) throw new Error('no FIN');
		return near;
	};
	/** As `ended`, and at rest. */
	const atRest = (): number => {
		const fd = ended();
		if (!resting.rest(fd, family)) throw new Error('it may not rest');
		turn();
		return fd;
	};
	return { state, poller, resting, family, own, connect, portOf, turn, ended, atRest };
}

for (const host of ['127.0.0.1', '::1']) {
	t.test(`a socket that rested is connected again, from another port, and carries bytes (${host})`, async (t) => {
		const { poller, resting, family, connect, portOf, turn, atRest, own } = bench(t, host);
		const ports = new Set<number>();
		const first = atRest();
		for (let round = 0; round < 20; round++) {
			const fd = resting.take(family);
			t.equal(fd, first);
			own.add(fd);
			const heard: number[] = [];
			poller.handOver(fd, { onEvents: (_fd, events) => heard.push(events) });
			const far = connect(fd);
			ports.add(portOf(fd));
			turn();
			t.same(heard, [EPOLLOUT], 'all that it hears is that it is connected');
			put(fd, `ping ${round}`);
			t.equal(take(far), `ping ${round}`);
			put(far, `pong ${round}`);
			turn();
			t.equal(take(fd), `pong ${round}`);
			libc.shutdown(fd, SHUT_WR);
			t.equal(take(far), null);
			libc.close(far);
			own.delete(far);
			t.equal(take(fd), null);
			own.delete(fd);
			t.ok(resting.rest(fd, family));
			turn();
		}
		t.equal(ports.size, 20, 'each connection has a port of its own');
	});
}

t.test(
	'events of the old connection that are on their way do not make it available, nor reach its next owner',
	async (t) => {
		const { poller, resting, family, connect, turn, own } = bench(t);
		const near = libc.socket(family, STREAM);
		poller.add(near, WATCHED, { onEvents: () => t.fail('it has another owner') });
		const far = connect(near);
		libc.shutdown(near, SHUT_WR);
		libc.close(far);
		own.delete(far);
		const gathered = poller.wait(0);
		t.equal(gathered, 1, 'its FIN is told of in this batch');
		take(near);
		t.ok(resting.rest(near, family));
		t.equal(resting.take(family), NO_SOCKET, 'not in the turn in which it came');
		poller.tell(gathered);
		t.equal(resting.take(family), NO_SOCKET, 'nor when the late event has been told');
		turn();
		t.equal(resting.take(family), near, 'only when it has hung up');
		own.add(near);
		const heard: number[] = [];
		poller.handOver(near, { onEvents: (_fd, events) => heard.push(events) });
		connect(near);
		turn();
		turn();
		t.same(heard, [EPOLLOUT]);
		t.equal(poller.stale, 0);
	},
);

t.test('what hangs up while it is at rest is not taken for what hung up before', async (t) => {
	const { resting, family, atRest } = bench(t);
	const fd = atRest();
	resting.onEvents(fd, EPOLLHUP | EPOLLOUT);
	resting.onEvents(1_000_000, EPOLLHUP | EPOLLOUT);
	t.equal(resting.size, 1);
	t.equal(resting.take(family), fd);
	t.equal(resting.take(family), NO_SOCKET);
	libc.close(fd);
});

t.test('a connection that has not ended on both sides goes on', async (t) => {
	const { resting, family, own, poller, connect } = bench(t);
	const near = libc.socket(family, STREAM);
	own.add(near);
	poller.add(near, WATCHED, { onEvents: () => {} });
	const far = connect(near);
	t.notOk(resting.rest(near, family), 'neither has ended');
	libc.shutdown(near, SHUT_WR);
	t.notOk(resting.rest(near, family), 'the other has not');
	put(far, 'still there');
	t.equal(take(near), 'still there');
	t.equal(resting.size, 0);
	t.equal(take(far), null, 'its FIN, no RST');
});

t.test('one that was reset is closed when that is heard', async (t) => {
	const { resting, family, poller, connect, turn, own } = bench(t);
	const before = open();
	const near = libc.socket(family, STREAM);
	poller.add(near, WATCHED, { onEvents: () => {} });
	const far = connect(near);
	own.delete(far);
	libc.resetOnClose(far, { level: SOL_SOCKET, name: SO_LINGER });
	libc.close(far);
	t.ok(resting.rest(near, family), 'the kernel knows no peer');
	turn();
	t.equal(resting.take(family), NO_SOCKET);
	t.same([resting.size, open()], [0, before]);
});

t.test('of two families each gets its own, whoever came last', async (t) => {
	const { resting, poller, turn, ended } = bench(t);
	const [four, six, last] = [ended(), ended(), ended()];
	for (const [fd, family] of [
		[four, AF_INET],
		[six, AF_INET6],
		[last, AF_INET],
	] as const) {
		t.ok(resting.rest(fd, family));
	}
	turn();
	t.equal(resting.take(AF_INET6), six);
	t.equal(resting.take(AF_INET6), NO_SOCKET);
	t.same([resting.take(AF_INET), resting.take(AF_INET)], [last, four]);
	for (const fd of [four, six, last]) {
		poller.forget(fd);
		libc.close(fd);
	}
});

t.test('as many as there is room for, by now', async (t) => {
	const { state, resting, ended, atRest, turn } = bench(t);
	const before = open();
	state.limit = 1_000;
	for (let i = 0; i < MOST_RESTING; i++) atRest();
	const more = ended();
	t.notOk(resting.rest(more, AF_INET));
	libc.close(more);
	t.same([resting.size, open()], [MOST_RESTING, before + MOST_RESTING]);
	state.limit = 3;
	t.equal(resting.take(AF_INET6), NO_SOCKET);
	t.same([resting.size, open()], [3, before + 3], 'a socket of another kind needs their room');
	state.limit = 0;
	const last = ended();
	t.notOk(resting.rest(last, AF_INET));
	libc.close(last);
	turn();
	t.equal(resting.size, 3);
});

t.test('all are given up when descriptors are short, also those that are not to be taken yet', async (t) => {
	const { resting, ended, atRest, turn, poller } = bench(t);
	const before = open();
	atRest();
	t.ok(resting.rest(ended(), AF_INET));
	t.equal(open(), before + 2);
	t.ok(resting.giveUp());
	t.same([resting.size, open()], [0, before]);
	t.notOk(resting.giveUp(), 'there are none');
	turn();
	t.equal(resting.take(AF_INET), NO_SOCKET);
	t.equal(poller.stale, 0, 'closing ended the registration');
});

t.test('one that nobody takes is closed after 2 s', async (t) => {
	const { state, resting, ended, atRest } = bench(t);
	const before = open();
	t.equal(resting.nextNs, Number.POSITIVE_INFINITY);
	atRest();
	state.nowNs = 500 * MS;
	atRest();
	state.nowNs = 900 * MS;
	t.ok(resting.rest(ended(), AF_INET), 'and one that was never told of');
	t.equal(resting.nextNs, REST_MS * MS);
	resting.runDue(REST_MS * MS - 1);
	t.equal(resting.size, 3);
	resting.runDue(REST_MS * MS);
	t.equal(resting.size, 2);
	t.equal(resting.nextNs, (REST_MS + 500) * MS);
	resting.runDue((REST_MS + 500) * MS);
	t.equal(resting.nextNs, (REST_MS + 900) * MS);
	resting.runDue((REST_MS + 900) * MS);
	t.same([resting.size, open()], [0, before]);
	t.equal(resting.nextNs, Number.POSITIVE_INFINITY);
});
