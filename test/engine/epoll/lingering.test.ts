import t from 'tap';
import { AF_UNIX, EPOLLIN, SHUT_WR, SOCK_NONBLOCK, SOCK_STREAM } from '../../../src/engine/epoll/layouts.ts';
import { LINGER_MS, Lingerer } from '../../../src/engine/epoll/lingering.ts';
import { Poller } from '../../../src/engine/epoll/poller.ts';
import { libc, put, take } from '../../support/native-tools.ts';

const SECOND = 1e9;

interface Tap {
	teardown(end: () => void): void;
}

function bench(t: Tap) {
	const state = { nowNs: 0 };
	const poller = new Poller(libc);
	const lingerer = new Lingerer(libc, poller, libc.allocate(65_536), () => state.nowNs);
	const closed: number[] = [];
	const far: number[] = [];
	t.teardown(() => {
		lingerer.destroy();
		for (const fd of [...far, poller.fd]) libc.close(fd);
	});
	/** A registered socket that its owner is done with; answers the far end. */
	const take = (before: (near: number, far: number) => void = () => {}, finSent = false): number => {
		const pair = libc.socketPair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
		if (typeof pair === 'number') throw new Error('no descriptors');
		const [near, other] = pair;
		far.push(other);
		poller.add(near, EPOLLIN | (1 << 31), { onEvents: () => {} });
		before(near, other);
		lingerer.take(near, finSent, () => closed.push(other));
		return other;
	};
	const turn = (): void => {
		poller.tell(poller.wait(0));
		if (lingerer.nextNs <= state.nowNs) lingerer.runDue(state.nowNs);
	};
	return { state, lingerer, closed, take, turn };
}

t.test('its FIN goes out at once, and it is closed when the other end answers with its own', async (t) => {
	const { lingerer, closed, turn, take: linger } = bench(t);
	const far = linger();
	t.equal(take(far), null, 'the FIN');
	turn();
	t.same(closed, []);
	put(far, 'thrown away');
	turn();
	t.equal(lingerer.size, 1);
	libc.shutdown(far, SHUT_WR);
	turn();
	t.same(closed, [far]);
	t.equal(lingerer.size, 0);
	t.equal(lingerer.nextNs, Number.POSITIVE_INFINITY);
});

t.test('a socket whose end has come already is closed within the call', async (t) => {
	const { closed, take: linger } = bench(t);
	const far = linger((_near, other) => libc.shutdown(other, SHUT_WR));
	t.same(closed, [far]);
});

t.test('patience ends after 3 s, the oldest first', async (t) => {
	const { state, lingerer, closed, turn, take: linger } = bench(t);
	const first = linger();
	state.nowNs = SECOND;
	const second = linger();
	t.equal(lingerer.nextNs, LINGER_MS * 1e6);
	state.nowNs = 3 * SECOND;
	turn();
	t.same(closed, [first]);
	state.nowNs = 4 * SECOND;
	turn();
	t.same(closed, [first, second]);
});

t.test('an end that goes on sending is read for a while, a share at a time, and then no more', async (t) => {
	const { closed, turn, lingerer, take: linger } = bench(t);
	const far = linger();
	const buffer = libc.allocate(65_536);
	let sent = 0;
	for (let turns = 0; turns < 10_000 && closed.length === 0; turns++) {
		for (let got = 1; got > 0; sent += Math.max(0, got)) got = libc.send(far, buffer, 0, 65_536, 0x4000);
		turn();
	}
	t.same(closed, [far]);
	t.ok(sent > 7 * 2 ** 20 && sent < 10 * 2 ** 20, `${sent} bytes`);
	t.equal(lingerer.size, 0);
});

t.test('more than a thousand: the oldest goes', async (t) => {
	const { closed, lingerer, take: linger } = bench(t);
	const first = linger();
	for (let i = 0; i < 1_024; i++) linger();
	t.same(closed, [first]);
	t.equal(lingerer.size, 1_024);
});
