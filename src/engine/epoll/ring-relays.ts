import { ERRNO } from './errno.ts';
import type { Flow } from './flow.ts';
import { EPOLLET, F_SETFL, O_NONBLOCK, WATCHED } from './layouts.ts';
import type { Libc } from './libc.ts';
import type { EventSource } from './loop.ts';
import type { Poller } from './poller.ts';
import type { Ring, RingOwner } from './ring.ts';
import { RING_BUFFER_BYTES } from './ring-buffers.ts';

/** Relays that the ring carries at a time; each may end in one turn, with two completions. */
const MOST_RELAYS = 1_024;
/** Chunks of one direction that wait for those before: more is a stream, which is better read in large pieces. */
const MOST_LATE = 8;
/** `wait` found what it found by the ring. */
const BY_RING = -1;

/** Which relays are for the ring: those with so many chunks, that have no more than so many bytes on average. */
export interface RideTerms {
	readonly afterChunks: number;
	readonly averageBytes: number;
}

/** By then a relay has paid for the calls that take it into the ring and out again. */
export const RIDE_TERMS: RideTerms = { afterChunks: 64, averageBytes: 4_096 };

/** A relay, as the ring knows it. */
export interface RingRider {
	/** Its sockets are back: whoever reads and writes them goes on. */
	leftRing(): void;
}

/** One direction: what its source sends goes to the target. */
interface Lane {
	readonly tag: number;
	readonly flow: Flow;
	readonly source: number;
	readonly target: number;
	readonly ride: Ride;
	/** The ring receives from its source. */
	receiving: boolean;
	/** The turn in which it last sent: two sends of one turn could overtake each other where the first is not taken whole. */
	sentIn: number;
	/** Chunks that wait for the turns to come: of each its buffer and length. */
	readonly late: number[];
}

/** A relay's stay in the ring. */
export class Ride {
	readonly rider: RingRider;
	readonly lanes: Lane[] = [];
	/** The ring carries it no more. */
	over = false;
	#carried = 0;
	#seen = 0;

	constructor(rider: RingRider) {
		this.rider = rider;
	}

	carry(): void {
		this.#carried = (this.#carried + 1) | 0;
	}

	/** Nothing came since this was last asked. */
	get wasIdle(): boolean {
		const idle = this.#carried === this.#seen;
		this.#seen = this.#carried;
		return idle;
	}
}

/**
 * The relays of a worker whose messages are small and many: their bytes come and go through the ring, many in one
 * system call. Anything but a small message that its target takes at once ends that: an end, an error, a gate that
 * holds back, a target that is slow, a message that is large. Then what was received and not sent is the flow's, and the
 * relay goes on with its sockets as before. While any relay is here, the worker waits by the ring, for epoll, too.
 */
export class RingRelays implements RingOwner, EventSource {
	readonly #libc: Libc;
	readonly #poller: Poller;
	readonly #ring: Ring;
	readonly #lanes: (Lane | null)[] = [];
	readonly #freeTags: number[] = [];
	readonly #leaver: RingOwner;
	#turn = 0;
	#polling = false;
	#readable = false;
	/** Those that found no buffer. */
	readonly #starved: Lane[] = [];
	/** A ring that failed serves no session any more: the worker ends by it. */
	#failure: unknown = null;
	/** Those with chunks that wait. */
	#behind: Lane[] = [];
	#behindSpare: Lane[] = [];

	constructor(libc: Libc, poller: Poller, ring: Ring) {
		this.#libc = libc;
		this.#poller = poller;
		this.#ring = ring;
		for (let i = MOST_RELAYS - 1; i >= 0; i--) this.#freeTags.push(2 * i);
		this.#leaver = {
			received: (tag, result, buffer, more) => this.#receivedLast(tag, result, buffer, more),
			notSent: (tag, result, buffer, length) => this.#keepUnsent(tag, result, buffer, length),
			polled: () => {},
		};
	}

	/** Relays it carries. */
	get size(): number {
		return MOST_RELAYS - this.#freeTags.length;
	}

	// --- the turns ---

	wait(timeoutMs: number): number {
		if (this.size === 0) return this.#poller.wait(timeoutMs);
		if (this.#failure !== null) throw this.#failure;
		// What has become of the sends of a turn is told before the next begins.
		if (this.#ring.untold > 0) return BY_RING;
		this.#turn = (this.#turn + 1) | 0;
		for (const lane of this.#starved) this.#receiveAgain(lane);
		this.#starved.length = 0;
		if (!this.#polling) this.#ring.poll(this.#poller.fd);
		this.#polling = true;
		this.#ring.wait(this.#behind.length > 0 ? 0 : timeoutMs);
		return BY_RING;
	}

	tell(count: number): void {
		if (count !== BY_RING) return this.#poller.tell(count);
		this.#ring.tell(this);
		// By now it is told what has become of those before.
		if (this.#behind.length > 0) this.#carryLate();
		if (!this.#readable) return;
		this.#readable = false;
		this.#poller.tell(this.#poller.wait(0));
	}

	polled(): void {
		this.#polling = false;
		this.#readable = true;
	}

	// --- in and out ---

	/** Takes over the sockets of a relay, of which nothing is half done; null when that cannot be. */
	enter(rider: RingRider, client: number, backend: number, upload: Flow, download: Flow): Ride | null {
		if (this.#freeTags.length === 0 || !this.#take(client, backend)) return null;
		const tag = this.#freeTags.pop() ?? 0;
		const ride = new Ride(rider);
		this.#open(ride, tag, upload, client, backend);
		this.#open(ride, tag + 1, download, backend, client);
		return ride;
	}

	#open(ride: Ride, tag: number, flow: Flow, source: number, target: number): void {
		const lane = { tag, flow, source, target, ride, receiving: true, sentIn: this.#turn - 1, late: [] };
		ride.lanes.push(lane);
		this.#lanes[tag] = lane;
		this.#ring.receive(source, tag);
	}

	/** Gives the sockets back; what was received and not sent is with the flows. Nothing when that was done. */
	leave(ride: Ride): void {
		if (ride.over) return;
		ride.over = true;
		for (const lane of ride.lanes) this.#holdLate(lane);
		try {
			this.#takeBack(ride);
		} catch (error) {
			this.#failure = error;
			throw error;
		}
		for (const { tag, source } of ride.lanes) {
			this.#lanes[tag] = null;
			this.#giveBack(source);
		}
		this.#freeTags.push(ride.lanes[0]?.tag ?? 0);
		ride.rider.leftRing();
	}

	/** What is to be sent goes with it, so that its fate is known, too. */
	#takeBack(ride: Ride): void {
		for (const lane of ride.lanes) if (lane.receiving) this.#ring.cancel(lane.tag);
		for (this.#ring.submit(0); !this.#allTold(ride); this.#ring.submit(this.#ring.untold + 1));
	}

	#allTold(ride: Ride): boolean {
		for (const { tag } of ride.lanes) this.#ring.tellOf(tag, this.#leaver);
		return ride.lanes.every(({ receiving }) => !receiving);
	}

	/** A receive that goes on waits only on a socket that does (O_NONBLOCK, open(2)); epoll is told to be silent. */
	#take(...fds: readonly number[]): boolean {
		const taken = fds.filter((fd) => {
			return this.#poller.change(fd, EPOLLET) === 0 && this.#libc.fcntl(fd, F_SETFL, 0) === 0;
		});
		if (taken.length === fds.length) return true;
		for (const fd of fds) this.#giveBack(fd);
		return false;
	}

	#giveBack(fd: number): void {
		this.#libc.fcntl(fd, F_SETFL, O_NONBLOCK);
		this.#poller.change(fd, WATCHED);
	}

	destroy(): void {
		this.#ring.close();
	}

	// --- what comes ---

	received(tag: number, result: number, buffer: number, more: boolean): void {
		const lane = this.#lanes[tag];
		if (!lane) {
			if (result > 0) this.#ring.giveBack(buffer);
			return;
		}
		lane.receiving = more;
		if (result > 0) this.#carry(lane, buffer, result);
		else if (result !== -ERRNO.ENOBUFS) this.#end(lane, result);
		if (!lane.receiving && !lane.ride.over) this.#starved.push(lane);
	}

	/** What it brings at once may be told before the fate of a send that went with it: it waits for the next turn. */
	#receiveAgain(lane: Lane): void {
		if (lane.ride.over) return;
		lane.receiving = true;
		lane.sentIn = this.#turn;
		this.#ring.receive(lane.source, lane.tag);
	}

	notSent(tag: number, result: number, buffer: number, length: number): void {
		const lane = this.#lanes[tag];
		if (!lane) return;
		this.#keepUnsent(tag, result, buffer, length);
		this.leave(lane.ride);
	}

	#carry(lane: Lane, buffer: number, length: number): void {
		const waits = lane.sentIn === this.#turn || lane.late.length > 0;
		if (!waits && this.#send(lane, buffer, length)) return;
		lane.late.push(buffer, length);
		if (!waits || length === RING_BUFFER_BYTES || lane.late.length > 2 * MOST_LATE) this.leave(lane.ride);
		else if (lane.late.length === 2) this.#behind.push(lane);
	}

	/** False when this is not for the ring. */
	#send(lane: Lane, buffer: number, length: number): boolean {
		if (length === RING_BUFFER_BYTES || !lane.flow.lets(length)) return false;
		lane.sentIn = this.#turn;
		lane.ride.carry();
		this.#ring.send(lane.target, lane.tag, buffer, length);
		return true;
	}

	/** One chunk of each. */
	#carryLate(): void {
		const behind = this.#behind;
		this.#behind = this.#behindSpare;
		for (const lane of behind) {
			const [buffer, length] = lane.late;
			if (buffer === undefined || length === undefined) continue;
			if (lane.sentIn === this.#turn) {
				this.#behind.push(lane);
				continue;
			}
			if (!this.#send(lane, buffer, length)) {
				this.leave(lane.ride);
				continue;
			}
			lane.late.splice(0, 2);
			if (lane.late.length > 0) this.#behind.push(lane);
		}
		behind.length = 0;
		this.#behindSpare = behind;
	}

	// --- the end of a ride ---

	#end(lane: Lane, result: number): void {
		this.#sourceEnded(lane, result);
		this.leave(lane.ride);
	}

	#receivedLast(tag: number, result: number, buffer: number, more: boolean): void {
		const lane = this.#lanes[tag];
		if (!lane) return;
		lane.receiving = more;
		if (result > 0) this.#hold(lane, buffer, result);
		else this.#sourceEnded(lane, result);
	}

	/** A read tells of an orderly end again, but of an error only once. */
	#sourceEnded({ flow }: Lane, result: number): void {
		if (result < 0 && result !== -ERRNO.ENOBUFS && result !== -ERRNO.ECANCELED) flow.failed();
	}

	#holdLate(lane: Lane): void {
		for (let i = 0; i < lane.late.length; i += 2) this.#hold(lane, lane.late[i] ?? 0, lane.late[i + 1] ?? 0);
		lane.late.length = 0;
	}

	/** Received, and neither asked for at the gate nor sent. */
	#hold({ flow }: Lane, buffer: number, length: number): void {
		const { memory } = this.#ring.buffers;
		const from = this.#ring.buffers.offsetOf(buffer);
		flow.hold(memory.bytes.subarray(from, from + length));
		this.#ring.giveBack(buffer);
	}

	/** Of what has passed the gate and was sent, the part that was not taken, unless its target is lost. Its buffer is the ring's already. */
	#keepUnsent(tag: number, result: number, buffer: number, length: number): void {
		const { memory } = this.#ring.buffers;
		const from = this.#ring.buffers.offsetOf(buffer);
		if (result >= 0 || result === -ERRNO.EAGAIN) {
			this.#lanes[tag]?.flow.keep(memory, from + Math.max(result, 0), from + length);
		} else {
			// The send took the error from the socket: a read of it would find an orderly end.
			this.#lanes[tag ^ 1]?.flow.failed();
		}
	}
}
