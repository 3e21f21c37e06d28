import t from 'tap';
import { BufferPool } from '../../../src/engine/epoll/buffers.ts';
import {
	AGAIN,
	ENDED,
	Flow,
	GATHERS,
	HELD_BACK,
	type RelayTools,
	SOURCE_LOST,
	TARGET_LOST,
	WAITING,
} from '../../../src/engine/epoll/flow.ts';
import { HeldBytes } from '../../../src/engine/epoll/held-bytes.ts';
import { EPOLL_CTL_ADD, EPOLLET, EPOLLIN, SHUT_WR } from '../../../src/engine/epoll/layouts.ts';
import { PipePool } from '../../../src/engine/epoll/pipes.ts';
import { Meter } from '../../../src/engine/meter.ts';
import { epollFd, libc, put, putWithDescriptor, socketPair, take, tcpPair } from '../../support/native-tools.ts';
import { digestOf, patternOf } from '../../support/peers.ts';
import { TestGate } from '../../support/test-gate.ts';

const SCRATCH = 65_536;

interface Tap {
	teardown(end: () => void): void;
}

/** A flow from one socket pair into another, with both far ends in hand. */
function bench(t: Tap, pipes = 1, pair = socketPair, unix = false) {
	const [source, target] = [pair(t), pair(t)];
	const pool = new PipePool(libc, pipes);
	const tools: RelayTools = {
		libc,
		pipes: pool,
		buffers: new BufferPool(libc, SCRATCH),
		scratch: libc.allocate(SCRATCH),
		nowNs: () => 7,
	};
	const gate = new TestGate();
	const meter = new Meter();
	const from = { fd: source.b, readable: true, readOn: false, ended: false, unix };
	const flow = new Flow(tools, meter, gate, 'upload', from, target.a);
	t.teardown(() => {
		flow.release();
		pool.destroy();
	});
	return { flow, gate, meter, pool, source: source.b, in: source.a, out: target.b, tools };
}

t.test('small amounts are copied and sent on at once', async (t) => {
	const { flow, meter, gate, pool, ...ends } = bench(t);
	put(ends.in, 'hello');
	t.equal(flow.pump(), WAITING);
	t.equal(take(ends.out), 'hello');
	t.equal(flow.readable, false, 'a short read has emptied the socket');
	t.equal(meter.uploadBytes, 5);
	t.equal(meter.lastByteNs, 7);
	t.equal(gate.passed, 5, 'what was allowed and not used goes back');
	t.equal(pool.inUse, 0);
});

t.test('nothing there: the gate keeps nothing', async (t) => {
	const { flow, gate } = bench(t);
	t.equal(flow.pump(), WAITING);
	t.equal(gate.passed, 0);
	t.equal(gate.rests, 1);
});

t.test('the end of the source is told once all its bytes are read, when its FIN is known of', async (t) => {
	const { flow, ...ends } = bench(t);
	put(ends.in, 'last words');
	libc.shutdown(ends.in, SHUT_WR);
	flow.readOn = true;
	t.equal(flow.pump(), ENDED);
	t.equal(take(ends.out), 'last words');
	t.equal(flow.ended, true);
	t.equal(flow.pump(), WAITING, 'it is told once');
});

/** Moves `data` through the flow as far as both ends go; answers what came out. */
function through(ends: { readonly in: number; readonly out: number; readonly flow: Flow }, data: Buffer): Buffer {
	const buffer = libc.allocate(SCRATCH);
	const got: Buffer[] = [];
	let [sent, received] = [0, 0];
	while (received < data.length) {
		const part = data.subarray(sent, sent + SCRATCH);
		buffer.bytes.set(part);
		sent += Math.max(0, libc.send(ends.in, buffer, 0, part.length, 0));
		ends.flow.readable = true;
		for (let result = ends.flow.pump(); result === AGAIN; result = ends.flow.pump());
		for (let text = take(ends.out); typeof text === 'string'; text = take(ends.out)) {
			got.push(Buffer.from(text, 'latin1'));
			received += text.length;
		}
	}
	return Buffer.concat(got);
}

for (const [pipes, how] of [
	[1, 'spliced'],
	[0, 'copied, since there is no pipe'],
] as const) {
	t.test(`bulky amounts are ${how}, whole and in order`, async (t) => {
		const house = bench(t, pipes);
		const data = patternOf(3_000_001);
		t.equal(digestOf(through(house, data)), digestOf(data));
		t.equal(house.meter.uploadBytes, data.length);
		t.equal(house.gate.passed, data.length);
		t.ok(house.flow.empty);
	});
}

t.test('a pipe is borrowed after two full reads, and given back when the source runs dry', async (t) => {
	const house = bench(t);
	const buffer = libc.allocate(SCRATCH);
	let sent = 0;
	for (let more = 1; more > 0; sent += Math.max(more, 0)) more = libc.send(house.in, buffer, 0, SCRATCH, 0);
	t.ok(sent > 2 * SCRATCH, `${sent} bytes wait`);
	let borrowed = false;
	const borrow = house.pool.borrow.bind(house.pool);
	house.pool.borrow = () => {
		borrowed = true;
		return borrow();
	};
	for (let got = 0; got < sent; ) {
		house.flow.readable = true;
		house.flow.pump();
		for (let text = take(house.out); typeof text === 'string'; text = take(house.out)) got += text.length;
	}
	t.ok(borrowed, 'it was spliced');
	house.flow.readable = true;
	t.equal(house.flow.pump(), WAITING);
	t.equal(house.pool.inUse, 0, 'and the pipe is back');
	put(house.in, 'small again');
	house.flow.readable = true;
	house.flow.pump();
	t.equal(take(house.out), 'small again');
});

t.test('what the target does not take is kept, and nothing more is read until it does', async (t) => {
	for (const pipes of [0, 1]) {
		const house = bench(t, pipes);
		const buffer = libc.allocate(SCRATCH);
		for (let i = 0; i < 200; i++) {
			libc.send(house.in, buffer, 0, SCRATCH, 0);
			house.flow.readable = true;
			house.flow.pump();
		}
		t.equal(house.flow.empty, false);
		const held = house.meter.uploadBytes;
		house.flow.pump();
		t.equal(house.meter.uploadBytes, held, 'memory is bounded');
		let got = 0;
		for (let text = take(house.out); typeof text === 'string'; text = take(house.out)) got += text.length;
		house.flow.readable = false;
		house.flow.pump();
		for (let text = take(house.out); typeof text === 'string'; text = take(house.out)) got += text.length;
		t.equal(got, held, 'all that was read comes out');
		t.ok(house.flow.empty);
	}
});

t.test('a gate that is shut holds back, and the meter knows since when', async (t) => {
	const { flow, gate, meter, ...ends } = bench(t);
	gate.left = 3;
	put(ends.in, 'abcdef');
	t.equal(flow.pump(), HELD_BACK);
	t.equal(take(ends.out), 'abc');
	t.equal(meter.throttledSinceNs, 7);
	gate.left = 100;
	t.equal(flow.pump(), WAITING);
	t.equal(take(ends.out), 'def');
	t.equal(meter.throttledSinceNs, 0);
});

t.test('what was held of the source goes first, and only as the gate lets it', async (t) => {
	const { flow, gate, meter, ...ends } = bench(t);
	const held = new HeldBytes();
	held.add(Buffer.from('before '), 7, 7);
	flow.held = held;
	gate.left = 3;
	put(ends.in, 'behind');
	t.equal(flow.pump(), HELD_BACK);
	t.equal(take(ends.out), 'bef');
	t.notOk(flow.empty);
	gate.left = 0;
	t.equal(flow.flush(), HELD_BACK, 'nor does a flush take another way');
	flow.failing = true;
	t.equal(flow.pump(), SOURCE_LOST);
	flow.failing = false;
	gate.left = 100;
	t.equal(flow.pump(), WAITING);
	t.equal(take(ends.out), 'ore behind');
	t.equal(meter.uploadBytes, 13);
	t.equal(gate.passed, 13);
	t.equal(meter.throttledSinceNs, 0);
	t.same([flow.empty, flow.held], [true, null]);
});

t.test(
	'what the target does not take of what was held is kept, and nothing is read before the rest of it',
	async (t) => {
		const house = bench(t);
		const data = patternOf(3_000_000);
		const held = new HeldBytes();
		held.add(data, data.length, data.length);
		house.flow.held = held;
		put(house.in, 'behind');
		const got: string[] = [];
		for (let text: string | number | null = ''; !house.flow.empty || typeof text === 'string'; ) {
			house.flow.pump();
			text = take(house.out, 1_000_000);
			if (typeof text === 'string') got.push(text);
		}
		t.equal(digestOf(Buffer.from(got.join(''), 'latin1')), digestOf(Buffer.concat([data, Buffer.from('behind')])));
	},
);

t.test('a source that was reset is noticed though the gate is shut, or the target is slow', async (t) => {
	const shut = bench(t);
	shut.gate.left = 0;
	put(shut.in, 'never read');
	t.equal(shut.flow.pump(), HELD_BACK);
	shut.flow.failing = true;
	t.equal(shut.flow.pump(), SOURCE_LOST);

	const slow = bench(t, 0);
	const buffer = libc.allocate(SCRATCH);
	for (let i = 0; i < 100; i++) {
		libc.send(slow.in, buffer, 0, SCRATCH, 0);
		slow.flow.readable = true;
		slow.flow.pump();
	}
	t.equal(slow.flow.pump(), WAITING);
	slow.flow.failing = true;
	t.equal(slow.flow.pump(), SOURCE_LOST);

	const over = bench(t);
	libc.shutdown(over.in, SHUT_WR);
	t.equal(over.flow.pump(), ENDED);
	over.flow.failing = true;
	t.equal(over.flow.pump(), SOURCE_LOST);
});

t.test('a target that is gone is told, whichever way the bytes go', async (t) => {
	for (const bulky of [false, true]) {
		const [source, target] = [socketPair(t), libc.socketPair(1, 1 | 0o4000)];
		if (typeof target === 'number') throw new Error('no descriptors');
		const { tools } = bench(t);
		const from = { fd: source.b, readable: true, readOn: false, ended: false, unix: false };
		const flow = new Flow(tools, new Meter(), new TestGate(), 'download', from, target[0]);
		const buffer = libc.allocate(SCRATCH);
		let result: number = AGAIN;
		if (!bulky) libc.close(target[1]);
		for (let i = 0; i < 200 && result !== TARGET_LOST; i++) {
			libc.send(source.a, buffer, 0, SCRATCH, 0);
			flow.readable = true;
			result = flow.pump();
			if (bulky && i === 100) libc.close(target[1]);
		}
		t.equal(result, TARGET_LOST, bulky ? 'spliced' : 'copied');
		flow.release();
		libc.close(target[0]);
	}
});

t.test('one flow does not keep the others waiting: after some chunks it asks to be called again', async (t) => {
	const { flow, gate, ...ends } = bench(t);
	put(ends.in, 'x'.repeat(100));
	let asked = 0;
	gate.ask = () => {
		asked += 1;
		return 1;
	};
	t.equal(flow.pump(), AGAIN);
	t.equal(asked, 16);
	t.equal(take(ends.out), 'x'.repeat(16));
});

/** Whether a socket of `bench` has something to tell, as the engine would hear of it. */
function edges(t: Tap, fd: number): () => number {
	const epoll = epollFd(t);
	const words = libc.layout.epollEventWords;
	const event = libc.allocate(words * 4);
	new Int32Array(event.bytes.buffer)[0] = EPOLLIN | EPOLLET;
	libc.epollCtl(epoll, EPOLL_CTL_ADD, fd, event);
	return () => libc.epollWait(epoll, event, 1, 0);
}

/** Sends until the flow no longer asks to hear of every packet. */
function streamUntilGathers({ flow, ...ends }: ReturnType<typeof bench>): void {
	const buffer = libc.allocate(SCRATCH);
	let result: number = WAITING;
	for (let sent = 0; result !== GATHERS; ) {
		if (sent > 200_000_000) throw new Error('it never gathers');
		for (let i = 0; i < 16; i++) sent += Math.max(0, libc.send(ends.in, buffer, 0, SCRATCH, 0));
		flow.readable = true;
		for (result = flow.pump(); result === AGAIN; result = flow.pump());
		while (typeof take(ends.out) === 'string');
	}
	// The last of it, wherever the kernel still had some.
	put(ends.in, '.');
	for (let last = ''; !last.endsWith('.'); ) {
		flow.look();
		flow.pump();
		for (let text = take(ends.out); typeof text === 'string'; text = take(ends.out)) last = text;
	}
}

t.test('after a long stream bytes gather: no event tells of few, a look finds them', async (t) => {
	const house = bench(t, 1, tcpPair);
	const heard = edges(t, house.source);
	streamUntilGathers(house);
	heard();
	put(house.in, 'the tail');
	t.equal(heard(), 0, 'few bytes are not told');
	house.flow.look();
	t.equal(house.flow.pump(), GATHERS, 'it may go on');
	t.equal(take(house.out), 'the tail');
	house.flow.look();
	t.equal(house.flow.pump(), WAITING, 'a whole look without a byte: it has paused');
	put(house.in, 'b');
	t.equal(heard(), 1, 'a single byte is told again');
	house.flow.readable = true;
	t.equal(house.flow.pump(), WAITING);
	t.equal(take(house.out), 'b');
});

t.test('who reads on when the flow has left its source hears of every byte', async (t) => {
	const house = bench(t, 1, tcpPair);
	const heard = edges(t, house.source);
	streamUntilGathers(house);
	heard();
	put(house.in, 'quiet');
	t.equal(heard(), 0);
	house.flow.leaveSource();
	put(house.in, 'loud');
	t.equal(heard(), 1);
});

t.test('bytes that fill the pipe exactly are sent whole though nothing follows', async (t) => {
	const house = bench(t, 1, tcpPair);
	const pipe = house.pool.borrow();
	const capacity = pipe?.capacity ?? 0;
	if (pipe) house.pool.giveBack(pipe);
	// Two reads of the scratch buffer make it bulky.
	const data = patternOf(2 * SCRATCH + capacity);
	t.equal(digestOf(through(house, data)), digestOf(data));
});

t.test('a read of a unix-domain socket that stops short at a passed descriptor has not emptied it', async (t) => {
	const { flow, ...ends } = bench(t, 1, socketPair, true);
	putWithDescriptor(ends.in, 'beside a descriptor, ', ends.in);
	put(ends.in, 'and after it');
	t.equal(flow.pump(), WAITING);
	t.equal(take(ends.out), 'beside a descriptor, and after it');
});
