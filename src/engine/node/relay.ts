import type { Socket } from 'node:net';
import type { RelayGates, SessionEvent } from '../../core/session-io.ts';
import { ofSide, otherSide, type Side } from '../../core/units.ts';
import type { Meter } from '../meter.ts';
import { EOF, FLUSHED, RELAY_ENDED, RESET } from '../session-events.ts';
import type { GatheredWrites } from './gathered-writes.ts';
import { Lane, type LaneOwner } from './lane.ts';
import type { LaneTimer } from './lane-timer.ts';
import type { SocketEnd } from './socket-end.ts';

/** Whom it tells, and of whom it borrows. */
export interface RelayOwner {
	readonly meter: Meter;
	readonly laneTimer: LaneTimer;
	readonly gatheredWrites: GatheredWrites;
	nowNs(): number;
	report(event: SessionEvent): void;
}

/** The byte-moving phase: each chunk takes its lane to the other side. `flushing`: nothing more is read. */
export class Relay implements LaneOwner {
	readonly #owner: RelayOwner;
	readonly #client: SocketEnd;
	readonly #backend: SocketEnd;
	readonly #upload: Lane;
	readonly #download: Lane;
	#flushing = false;
	#endReported = false;

	constructor(owner: RelayOwner, gates: RelayGates, client: SocketEnd, backend: SocketEnd) {
		this.#owner = owner;
		this.#client = client;
		this.#backend = backend;
		this.#upload = new Lane(this, gates.upload, 'upload', client, backend);
		this.#download = new Lane(this, gates.download, 'download', backend, client);
	}

	/** `held`: what was read of the client before. */
	begin(held: Buffer): void {
		this.#backend.listen();
		this.#client.socket.resume();
		if (held.length > 0) this.#upload.push(held);
	}

	shutdown(side: Side): void {
		const [end, lane] = [this.#endOf(side), this.#laneTo(side)];
		lane.endReading();
		if (end.socket.writableEnded) return;
		if (!lane.empty) {
			lane.finWanted = true;
			return;
		}
		lane.rest();
		end.socket.end();
	}

	flush(side: Side): void {
		const [end, lane] = [this.#endOf(side), this.#laneTo(side)];
		this.#flushing = true;
		this.#client.socket.pause();
		this.#backend.socket.pause();
		this.#laneTo(otherSide(side)).stop();
		end.flushing = true;
		lane.endReading();
		if (lane.empty) this.#flushNow(end);
	}

	/** Nothing passes any more. */
	stop(): void {
		this.#upload.stop();
		this.#download.stop();
	}

	// --- what the lanes borrow and tell ---

	get meter(): Meter {
		return this.#owner.meter;
	}

	get laneTimer(): LaneTimer {
		return this.#owner.laneTimer;
	}

	get gatheredWrites(): GatheredWrites {
		return this.#owner.gatheredWrites;
	}

	nowNs(): number {
		return this.#owner.nowNs();
	}

	emptied(lane: Lane): void {
		if (lane.to.flushing) this.#flushNow(lane.to);
		if (!lane.finWanted) return;
		lane.finWanted = false;
		this.shutdown(lane.to.side);
	}

	// --- events of the sockets ---

	received(from: SocketEnd, chunk: Buffer): void {
		if (!this.#flushing) this.#laneFrom(from).push(chunk);
	}

	ended(end: SocketEnd): void {
		this.#owner.report(ofSide(EOF, end.side));
		this.#checkEnd();
	}

	drained(end: SocketEnd): void {
		this.#laneTo(end.side).drained();
	}

	finished(end: SocketEnd): void {
		if (end.flushing) this.#flushed(end);
		this.#checkEnd();
	}

	/** What a stopped reader had already taken from the kernel is still owed to the other side. */
	lost(end: SocketEnd): void {
		if (!this.#flushing) {
			const lane = this.#laneFrom(end);
			for (let rest = readRest(end.socket); rest !== null; rest = readRest(end.socket)) lane.push(rest);
		}
		this.#owner.report(ofSide(RESET, end.side));
	}

	#flushNow(end: SocketEnd): void {
		const { socket } = end;
		if (socket.destroyed || end.finSent || (socket.writableLength === 0 && !socket.writableEnded)) this.#flushed(end);
		else if (!socket.writableEnded) socket.write('', () => this.#flushed(end));
	}

	#flushed(end: SocketEnd): void {
		end.flushing = false;
		this.#owner.report(ofSide(FLUSHED, end.side));
	}

	#checkEnd(): void {
		const [client, backend] = [this.#client, this.#backend];
		if (this.#endReported || this.#flushing) return;
		if (!client.eof || !backend.eof || !client.finSent || !backend.finSent) return;
		this.#endReported = true;
		this.#owner.report(RELAY_ENDED);
	}

	#endOf(side: Side): SocketEnd {
		return side === 'client' ? this.#client : this.#backend;
	}

	#laneFrom(end: SocketEnd): Lane {
		return end.side === 'client' ? this.#upload : this.#download;
	}

	#laneTo(side: Side): Lane {
		return side === 'client' ? this.#download : this.#upload;
	}
}

const readRest = (socket: Socket): Buffer | null => socket.read() as Buffer | null;
