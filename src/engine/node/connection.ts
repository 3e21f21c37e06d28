import type { Socket } from 'node:net';
import { connectFailureOf } from '../../core/connect-failure.ts';
import type { RelayGates, SessionEvent } from '../../core/session-io.ts';
import type { BackendSnapshot, KeepAlive, PoolSnapshot, TerminateTls, UpstreamTls } from '../../core/snapshot.ts';
import { otherSide, type Side } from '../../core/units.ts';
import type { Shell } from '../driver.ts';
import { Meter } from '../meter.ts';
import type { Straggler, Stragglers } from '../stragglers.ts';
import type { Closer } from './closing.ts';
import { Lane, type LaneOwner } from './lane.ts';
import type { LaneTimer } from './lane-timer.ts';
import { type EndOwner, SocketEnd } from './socket-end.ts';
import { openUpstream } from './upstream.ts';

/** What is read of a client before the relay, at most, but for the chunk that passes it. */
const HELD_BYTES = 65_536;

const EARLY_BYTES: SessionEvent = { type: 'early-bytes' };
const CONNECTED: SessionEvent = { type: 'connected' };
const RELAY_ENDED: SessionEvent = { type: 'relay-ended' };
const CLOSED: SessionEvent = { type: 'closed' };
const EOF: Readonly<Record<Side, SessionEvent>> = {
	client: { type: 'eof', side: 'client' },
	backend: { type: 'eof', side: 'backend' },
};
const RESET: Readonly<Record<Side, SessionEvent>> = {
	client: { type: 'reset', side: 'client' },
	backend: { type: 'reset', side: 'backend' },
};
const FLUSHED: Readonly<Record<Side, SessionEvent>> = {
	client: { type: 'flushed', side: 'client' },
	backend: { type: 'flushed', side: 'backend' },
};

/** What a connection borrows from its engine. */
export interface ConnectionHost {
	readonly closer: Closer;
	readonly laneTimer: LaneTimer;
	readonly stragglers: Stragglers;
	nowNs(): number;
}

/**
 * The two sockets of one session. `waiting`: the client is read into `held`, up to a bound, so that its FIN
 * and RST are seen. `relaying`: each chunk takes its lane to the other side. `flushing`: nothing more is read.
 * `closed`: what still comes is thrown away.
 */
export class Connection implements Shell, EndOwner, LaneOwner, Straggler {
	/** Where events go; set before the first. */
	report: (event: SessionEvent) => void = () => {};
	readonly meter = new Meter();
	readonly #host: ConnectionHost;
	readonly #keepAlive: KeepAlive;
	readonly #client: SocketEnd;
	#backend: SocketEnd | null = null;
	#upload: Lane | null = null;
	#download: Lane | null = null;
	#phase: 'waiting' | 'relaying' | 'flushing' | 'closed' = 'waiting';
	#held: Buffer[] = [];
	#heldBytes = 0;
	#endReported = false;

	constructor(host: ConnectionHost, client: Socket, unix: boolean, keepAlive: KeepAlive) {
		this.#host = host;
		this.#keepAlive = keepAlive;
		this.#client = new SocketEnd('client', client, this, unix);
	}

	/** Begin to read the client; it was accepted paused. */
	start(): void {
		this.#client.listen();
		this.#client.socket.resume();
	}

	// --- actions ---

	/** The client goes on waiting; what it sends is held as before. */
	hold(): void {}

	peek(_beyond: number, _atMost: number): void {
		throw new Error('peek: not yet');
	}

	consume(_bytes: number): void {
		throw new Error('consume: not yet');
	}

	reply(_bytes: Uint8Array): void {
		throw new Error('reply: not yet');
	}

	handshake(_tls: TerminateTls, _serverName: string | null): void {
		throw new Error('handshake: not yet');
	}

	greet(_bytes: Uint8Array): void {
		throw new Error('greet: not yet');
	}

	secure(_tls: UpstreamTls, _serverName: string | null, _alpn: readonly string[]): void {
		throw new Error('secure: not yet');
	}

	connect(pool: PoolSnapshot, backend: BackendSnapshot, _preface: Uint8Array | null): void {
		try {
			const socket = openUpstream(pool, backend, this.#keepAlive);
			this.#backend = new SocketEnd('backend', socket, this, backend.target.type === 'unix');
			this.#backend.awaitConnect();
		} catch (error) {
			this.#connectFailed((error as NodeJS.ErrnoException).code ?? 'ERR');
		}
	}

	cancelConnect(): void {
		const pending = this.#backend;
		this.#backend = null;
		pending?.socket.destroy();
	}

	relay(gates: RelayGates): void {
		const backend = this.#backend;
		if (backend === null) return;
		this.#phase = 'relaying';
		const upload = new Lane(this, gates.upload, 'upload', this.#client, backend);
		this.#upload = upload;
		this.#download = new Lane(this, gates.download, 'download', backend, this.#client);
		backend.listen();
		const held = this.#held;
		this.#held = [];
		this.#client.socket.resume();
		for (const chunk of held) upload.push(chunk);
	}

	shutdown(side: Side): void {
		const end = this.#endOf(side);
		const lane = this.#laneTo(side);
		lane?.endReading();
		if (end === null || end.socket.writableEnded) return;
		if (lane !== null && !lane.empty) {
			lane.finWanted = true;
			return;
		}
		lane?.rest();
		end.socket.end();
	}

	flush(side: Side): void {
		const end = this.#endOf(side);
		this.#phase = 'flushing';
		this.#client.socket.pause();
		this.#backend?.socket.pause();
		this.#laneTo(otherSide(side))?.stop();
		if (end === null) return;
		end.flushing = true;
		const lane = this.#laneTo(side);
		lane?.endReading();
		if (lane === null || lane.empty) this.#flushNow(end);
	}

	#flushNow(end: SocketEnd): void {
		const { socket } = end;
		if (socket.destroyed || end.finSent || (socket.writableLength === 0 && !socket.writableEnded)) this.#flushed(end);
		else if (!socket.writableEnded) socket.write('', () => this.#flushed(end));
	}

	close(manner: 'fin' | 'reset'): void {
		this.#phase = 'closed';
		this.#held = [];
		this.#upload?.stop();
		this.#download?.stop();
		for (const end of [this.#client, this.#backend]) {
			if (end === null) continue;
			if (manner === 'reset' || end.socket.connecting) this.#host.closer.reset(end.socket, end.unix);
			else this.#host.closer.fin(end.socket);
		}
		if (this.#backend === null || this.#backend.socket.closed) this.#over();
	}

	/** The session is over; the client may still be taking its last bytes. */
	#over(): void {
		if (!this.#client.socket.destroyed) this.#host.stragglers.add(this);
		this.report(CLOSED);
	}

	giveUp(): void {
		this.#client.socket.destroy();
	}

	/** Both sockets at once, without a word. */
	abandon(): void {
		this.#phase = 'closed';
		this.#upload?.stop();
		this.#download?.stop();
		this.#client.socket.destroy();
		this.#backend?.socket.destroy();
	}

	// --- events of the sockets ---

	connected(end: SocketEnd): void {
		if (end === this.#backend && this.#phase === 'waiting') this.report(CONNECTED);
	}

	received(from: SocketEnd, chunk: Buffer): void {
		if (this.#phase === 'waiting') this.#hold(chunk);
		else if (this.#phase === 'relaying') this.#laneFrom(from)?.push(chunk);
		else if (this.#phase === 'closed') this.#host.closer.discarded(from.socket);
	}

	ended(end: SocketEnd): void {
		end.eof = true;
		if (this.#phase === 'closed') return;
		this.report(EOF[end.side]);
		this.#checkEnd();
	}

	drained(end: SocketEnd): void {
		this.#laneTo(end.side)?.drained();
	}

	emptied(lane: Lane): void {
		if (lane.to.flushing && this.#phase === 'flushing') this.#flushNow(lane.to);
		if (!lane.finWanted) return;
		lane.finWanted = false;
		this.shutdown(lane.to.side);
	}

	get laneTimer(): LaneTimer {
		return this.#host.laneTimer;
	}

	nowNs(): number {
		return this.#host.nowNs();
	}

	finished(end: SocketEnd): void {
		end.finSent = true;
		if (end.flushing) this.#flushed(end);
		this.#checkEnd();
	}

	failed(end: SocketEnd, error: NodeJS.ErrnoException): void {
		if (this.#phase === 'closed') return;
		if (end.side === 'client') return this.#reset(end);
		if (end !== this.#backend) return;
		if (this.#phase !== 'waiting') return this.#reset(end);
		this.#backend = null;
		this.#connectFailed(error.code ?? error.message);
	}

	closed(end: SocketEnd): void {
		if (end !== this.#endOf(end.side)) return;
		if (this.#phase !== 'closed') {
			if (!(end.eof && end.finSent)) this.#reset(end);
		} else if (end.side === 'backend') {
			this.#over();
		} else {
			this.#host.stragglers.delete(this);
		}
	}

	// --- bytes ---

	#hold(chunk: Buffer): void {
		if (this.#heldBytes === 0) this.report(EARLY_BYTES);
		this.#heldBytes += chunk.length;
		this.#held.push(chunk);
		if (this.#heldBytes >= HELD_BYTES) this.#client.socket.pause();
	}

	/** What a stopped reader had already taken from the kernel is still owed to the other side. */
	#reset(end: SocketEnd): void {
		if (end.lost) return;
		end.lost = true;
		const lane = this.#phase === 'relaying' ? this.#laneFrom(end) : null;
		if (lane !== null) {
			for (let rest = readRest(end.socket); rest !== null; rest = readRest(end.socket)) lane.push(rest);
		}
		this.report(RESET[end.side]);
	}

	#flushed(end: SocketEnd): void {
		end.flushing = false;
		if (this.#phase === 'flushing') this.report(FLUSHED[end.side]);
	}

	#checkEnd(): void {
		const [client, backend] = [this.#client, this.#backend];
		if (this.#endReported || this.#phase !== 'relaying' || backend === null) return;
		if (!client.eof || !backend.eof || !client.finSent || !backend.finSent) return;
		this.#endReported = true;
		this.report(RELAY_ENDED);
	}

	#connectFailed(code: string): void {
		this.report({ type: 'connect-failed', cause: connectFailureOf(code), code });
	}

	#endOf(side: Side): SocketEnd | null {
		return side === 'client' ? this.#client : this.#backend;
	}

	#laneFrom(end: SocketEnd): Lane | null {
		return end.side === 'client' ? this.#upload : this.#download;
	}

	#laneTo(side: Side): Lane | null {
		return side === 'client' ? this.#download : this.#upload;
	}
}

const readRest = (socket: Socket): Buffer | null => socket.read() as Buffer | null;
