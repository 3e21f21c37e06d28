import fc from 'fast-check';
import t from 'tap';
import type { SessionEvent } from '../../../src/core/session-io.ts';
import { otherSide, type Side } from '../../../src/core/units.ts';
import { BufferPool } from '../../../src/engine/epoll/buffers.ts';
import { End } from '../../../src/engine/epoll/end.ts';
import { GateQueue } from '../../../src/engine/epoll/gate-queue.ts';
import { EPOLLIN, O_NONBLOCK, SHUT_WR, SO_LINGER, SOL_SOCKET, WATCHED } from '../../../src/engine/epoll/layouts.ts';
import { Loop } from '../../../src/engine/epoll/loop.ts';
import { PipePool } from '../../../src/engine/epoll/pipes.ts';
import { Poller } from '../../../src/engine/epoll/poller.ts';
import { Relay } from '../../../src/engine/epoll/relay.ts';
import { Ring } from '../../../src/engine/epoll/ring.ts';
import { RING_BUFFER_BYTES } from '../../../src/engine/epoll/ring-buffers.ts';
import { RingRelays } from '../../../src/engine/epoll/ring-relays.ts';
import type { Tools } from '../../../src/engine/epoll/tools.ts';
import { Meter } from '../../../src/engine/meter.ts';
import { libc, put, socketPair, take, tcpPair } from '../../support/native-tools.ts';
import { patternOf } from '../../support/peers.ts';
import { needsRing } from '../../support/ring.ts';
import { TestGate } from '../../support/test-gate.ts';

interface Tap {
	teardown(end: () => void): void;
}

type PairOf = typeof tcpPair;

const SCRATCH = 65_536;
const F_GETFL = 3;
const SO_SNDBUF = 7;
const KEEP_ALIVE = { idleMs: 60_000, intervalMs: 10_000, count: 3 };
const AMPLE_MS = 5_000;
const EAGER = { afterChunks: 0, averageBytes: Number.POSITIVE_INFINITY };

/** A worker's loop with a ring, and the relays that a test opens in it. */
class House {
	readonly poller = new Poller(libc);
	readonly ring: RingRelays;
	readonly loop: Loop;
	/** Sends that were handed over with another of the same direction. */
	doubles = 0;
	readonly #gates = new GateQueue();
	readonly #tools: Tools;

	constructor(t: Tap, rides = EAGER) {
		const ring = Ring.open(libc);
		if (typeof ring === 'string') throw new Error(ring);
		this.#watch(ring);
		this.ring = new RingRelays(libc, this.poller, ring);
		const nowNs = (): number => Number(process.hrtime.bigint());
		this.loop = new Loop(this.ring, nowNs, [this.#gates]);
		const pipes = new PipePool(libc, 2);
		const lent: Partial<Tools> = {
			libc,
			pipes,
			buffers: new BufferPool(libc, SCRATCH),
			scratch: libc.allocate(SCRATCH),
			ring: this.ring,
			rides,
			nowNs: () => this.loop.nowNs,
			pumpSoon: (relay) => this.loop.pumpSoon(relay),
			awaitGate: (relay, flow) => this.#gates.await(relay, flow),
			lookSoon: (relay, flow) => this.#gates.lookSoon(relay, flow, this.loop.nowNs),
			leaveGate: (flow) => this.#gates.leave(flow),
		};
		this.#tools = lent as Tools;
		t.teardown(() => {
			this.ring.destroy();
			pipes.destroy();
			libc.close(this.poller.fd);
		});
	}

	/** Looks whether two sends of one direction are ever handed over together. */
	#watch(ring: Ring): void {
		const [send, wait] = [ring.send.bind(ring), ring.wait.bind(ring)];
		let sending = new Set<number>();
		ring.send = (fd, tag, buffer, length) => {
			if (sending.has(tag)) this.doubles += 1;
			sending.add(tag);
			send(fd, tag, buffer, length);
		};
		ring.wait = (timeoutMs) => {
			const done = wait(timeoutMs);
			if (done) sending = new Set();
			return done;
		};
	}

	/** A relay between two TCP connections, with both far ends in hand. */
	open(t: Tap, pairOf: PairOf = tcpPair): Session {
		return new Session(t, this, this.#tools, pairOf);
	}

	/** What comes to a far end next. */
	nextText(fd: number): string {
		let got = take(fd);
		this.turnUntil(() => {
			if (typeof got !== 'string') got = take(fd);
			return typeof got === 'string';
		});
		return String(got);
	}

	turnUntil(holds: () => boolean): void {
		const deadline = performance.now() + AMPLE_MS;
		while (!holds()) {
			if (performance.now() > deadline) throw new Error(`too late for ${holds}`);
			this.loop.turn(1);
		}
	}
}

/** What a session does about the ends of its two sides, around one relay. */
class Session {
	readonly events: SessionEvent[] = [];
	readonly meter = new Meter();
	readonly gates = { upload: new TestGate(), download: new TestGate() };
	readonly relay: Relay;
	/** The far ends. */
	readonly client: number;
	readonly backend: number;
	readonly #near: Readonly<Record<Side, number>>;

	constructor(t: Tap, house: House, tools: Tools, pairOf: PairOf) {
		const [client, backend] = [pairOf(t), pairOf(t)];
		[this.client, this.backend] = [client.a, backend.a];
		this.#near = { client: client.b, backend: backend.b };
		const ends = { client: new End('client', client.b, false), backend: new End('backend', backend.b, false) };
		const owner = {
			onEvents: (fd: number, events: number) => this.relay.hear(fd === client.b ? 'client' : 'backend', events),
		};
		for (const fd of [client.b, backend.b]) house.poller.add(fd, WATCHED, owner);
		const given = { ...ends, held: null, keepAlive: KEEP_ALIVE };
		this.relay = new Relay(tools, { report: (event) => this.#hear(event) }, this.meter, this.gates, given);
		this.relay.pump();
		t.teardown(() => this.relay.releaseAll());
	}

	#hear(event: SessionEvent): void {
		this.events.push(event);
		if (event.type === 'eof') this.relay.oweFin(otherSide(event.side));
	}

	get heard(): readonly string[] {
		return this.events.map((event) => ('side' in event ? `${event.type} of ${event.side}` : event.type));
	}

	/** Whether calls on this side's socket would wait, as they do in the ring. */
	waits(side: Side): boolean {
		return (libc.fcntl(this.#near[side], F_GETFL, 0) & O_NONBLOCK) === 0;
	}
}

needsRing(t, 'messages go both ways through the ring, and are counted', async (t) => {
	const house = new House(t);
	const session = house.open(t);
	t.equal(house.ring.size, 1);
	const answers: string[] = [];
	for (let i = 100; i < 200; i++) {
		put(session.client, `ask ${i}`);
		put(session.backend, `${house.nextText(session.backend)} answered`);
		answers.push(house.nextText(session.client));
	}
	t.same(
		answers,
		Array.from({ length: 100 }, (_, i) => `ask ${i + 100} answered`),
	);
	t.equal(house.ring.size, 1);
	t.ok(session.waits('client') && session.waits('backend'));
	t.same([session.meter.uploadBytes, session.meter.downloadBytes], [700, 1_600]);
	t.same([session.gates.upload.passed, session.gates.download.passed], [700, 1_600]);
});

needsRing(t, 'other events are heard while the ring carries relays', async (t) => {
	const house = new House(t);
	house.open(t);
	const { a, b } = tcpPair(t);
	let heard = 0;
	house.poller.add(b, EPOLLIN, {
		onEvents: () => {
			heard += 1;
			take(b);
		},
	});
	for (let i = 1; i <= 20; i++) {
		put(a, 'x');
		house.turnUntil(() => heard === i);
	}
	t.equal(house.ring.size, 1);
});

needsRing(
	t,
	'a large message, an end, a stop, an idle while and a closed gate end the ride; the bytes go on',
	async (t) => {
		const house = new House(t, { afterChunks: 1, averageBytes: Number.POSITIVE_INFINITY });
		for (const [why, end] of [
			['a large message', ({ client }) => put(client, 'x'.repeat(RING_BUFFER_BYTES))],
			['an end', ({ client }) => libc.shutdown(client, SHUT_WR)],
			['a reset', ({ backend }) => resetOf(backend)],
			['a stop', ({ relay }) => relay.stop()],
			[
				'a closed gate',
				({ gates, client }) => {
					gates.upload.left = 3;
					put(client, 'four');
				},
			],
			[
				'an idle while',
				({ relay }) => {
					relay.settle();
					relay.settle();
				},
			],
		] as const satisfies readonly (readonly [string, (session: Session) => void])[]) {
			const session = house.open(t);
			put(session.client, 'one');
			t.equal(house.nextText(session.backend), 'one', why);
			t.equal(house.ring.size, 1, `${why}: it rides`);
			end(session);
			house.turnUntil(() => house.ring.size === 0);
			t.notOk(session.waits('client') || session.waits('backend'), `${why}: calls do not wait`);
			session.relay.releaseAll();
		}
	},
);

/** close(2) with unread data, or a linger time of 0, resets. */
function resetOf(fd: number): void {
	libc.resetOnClose(fd, { level: SOL_SOCKET, name: SO_LINGER });
	libc.shutdown(fd, 0);
	libc.close(fd);
}

needsRing(t, 'a reset source is told as lost after what it sent, a reset target at the next message', async (t) => {
	const house = new House(t);
	const session = house.open(t);
	put(session.backend, 'last words');
	resetOf(session.backend);
	t.equal(house.nextText(session.client), 'last words');
	house.turnUntil(() => session.events.length > 0);
	t.same(session.heard, ['reset of backend']);
});

needsRing(
	t,
	'relays are taken when they have sent enough that is small, and again after many times as much',
	async (t) => {
		const house = new House(t, { afterChunks: 4, averageBytes: 100 });
		const [small, large] = [house.open(t), house.open(t)];
		const exchange = (session: Session, bytes: number): void => {
			put(session.client, 'x'.repeat(bytes));
			house.nextText(session.backend);
		};
		for (let i = 0; i < 3; i++) exchange(small, 100);
		t.equal(house.ring.size, 0);
		exchange(small, 100);
		t.equal(house.ring.size, 1);
		for (let i = 0; i < 40; i++) exchange(large, 101);
		t.equal(house.ring.size, 1, 'on average they are too large');
		small.relay.settle();
		small.relay.settle();
		t.equal(house.ring.size, 0);
		for (let i = 0; i < 27; i++) exchange(small, 100);
		t.equal(house.ring.size, 0, 'not at once again');
		exchange(small, 100);
		t.equal(house.ring.size, 1);
	},
);

needsRing(t, 'no more relays than it has room for; the others go on without', async (t) => {
	const house = new House(t);
	const many = Array.from({ length: 1_030 }, () => house.open(t));
	t.equal(house.ring.size, 1_024);
	for (const { client } of many) put(client, 'x');
	const last = many.at(-1);
	t.equal(house.nextText(last?.backend ?? -1), 'x');
	for (const { backend } of many.slice(0, -1)) if (house.nextText(backend) !== 'x') t.fail('all are served');
	for (const { relay } of many) relay.releaseAll();
	t.equal(house.ring.size, 0);
});

/** Sockets that take little, so that sends find them full, and have no timers of their own. */
const narrowPair: PairOf = (t) => {
	const pair = socketPair(t);
	for (const fd of [pair.a, pair.b]) libc.setOption(fd, SOL_SOCKET, SO_SNDBUF, 8_000);
	return pair;
};

/** More than one side ever sends. */
const PATTERN = patternOf(4_000_000);

type Step =
	| { readonly do: 'send'; readonly side: Side; readonly bytes: number }
	| { readonly do: 'read'; readonly side: Side; readonly bytes: number }
	| { readonly do: 'turn' | 'settle'; readonly times: number }
	| { readonly do: 'gate'; readonly side: Side; readonly bytes: number };

const side = fc.constantFrom<Side>('client', 'backend');
const STEPS = fc.array(
	fc.oneof(
		{
			weight: 6,
			arbitrary: fc.record({
				do: fc.constant('send' as const),
				side,
				bytes: fc.oneof(fc.integer({ min: 1, max: 4_000 }), fc.integer({ min: 1, max: 40_000 })),
			}),
		},
		{
			weight: 3,
			arbitrary: fc.record({ do: fc.constant('read' as const), side, bytes: fc.integer({ min: 1, max: 60_000 }) }),
		},
		{ weight: 5, arbitrary: fc.record({ do: fc.constant('turn' as const), times: fc.integer({ min: 1, max: 3 }) }) },
		{ weight: 1, arbitrary: fc.record({ do: fc.constant('settle' as const), times: fc.integer({ min: 1, max: 2 }) }) },
		{ weight: 1, arbitrary: fc.record({ do: fc.constant('gate' as const), side, bytes: fc.nat(30_000) }) },
	),
	{ minLength: 5, maxLength: 80 },
);

/** One far end: what it has sent and read. */
class Far {
	sent = 0;
	got = 0;
	right = true;
	readonly #fd: number;
	readonly #buffer = libc.allocate(SCRATCH);

	constructor(fd: number) {
		this.#fd = fd;
	}

	send(bytes: number): void {
		this.#buffer.bytes.set(PATTERN.subarray(this.sent, this.sent + bytes));
		this.sent += Math.max(0, libc.send(this.#fd, this.#buffer, 0, bytes, 0));
	}

	/** False when nothing is there, now or for ever. */
	read(bytes: number): boolean {
		const got = libc.recv(this.#fd, this.#buffer, 0, bytes, 0);
		if (got <= 0) return false;
		if (!PATTERN.subarray(this.got, this.got + got).equals(this.#buffer.bytes.subarray(0, got))) this.right = false;
		this.got += got;
		return true;
	}
}

needsRing(
	t,
	'whatever comes in whatever pieces, however slow the readers and the gates: each byte once, in order',
	async (t) => {
		const house = new House(t);
		let rides = 0;
		fc.assert(
			fc.property(STEPS, (steps: readonly Step[]) => {
				const ends: (() => void)[] = [];
				const session = house.open({ teardown: (end) => ends.push(end) }, narrowPair);
				const far = { client: new Far(session.client), backend: new Far(session.backend) };
				const gates = { client: session.gates.upload, backend: session.gates.download };
				for (const step of steps) {
					if (step.do === 'send') far[step.side].send(step.bytes);
					else if (step.do === 'read') far[step.side].read(step.bytes);
					else if (step.do === 'gate') gates[step.side].left = step.bytes;
					else if (step.do === 'settle') for (let i = 0; i < step.times; i++) session.relay.settle();
					else for (let i = 0; i < step.times; i++) house.loop.turn(0);
					rides += house.ring.size;
				}
				gates.client.left = gates.backend.left = Number.POSITIVE_INFINITY;
				for (const fd of [session.client, session.backend]) libc.shutdown(fd, SHUT_WR);
				house.turnUntil(() => {
					while (far.client.read(SCRATCH));
					while (far.backend.read(SCRATCH));
					return far.client.got >= far.backend.sent && far.backend.got >= far.client.sent && session.events.length >= 2;
				});
				for (const end of ends.reverse()) end();
				const { meter } = session;
				return (
					far.client.right &&
					far.backend.right &&
					meter.uploadBytes === far.client.sent &&
					meter.downloadBytes === far.backend.sent &&
					house.ring.size === 0
				);
			}),
			{ numRuns: 1_000 },
		);
		t.equal(house.doubles, 0, 'no send could overtake another');
		t.ok(rides > 100, `the ring carried it in ${rides} of the steps`);
	},
);
