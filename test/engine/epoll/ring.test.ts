import t from 'tap';
import { ERRNO } from '../../../src/engine/epoll/errno.ts';
import { SHUT_WR } from '../../../src/engine/epoll/layouts.ts';
import { Ring, type RingOwner } from '../../../src/engine/epoll/ring.ts';
import { RING_BUFFER_BYTES, RING_BUFFERS } from '../../../src/engine/epoll/ring-buffers.ts';
import {
	blockingPair,
	epollFd,
	libc,
	openDescriptors,
	put,
	socketPair,
	take,
	tcpPair,
} from '../../support/native-tools.ts';
import { needsRing } from '../../support/ring.ts';

interface Tap {
	teardown(end: () => void): void;
}

const AMPLE_MS = 5_000;

/** Writes down what it hears. */
class Ear implements RingOwner {
	readonly told: string[] = [];
	readonly buffers: number[] = [];
	received(tag: number, result: number, buffer: number, more: boolean): void {
		if (result > 0) this.buffers.push(buffer);
		this.told.push(`${tag} received ${result}${more ? ' and goes on' : ''}`);
	}
	notSent(tag: number, result: number, _buffer: number, length: number): void {
		this.told.push(`${tag} sent ${result} of ${length}`);
	}
	polled(): void {
		this.told.push('polled');
	}
	/** What it heard since it was last asked. */
	get news(): readonly string[] {
		return this.told.splice(0);
	}
}

function ringOf(t: Tap): {
	readonly ring: Ring;
	readonly ear: Ear;
	readonly turn: (timeoutMs?: number) => readonly string[];
} {
	const ring = Ring.open(libc);
	if (typeof ring === 'string') throw new Error(ring);
	t.teardown(() => ring.close());
	const ear = new Ear();
	const turn = (timeoutMs = AMPLE_MS): readonly string[] => {
		ring.wait(timeoutMs);
		ring.tell(ear);
		return ear.news;
	};
	return { ring, ear, turn };
}

const textIn = ({ buffers }: Ring, buffer: number, length: number): string => {
	const from = buffers.offsetOf(buffer);
	return Buffer.from(buffers.memory.bytes.subarray(from, from + length)).toString('latin1');
};

needsRing(t, 'it receives again and again into buffers of its own, until the end', async (t) => {
	const { ring, ear, turn } = ringOf(t);
	const { a, b } = blockingPair(t);
	ring.receive(b, 3);
	t.same(turn(0), [], 'nothing yet');
	for (const text of ['hello', 'again']) {
		put(a, text);
		t.same(turn(), ['3 received 5 and goes on']);
		t.equal(textIn(ring, ear.buffers.at(-1) ?? -1, 5), text);
	}
	libc.shutdown(a, SHUT_WR);
	t.same(turn(), ['3 received 0']);
});

needsRing(t, 'a send that is taken is not told of', async (t) => {
	const { ring, ear, turn } = ringOf(t);
	const { a, b } = blockingPair(t);
	ring.receive(b, 1);
	put(a, 'text');
	turn();
	ring.send(b, 1, ear.buffers[0] ?? -1, 4);
	t.same(turn(0), []);
	t.equal(take(a), 'text');
});

for (const [kind, pairOf] of [
	['unix', socketPair],
	['TCP', tcpPair],
] as const) {
	needsRing(t, `of a send that a ${kind} socket does not take it tells how much was, to the byte`, async (t) => {
		const { ring, ear } = ringOf(t);
		const { a, b } = pairOf(t);
		let sent = 0;
		let taken: number | null = null;
		while (taken === null) {
			ring.send(b, 9, 100, RING_BUFFER_BYTES - 1);
			ring.submit(0);
			ring.tell(ear);
			const [, told] = /^9 sent (-?\d+) of 8191$/.exec(ear.news.join()) ?? [];
			taken = told === undefined ? null : Number(told);
			sent += taken === null ? RING_BUFFER_BYTES - 1 : Math.max(taken, 0);
		}
		t.ok(taken < RING_BUFFER_BYTES - 1 && (taken > 0 || taken === -ERRNO.EAGAIN), `${taken}`);
		let got = 0;
		const deadline = performance.now() + AMPLE_MS;
		while (got < sent && performance.now() < deadline) {
			for (let text = take(a); typeof text === 'string'; text = take(a)) got += text.length;
		}
		t.equal(got, sent);
	});
}

needsRing(t, 'a send to a socket that is lost tells its error', async (t) => {
	const { ring, turn } = ringOf(t);
	const { a, b } = socketPair(t);
	libc.shutdown(a, 2);
	ring.send(b, 4, 0, 10);
	t.same(turn(), [`4 sent ${-ERRNO.EPIPE} of 10`]);
});

needsRing(t, 'a buffer that is sent from is not received into before that is told', async (t) => {
	const { ring, ear } = ringOf(t);
	const { a, b } = blockingPair(t);
	const full = blockingPair(t);
	// The target is full, so that what is sent will fail, and what was to be sent is still needed then.
	for (let text = 'x'.repeat(8_000); libc.send(full.b, asBuffer(text), 0, text.length, 0x40) > 0; );
	ring.receive(b, 1);
	put(a, 'precious');
	ring.wait(AMPLE_MS);
	ring.tell(ear);
	ring.send(full.b, 2, ear.buffers[0] ?? -1, 8);
	ring.submit(1);
	let waits = 0;
	for (let i = 0; i < 2 * RING_BUFFERS; i++) {
		put(a, 'rubbish!');
		if (ring.wait(0)) waits += 1;
		ring.submit(0);
	}
	t.equal(waits, 0, 'nothing is waited for before all is told');
	let kept = '';
	ring.tell({
		received: () => {},
		notSent: (_tag, _result, buffer, length) => {
			kept = textIn(ring, buffer, length);
		},
		polled: () => {},
	});
	t.equal(kept, 'precious');
});

const asBuffer = (text: string) => {
	const buffer = libc.allocate(text.length);
	buffer.bytes.set(Buffer.from(text, 'latin1'));
	return buffer;
};

needsRing(t, 'what is cancelled ends, and can be told by itself before the rest', async (t) => {
	const { ring, ear, turn } = ringOf(t);
	const [one, two] = [blockingPair(t), blockingPair(t)];
	ring.receive(one.b, 1);
	ring.receive(two.b, 2);
	turn(0);
	put(one.a, 'one');
	put(two.a, 'two');
	ring.submit(2);
	ring.cancel(2);
	ring.submit(3);
	ring.tellOf(2, ear);
	t.same(ear.news, ['2 received 3 and goes on', `2 received ${-ERRNO.ECANCELED}`]);
	ring.tell(ear);
	t.same(ear.news, ['1 received 3 and goes on'], 'nothing is told twice');
	ring.cancel(2);
	t.same(turn(0), [], 'what is not there cannot be cancelled, which is nobody`s business');
});

needsRing(t, 'without buffers a receive ends, and goes on when asked again', async (t) => {
	const { ring, ear, turn } = ringOf(t);
	const pairs = Array.from({ length: RING_BUFFERS + 1 }, () => blockingPair(t));
	for (const [tag, { a, b }] of pairs.entries()) {
		ring.receive(b, tag);
		put(a, 'x');
	}
	for (let heard: readonly string[] = []; heard.length <= RING_BUFFERS; ) {
		ring.submit(0);
		ring.tell(ear);
		heard = ear.told;
	}
	const [unlucky] = ear.news.filter((text) => text.endsWith(` received ${-ERRNO.ENOBUFS}`));
	t.ok(unlucky, 'one found no buffer');
	const tag = Number(unlucky?.split(' ')[0]);
	ring.giveBack(ear.buffers[0] ?? -1);
	ring.receive(pairs[tag]?.b ?? -1, tag);
	t.same(turn(), [`${tag} received 1 and goes on`]);
});

needsRing(t, 'epoll can be polled, each time it is asked', async (t) => {
	const { ring, turn } = ringOf(t);
	const epoll = epollFd(t);
	const { a, b } = socketPair(t);
	const event = libc.allocate(16);
	new Int32Array(event.bytes.buffer)[0] = 1;
	libc.epollCtl(epoll, 1, b, event);
	ring.poll(epoll);
	t.same(turn(0), []);
	put(a, 'x');
	t.same(turn(), ['polled']);
	t.same(turn(0), [], 'once');
	ring.poll(epoll);
	t.same(turn(), ['polled'], 'what is still there is told again');
});

needsRing(t, 'more requests than it has room for are handed over before', async (t) => {
	const { ring, ear } = ringOf(t);
	const { b } = blockingPair(t);
	for (let i = 0; i < 5_000; i++) ring.cancel(7);
	ring.send(b, 1, 0, 1);
	ring.wait(0);
	ring.tell(ear);
	t.same(ear.news, []);
});

needsRing(t, 'closing it lets go of the sockets it receives from', async (t) => {
	const before = openDescriptors();
	const ring = Ring.open(libc);
	if (typeof ring === 'string') throw new Error(ring);
	const { a, b } = blockingPair(t);
	ring.receive(b, 1);
	ring.wait(0);
	ring.close();
	t.equal(openDescriptors(), before + 2, 'its own descriptor is closed');
	libc.shutdown(b, SHUT_WR);
	t.equal(take(a), null);
});
