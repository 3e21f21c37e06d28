import { Socket } from 'node:net';
import t from 'tap';
import type { RelayGate } from '../../../src/core/session-io.ts';
import { Meter } from '../../../src/engine/meter.ts';
import { GatheredWrites } from '../../../src/engine/node/gathered-writes.ts';
import { Lane, type LaneOwner } from '../../../src/engine/node/lane.ts';
import { LaneTimer } from '../../../src/engine/node/lane-timer.ts';
import { type EndOwner, SocketEnd } from '../../../src/engine/node/socket-end.ts';

const NOBODY: EndOwner = {
	connected: () => {},
	received: () => {},
	ended: () => {},
	drained: () => {},
	finished: () => {},
	failed: () => {},
	closed: () => {},
};

/** A lane between two sockets that are not connected; what is written waits. */
function laneBetween(gate: Partial<RelayGate> = {}) {
	const [from, to] = [new Socket(), new Socket()];
	const owner: LaneOwner & { nowAtNs: number } = {
		nowAtNs: 1_000,
		meter: new Meter(),
		laneTimer: new LaneTimer(() => 0),
		gatheredWrites: new GatheredWrites(),
		nowNs: () => owner.nowAtNs,
		emptied: () => {},
	};
	const asked: number[] = [];
	const whole: RelayGate = {
		readyNs: Number.POSITIVE_INFINITY,
		ask: (want) => {
			asked.push(want);
			return want;
		},
		unused: () => {},
		rest: () => {},
		...gate,
	};
	const ends = [new SocketEnd('client', from, NOBODY, false), new SocketEnd('backend', to, NOBODY, false)] as const;
	return { lane: new Lane(owner, whole, 'upload', ...ends), owner, asked, to };
}

t.test('what is written on counts, at the time it passed', async (t) => {
	const { lane, owner, asked, to } = laneBetween();
	to.cork();
	lane.push(Buffer.alloc(5));
	t.match(owner.meter, { uploadBytes: 5, lastByteNs: 1_000 });
	t.same(asked, [5]);
});

t.test('what is thrown away, because nobody is there to take it, has not passed', async (t) => {
	const { lane, owner, asked, to } = laneBetween();
	to.destroy();
	lane.push(Buffer.alloc(5));
	t.match(owner.meter, { uploadBytes: 0, lastByteNs: 0 });
	t.same(asked, [], 'nor has a bucket been asked');
	t.ok(lane.empty);
});

t.test('a lane that is held back when the other side is lost waits no more', async (t) => {
	const { lane, owner, to } = laneBetween({ ask: () => 0 });
	lane.push(Buffer.alloc(5));
	t.equal(owner.meter.throttledSinceNs, 1_000);
	to.destroy();
	owner.nowAtNs = 3_000;
	lane.proceed();
	t.match(owner.meter, { uploadBytes: 0, throttledSinceNs: 0, throttledNs: 2_000 });
	t.ok(lane.empty);
});

t.test('a lane that is stopped has sent all that has passed', async (t) => {
	const { lane, to } = laneBetween();
	lane.push(Buffer.alloc(16_384));
	t.equal(to.writableCorked, 1, 'it waits for more of the same turn');
	lane.stop();
	t.equal(to.writableCorked, 0);
});
