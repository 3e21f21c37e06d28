import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { connectFailureOf } from '../../core/connect-failure.ts';
import type { RelayGates, SessionEvent, TlsFacts } from '../../core/session-io.ts';
import type { BackendSnapshot, KeepAlive, PoolSnapshot, TerminateTls, UpstreamTls } from '../../core/snapshot.ts';
import { otherSide, type Side } from '../../core/units.ts';
import type { Shell } from '../driver.ts';
import { Meter } from '../meter.ts';
import { CLOSED, EOF, FLUSHED, RELAY_ENDED, RESET } from '../session-events.ts';
import type { Straggler, Stragglers } from '../stragglers.ts';
import { Approach } from './approach.ts';
import type { Closer } from './closing.ts';
import { EarlyReader } from './early-reader.ts';
import { Lane, type LaneOwner } from './lane.ts';
import type { LaneTimer } from './lane-timer.ts';
import { type EndOwner, SocketEnd } from './socket-end.ts';
import { type HandshakeOwner, ServerHandshake } from './tls/server-handshake.ts';
import type { TlsStore } from './tls/tls-store.ts';
import { openUpstream } from './upstream.ts';

/** What a connection borrows from its engine. */
export interface ConnectionHost {
	readonly closer: Closer;
	readonly laneTimer: LaneTimer;
	readonly stragglers: Stragglers;
	readonly tls: TlsStore;
	nowNs(): number;
}

/**
 * The two sockets of one session. `waiting`: the client is read and held, up to a bound, so that its FIN and RST
 * are seen, while the upstream is on its way. `relaying`: each chunk takes its lane to the other side. `flushing`: nothing more is read.
 * `closed`: what still comes is thrown away.
 */
export class Connection implements Shell, EndOwner, LaneOwner, HandshakeOwner, Straggler {
	/** Where events go; set before the first. */
	report: (event: SessionEvent) => void = () => {};
	readonly meter = new Meter();
	readonly #host: ConnectionHost;
	readonly #keepAlive: KeepAlive;
	#client: SocketEnd;
	#early = new EarlyReader(this);
	/** While it is under way. */
	#handshake: ServerHandshake | null = null;
	/** Until the relay begins. */
	#approach: Approach | null = null;
	#backend: SocketEnd | null = null;
	#upload: Lane | null = null;
	#download: Lane | null = null;
	#phase: 'waiting' | 'relaying' | 'flushing' | 'closed' = 'waiting';
	#endReported = false;

	constructor(host: ConnectionHost, client: Socket, unix: boolean, keepAlive: KeepAlive) {
		this.#host = host;
		this.#keepAlive = keepAlive;
		this.#client = new SocketEnd('client', client, this, unix);
	}

	/** Begin to read the client; it was accepted paused. */
	start(): void {
		this.#client.listen();
	}

	// --- actions ---

	/** The client goes on waiting; what it sends is held as before. */
	hold(): void {}

	peek(beyond: number, atMost: number): void {
		this.#early.peek(this.#client, beyond, atMost);
	}

	consume(bytes: number): void {
		this.#early.consume(this.#client, bytes);
	}

	reply(bytes: Uint8Array): void {
		this.#client.socket.write(bytes);
	}

	handshake(tls: TerminateTls, serverName: string | null): void {
		const server = this.#host.tls.clients.for(tls, serverName);
		if (this.#client.eof) return this.report({ type: 'tls-failed', reason: 'closed before the handshake' });
		// Its end is about to be told.
		if (this.#client.socket.destroyed) return;
		const held = this.#early.take();
		const raw = this.#client.lend();
		if (held.length > 0) raw.unshift(held);
		this.#handshake = new ServerHandshake(this, server, raw);
	}

	greet(bytes: Uint8Array): void {
		this.#approach?.greet(bytes);
	}

	secure(tls: UpstreamTls, serverName: string | null, alpn: readonly string[]): void {
		this.#approach?.secure(this.#host.tls.backends, { tls, serverName, alpn });
	}

	connect(pool: PoolSnapshot, backend: BackendSnapshot, preface: Uint8Array | null): void {
		try {
			this.#approach = new Approach(this, openUpstream(pool, backend, this.#keepAlive), backend, preface);
		} catch (error) {
			const code = (error as NodeJS.ErrnoException).code ?? 'ERR';
			this.report({ type: 'connect-failed', cause: connectFailureOf(code), code });
		}
	}

	cancelConnect(): void {
		this.#approach?.cancel();
		this.#approach = null;
	}

	relay(gates: RelayGates): void {
		const backend = this.#approach?.arrive(this) ?? null;
		if (backend === null) return;
		this.#approach = null;
		this.#backend = backend;
		this.#phase = 'relaying';
		const upload = new Lane(this, gates.upload, 'upload', this.#client, backend);
		this.#upload = upload;
		this.#download = new Lane(this, gates.download, 'download', backend, this.#client);
		backend.listen();
		const held = this.#early.take();
		this.#client.socket.resume();
		if (held.length > 0) upload.push(held);
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
		this.cancelConnect();
		this.#cancelHandshake();
		this.#early.take();
		this.#upload?.stop();
		this.#download?.stop();
		for (const end of [this.#client, this.#backend]) {
			if (end === null) continue;
			if (manner === 'reset') this.#host.closer.reset(end);
			else this.#host.closer.fin(end.socket);
		}
		if (this.#backend === null || this.#backend.socket.closed) this.#over();
	}

	/** Its FIN is not waited for: what it answers would be read by TLS. */
	#cancelHandshake(): void {
		if (this.#handshake === null) return;
		this.#endHandshake();
		const { socket } = this.#client;
		socket.once('finish', () => socket.destroy());
	}

	#endHandshake(): void {
		this.#handshake?.cancel();
		this.#handshake = null;
		this.#client.takeBack();
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
		this.cancelConnect();
		this.#handshake?.cancel();
		this.#upload?.stop();
		this.#download?.stop();
		this.#client.socket.destroy();
		this.#backend?.socket.destroy();
	}

	// --- events of a handshake ---

	secured(socket: TLSSocket, tls: TlsFacts): void {
		this.#handshake = null;
		this.#client = new SocketEnd('client', socket, this, this.#client.unix, this.#client.transport);
		this.#early = new EarlyReader(this);
		this.#client.listen();
		this.report({ type: 'tls-ready', tls });
	}

	handshakeFailed(reason: string): void {
		this.#endHandshake();
		this.#client.lost = true;
		this.report({ type: 'tls-failed', reason });
	}

	handshakeReset(): void {
		this.#endHandshake();
		this.#reset(this.#client);
	}

	// --- events of the sockets ---

	/** Both are. */
	connected(): void {}

	received(from: SocketEnd, chunk: Buffer): void {
		if (this.#phase === 'waiting') this.#early.received(from, chunk);
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

	failed(end: SocketEnd): void {
		if (this.#phase !== 'closed') this.#reset(end);
	}

	closed(end: SocketEnd): void {
		if (this.#phase !== 'closed') {
			if (!(end.eof && end.finSent)) this.#reset(end);
		} else if (end.side === 'backend') {
			this.#over();
		} else {
			this.#host.stragglers.delete(this);
		}
	}

	// --- bytes ---

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
