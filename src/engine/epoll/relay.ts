import type { RelayGates, SessionEvent } from '../../core/session-io.ts';
import type { KeepAlive } from '../../core/snapshot.ts';
import { ofSide, otherSide, type Side } from '../../core/units.ts';
import type { Meter } from '../meter.ts';
import { EOF, RELAY_ENDED, RESET } from '../session-events.ts';
import type { End } from './end.ts';
import { AGAIN, ENDED, Flow, GATHERS, HELD_BACK, type PumpResult, SOURCE_LOST, TARGET_LOST } from './flow.ts';
import type { HeldBytes } from './held-bytes.ts';
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP, SHUT_WR } from './layouts.ts';
import type { Ride, RingRider } from './ring-relays.ts';
import type { Tools } from './tools.ts';
import { keepUrgentByte, tuneUpstream } from './upstream.ts';

/** Where a relay's events go. */
export interface Reporter {
	report(event: SessionEvent): void;
}

/** A relay that was, or was not for it, is considered again with so many times as many chunks. */
const RIDE_AGAIN = 8;

const READABLE = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLERR | EPOLLHUP;
const READ_ON = EPOLLPRI | EPOLLRDHUP | EPOLLERR | EPOLLHUP;

/** Two flows between the two ends of a session, with the FINs that follow what they carry. */
export class Relay implements RingRider {
	readonly #tools: Tools;
	readonly #reporter: Reporter;
	readonly #meter: Meter;
	readonly #keepAlive: KeepAlive;
	readonly #client: End;
	readonly #backend: End;
	readonly #upload: Flow;
	readonly #download: Flow;
	/** Pumped in the next turn. */
	#queued = false;
	#stopped = false;
	#tuned = false;
	/** While the ring carries it. */
	#ride: Ride | null = null;
	/** With so many chunks it asks the ring to. */
	#rideAt: number;

	constructor(
		tools: Tools,
		reporter: Reporter,
		meter: Meter,
		gates: RelayGates,
		ends: {
			readonly client: End;
			readonly backend: End;
			/** What was read of the client before. */
			readonly held: HeldBytes | null;
			readonly keepAlive: KeepAlive;
		},
	) {
		const { client, backend } = ends;
		this.#tools = tools;
		this.#reporter = reporter;
		this.#meter = meter;
		this.#keepAlive = ends.keepAlive;
		this.#client = client;
		this.#backend = backend;
		this.#upload = new Flow(tools, meter, gates.upload, 'upload', client, backend.fd);
		if (ends.held !== null && ends.held.length > 0) this.#upload.held = ends.held;
		this.#download = new Flow(tools, meter, gates.download, 'download', backend, client.fd);
		this.#rideAt = client.unix || backend.unix ? Number.POSITIVE_INFINITY : tools.rides.afterChunks;
	}

	/** What is on its way to this side. */
	inward(side: Side): Flow {
		return side === 'client' ? this.#download : this.#upload;
	}

	/** What comes from this side. */
	outward(side: Side): Flow {
		return side === 'client' ? this.#upload : this.#download;
	}

	/** Remembers what an event of this side said, since edges come once, and moves what it lets move. */
	hear(side: Side, events: number): void {
		// The ring finds out by itself.
		if (this.#ride !== null) return;
		this.#note(side, events);
		if (this.#stopped) return;
		const inward = this.inward(side);
		let again = (events & READABLE) !== 0 && this.#pumpOne(this.outward(side), side);
		// Nearly every event says that the socket can be written to: it matters only to what waits for that.
		if ((events & EPOLLOUT) !== 0 && !inward.empty) again = this.#pumpOne(inward, otherSide(side)) || again;
		if (again) this.#pumpAgain();
		this.#payFins();
		this.#considerRide();
	}

	#note(side: Side, events: number): void {
		const flow = this.outward(side);
		if ((events & READABLE) !== 0) flow.readable = !flow.ended;
		if ((events & READ_ON) !== 0) flow.readOn = true;
		if ((events & EPOLLERR) !== 0) flow.failing = true;
		if ((events & EPOLLPRI) !== 0 && side === 'backend') keepUrgentByte(this.#tools.libc, this.#backend);
	}

	/** Moves both directions; the loop calls it again when there is more. */
	pump(): void {
		this.#queued = false;
		if (this.#stopped || this.#ride !== null) return;
		const again = this.#pumpOne(this.#upload, 'client');
		if (this.#pumpOne(this.#download, 'backend') || again) this.#pumpAgain();
		this.#payFins();
		this.#considerRide();
	}

	#payFins(): void {
		if (this.#client.finOwed) this.#payFin(this.#client);
		if (this.#backend.finOwed) this.#payFin(this.#backend);
	}

	/** A FIN is due to this side. */
	oweFin(side: Side): void {
		const end = side === 'client' ? this.#client : this.#backend;
		end.finOwed = true;
		this.#payFin(end);
	}

	/** Reads no more; what was read is still there to be written. */
	stop(): void {
		this.#stopped = true;
		this.#endRide();
		this.#upload.leaveSource();
		this.#download.leaveSource();
	}

	/** As `stop`, and what is held is dropped: it counts as little as what was not read. */
	stopForGood(): void {
		this.stop();
		this.#upload.held = null;
		this.#download.held = null;
	}

	/** Gives back what the flow borrowed; bytes not yet written are lost. */
	release(flow: Flow): void {
		this.#tools.leaveGate(flow);
		flow.release();
	}

	releaseAll(): void {
		this.#stopped = true;
		this.#endRide();
		this.release(this.#upload);
		this.release(this.#download);
	}

	/** Called now and then. */
	settle(): void {
		this.tune();
		if (this.#ride?.wasIdle === true) this.#endRide();
	}

	/** A relay of many small messages, with nothing half done, is for the ring. */
	#considerRide(): void {
		const chunks = this.#upload.chunks + this.#download.chunks;
		if (chunks < this.#rideAt) return;
		const { ring } = this.#tools;
		const [client, backend] = [this.#client, this.#backend];
		this.#rideAt = chunks * RIDE_AGAIN;
		const quiet = !this.#stopped && !this.#queued && !client.finOwed && !backend.finOwed;
		if (ring === null || !quiet || !this.#upload.idle || !this.#download.idle) return;
		if (this.#meter.uploadBytes + this.#meter.downloadBytes > chunks * this.#tools.rides.averageBytes) return;
		// The ring would read what is urgent before an event tells of it. With that its socket never rests (`resting-sockets.ts`).
		keepUrgentByte(this.#tools.libc, this.#backend);
		for (const { gate } of [this.#upload, this.#download]) gate.rest();
		this.#ride = ring.enter(this, client.fd, backend.fd, this.#upload, this.#download);
	}

	#endRide(): void {
		if (this.#ride !== null) this.#tools.ring?.leave(this.#ride);
	}

	leftRing(): void {
		this.#ride = null;
		for (const flow of [this.#upload, this.#download]) flow.readable = !flow.ended;
		if (!this.#stopped) this.#pumpAgain();
	}

	get tuned(): boolean {
		return this.#tuned;
	}

	/** TCP_NODELAY and keep-alive: left until a session is no longer one question and one answer, which needs neither. */
	tune(): void {
		if (this.#tuned || this.#stopped) return;
		this.#tuned = true;
		if (!this.#backend.unix) tuneUpstream(this.#tools.libc, this.#backend.fd, this.#keepAlive);
	}

	#pumpOne(flow: Flow, source: Side): boolean {
		if (this.#stopped) return false;
		const result: PumpResult = flow.pump();
		if (!this.#tuned && flow.chunks > 1) this.tune();
		if (result === AGAIN) return true;
		if (result === HELD_BACK) this.#tools.awaitGate(this, flow);
		else if (result === GATHERS) this.#tools.lookSoon(this, flow);
		else if (result === ENDED) this.#reporter.report(ofSide(EOF, source));
		else if (result === SOURCE_LOST) this.lose(source);
		else if (result === TARGET_LOST) this.lose(otherSide(source));
		return false;
	}

	lose(side: Side): void {
		const end = side === 'client' ? this.#client : this.#backend;
		if (end.lost) return;
		end.lost = true;
		this.#reporter.report(ofSide(RESET, side));
	}

	#pumpAgain(): void {
		if (this.#queued) return;
		this.#queued = true;
		this.#tools.pumpSoon(this);
	}

	/** Sends the FIN that is owed to a side, once all that was read for it is written. */
	#payFin(end: End): void {
		if (!end.finOwed || end.finSent || this.#stopped || !this.inward(end.side).empty) return;
		end.finSent = true;
		const other = end === this.#client ? this.#backend : this.#client;
		// The end of both sides closes this socket within the step, which sends the FIN by itself.
		if (this.outward(end.side).ended && other.finSent) {
			end.restsAs = 0;
			this.#reporter.report(RELAY_ENDED);
		} else this.#tools.libc.shutdown(end.fd, SHUT_WR);
	}
}
