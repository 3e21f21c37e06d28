import t from 'tap';
import { BufferPool } from '../../../src/engine/epoll/buffers.ts';
import { Flow } from '../../../src/engine/epoll/flow.ts';
import { Poller } from '../../../src/engine/epoll/poller.ts';
import type { Ring, RingOwner } from '../../../src/engine/epoll/ring.ts';
import { RING_BUFFER_BYTES } from '../../../src/engine/epoll/ring-buffers.ts';
import { RingRelays } from '../../../src/engine/epoll/ring-relays.ts';
import { Meter } from '../../../src/engine/meter.ts';
import { libc, tcpPair } from '../../support/native-tools.ts';
import { TestGate } from '../../support/test-gate.ts';

interface Tap {
	teardown(end: () => void): void;
}

/** A ring in which a test decides what comes; buffer `n` holds `n` in its first byte. */
class ScriptedRing {
	readonly memory = libc.allocate(RING_BUFFER_BYTES * 64);
	readonly buffers = { memory: this.memory, offsetOf: (buffer: number): number => buffer * RING_BUFFER_BYTES };
	readonly sent: string[] = [];
	readonly waits: number[] = [];
	readonly returned: number[] = [];
	coming: ((owner: RingOwner) => void)[] = [];
	untold = 0;

	constructor() {
		for (let buffer = 0; buffer < 64; buffer++) this.memory.bytes[buffer * RING_BUFFER_BYTES] = buffer;
	}

	receive: (fd: number, tag: number) => void = () => {};
	poll(): void {}
	cancel(tag: number): void {
		this.coming.push((owner) => owner.received(tag, -125, 0, false));
	}
	submit(): void {}
	send(_fd: number, tag: number, buffer: number): void {
		this.sent.push(`${tag}: ${buffer}`);
	}
	giveBack(buffer: number): void {
		this.returned.push(buffer);
	}
	wait(timeoutMs: number): boolean {
		this.waits.push(timeoutMs);
		return this.untold === 0;
	}
	tell(owner: RingOwner): void {
		const coming = this.coming;
		this.coming = [];
		for (const come of coming) come(owner);
	}
	tellOf(_tag: number, owner: RingOwner): void {
		this.tell(owner);
	}
}

function house(t: Tap) {
	const [client, backend] = [tcpPair(t), tcpPair(t)];
	const poller = new Poller(libc);
	for (const fd of [client.b, backend.b]) poller.add(fd, 0, { onEvents: () => {} });
	t.teardown(() => void libc.close(poller.fd));
	const ring = new ScriptedRing();
	const relays = new RingRelays(libc, poller, ring as unknown as Ring);
	const gate = new TestGate();
	const source = { fd: client.b, readable: true, readOn: false, ended: false, unix: false };
	const tools = {
		nowNs: () => 1,
		libc,
		buffers: new BufferPool(libc, RING_BUFFER_BYTES),
	} as unknown as ConstructorParameters<typeof Flow>[0];
	const upload = new Flow(tools, new Meter(), gate, 'upload', source, backend.b);
	const download = new Flow(tools, new Meter(), new TestGate(), 'download', { ...source, fd: backend.b }, client.b);
	const state = { left: 0 };
	const rider = {
		leftRing: () => {
			state.left += 1;
		},
	};
	relays.enter(rider, client.b, backend.b, upload, download);
	/** Chunks of the client, in these buffers, in one turn. */
	const turn = (...buffers: readonly number[]): void => {
		for (const buffer of buffers) ring.coming.push((owner) => owner.received(0, 1, buffer, true));
		relays.tell(relays.wait(50));
	};
	const held = (): readonly number[] => [...(upload.held?.view ?? [])];
	/** The fate of a send of the client's bytes is told first of all in the next turn. */
	const notSent = (result: number, buffer: number, length: number): void => {
		ring.coming.push((owner) => owner.notSent(0, result, buffer, length));
	};
	return { ring, turn, held, gate, state, notSent, upload, download };
}

t.test('of several chunks of one direction in one turn each but the first waits for a turn of its own', async (t) => {
	const { ring, turn, state } = house(t);
	turn(1, 2, 3);
	t.same(ring.sent, ['0: 1']);
	turn(4);
	t.same(ring.sent, ['0: 1', '0: 2'], 'what comes later does not overtake');
	turn();
	turn();
	t.same(ring.sent, ['0: 1', '0: 2', '0: 3', '0: 4']);
	t.same(ring.waits, [50, 0, 0, 0], 'while a chunk waits the loop does not');
	turn();
	t.same(ring.waits.at(-1), 50);
	t.equal(state.left, 0);
});

t.test('nothing is sent before it is told what has become of the send before', async (t) => {
	const { ring, turn } = house(t);
	turn(1, 2);
	ring.untold = 1;
	turn(3);
	t.same(ring.sent, ['0: 1']);
	ring.untold = 0;
	turn();
	turn();
	t.same(ring.sent, ['0: 1', '0: 2', '0: 3']);
});

t.test('a direction that gets far behind leaves the ring with all that waits, in order', async (t) => {
	const { ring, turn, held, state } = house(t);
	turn(1, 2, 3, 4, 5, 6, 7, 8, 9);
	t.equal(state.left, 0);
	turn(10);
	t.same(ring.sent, ['0: 1']);
	t.equal(state.left, 1);
	t.same(held(), [2, 3, 4, 5, 6, 7, 8, 9, 10]);
	t.same(ring.returned, [2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

t.test('a gate that closes while chunks wait keeps their order', async (t) => {
	const { ring, turn, held, gate, state } = house(t);
	turn(1, 2, 3);
	gate.left = 0;
	turn(4);
	t.same(ring.sent, ['0: 1']);
	t.equal(state.left, 1);
	t.same(held(), [2, 3, 4]);
	t.same(ring.returned, [2, 3, 4]);
});

t.test('what waits goes after the rest of a send that was not taken whole', async (t) => {
	const { ring, turn, held, state, notSent, upload } = house(t);
	turn(1, 2, 3);
	notSent(1, 1, 2);
	turn();
	t.same(ring.sent, ['0: 1'], 'nothing overtakes it');
	t.equal(state.left, 1);
	t.same(held(), [2, 3]);
	t.notOk(upload.empty, 'and the rest goes first');
	t.throws(() => upload.keep(ring.memory, 0, 1), /would be lost/, 'it is not forgotten for another');
});

t.test('a send that finds its target reset tells so of the other direction, which a read would not find', async (t) => {
	const { turn, state, notSent, upload, download } = house(t);
	turn(1);
	notSent(-104, 1, 1);
	turn();
	t.equal(state.left, 1);
	t.ok(download.failing && download.ended);
	t.notOk(upload.failing);
	t.ok(upload.empty, 'what it had for the target is lost');
});

t.test('a receive that found no buffer goes on in the next turn, and what it brings at once waits', async (t) => {
	const { ring, turn } = house(t);
	const received: number[] = [];
	ring.receive = (_fd, tag) => {
		received.push(tag);
	};
	ring.coming.push((owner) => owner.received(0, -105, 0, false));
	turn();
	t.same(received, [], 'not before buffers are back');
	turn(1);
	t.same([received, ring.sent], [[0], []]);
	turn();
	t.same(ring.sent, ['0: 1']);
});

t.test('a ring that fails ends the worker, not one session', async (t) => {
	const { ring, turn } = house(t);
	ring.submit = () => {
		throw new Error('planted');
	};
	t.throws(() => turn(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), /planted/);
	t.throws(() => turn(), /planted/, 'nor does it go on');
});
