import type { Socket } from 'node:net';
import { connectFailureOf } from '../../core/connect-failure.ts';
import type { RelayGates, SessionEvent } from '../../core/session-io.ts';
import type { BackendSnapshot, KeepAlive, PoolSnapshot, TerminateTls, UpstreamTls } from '../../core/snapshot.ts';
import { ofSide, type Side } from '../../core/units.ts';
import type { Shell } from '../driver.ts';
import { Meter } from '../meter.ts';
import { CLOSED, EOF, RESET } from '../session-events.ts';
import type { Straggler, Stragglers } from '../stragglers.ts';
import { Approach } from './approach.ts';
import { type ClientOwner, ClientSide } from './client-side.ts';
import type { Closer } from './closing.ts';
import type { GatheredWrites } from './gathered-writes.ts';
import type { LaneTimer } from './lane-timer.ts';
import { Relay, type RelayOwner } from './relay.ts';
import type { SocketEnd } from './socket-end.ts';
import type { TlsStore } from './tls/tls-store.ts';
import { MOST_UNASKED_BYTES, unaskedBytes } from './tls/unsent.ts';
import { openUpstream } from './upstream.ts';

/** What a connection borrows from its engine. */
export interface ConnectionHost {
	readonly closer: Closer;
	readonly laneTimer: LaneTimer;
	readonly gatheredWrites: GatheredWrites;
	readonly stragglers: Stragglers;
	readonly tls: TlsStore;
	nowNs(): number;
}

/**
 * The two sockets of one session. Before the relay the client waits (`client-side.ts`) while the upstream is on its
 * way (`approach.ts`); then bytes move (`relay.ts`); once it is closed what still comes is thrown away.
 */
export class Connection implements Shell, ClientOwner, RelayOwner, Straggler {
	/** Where events go; set before the first. */
	report: (event: SessionEvent) => void = () => {};
	readonly meter = new Meter();
	readonly #host: ConnectionHost;
	readonly #keepAlive: KeepAlive;
	readonly #client: ClientSide;
	/** Until the relay begins. */
	#approach: Approach | null = null;
	#backend: SocketEnd | null = null;
	#relay: Relay | null = null;
	#closed = false;

	constructor(host: ConnectionHost, client: Socket, unix: boolean, keepAlive: KeepAlive) {
		this.#host = host;
		this.#keepAlive = keepAlive;
		this.#client = new ClientSide(this, client, unix);
	}

	/** Begin to read the client; it was accepted paused. */
	start(): void {
		this.#client.end.listen();
	}

	// --- actions ---

	/** The client goes on waiting; what it sends is held as before. */
	hold(): void {}

	peek(beyond: number, atMost: number): void {
		this.#client.peek(beyond, atMost);
	}

	consume(bytes: number): void {
		this.#client.consume(bytes);
	}

	reply(bytes: Uint8Array): void {
		this.#client.end.socket.write(bytes);
	}

	handshake(tls: TerminateTls, serverName: string | null): void {
		this.#client.handshake((held) => this.#host.tls.clients.for(tls, serverName, held));
	}

	connect(pool: PoolSnapshot, backend: BackendSnapshot, preface: Uint8Array | null): void {
		try {
			this.#approach = new Approach(this, openUpstream(pool, backend, this.#keepAlive), backend, preface);
		} catch (error) {
			const code = (error as NodeJS.ErrnoException).code ?? 'ERR';
			this.report({ type: 'connect-failed', cause: connectFailureOf(code), code });
		}
	}

	greet(bytes: Uint8Array): void {
		this.#approach?.greet(bytes);
	}

	secure(tls: UpstreamTls, serverName: string | null, alpn: readonly string[]): void {
		this.#approach?.secure(this.#host.tls.backends, { tls, serverName, alpn });
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
		this.#relay = new Relay(this, gates, this.#client.end, backend);
		this.#relay.begin(this.#client.take());
	}

	shutdown(side: Side): void {
		this.#relay?.shutdown(side);
	}

	flush(side: Side): void {
		this.#relay?.flush(side);
	}

	close(manner: 'fin' | 'reset'): void {
		const { closer } = this.#host;
		this.#stop();
		for (const end of [this.#client.end, this.#backend]) {
			if (end === null) continue;
			if (manner === 'reset') closer.reset(end);
			else closer.fin(end.socket);
		}
		if (this.#backend === null || this.#backend.socket.closed) this.#over();
	}

	/** The session is over; the client may still be taking its last bytes. */
	#over(): void {
		if (!this.#client.end.socket.destroyed) this.#host.stragglers.add(this);
		this.report(CLOSED);
	}

	giveUp(): void {
		this.#client.end.socket.destroy();
	}

	/** Called now and then: nobody may have TLS keep what is never taken. It ends as a RST does. */
	settle(): void {
		if (this.#closed) return;
		for (const end of [this.#client.end, this.#backend]) {
			if (end === null || end.socket === end.transport || unaskedBytes(end.socket) <= MOST_UNASKED_BYTES) continue;
			return this.failed(end);
		}
	}

	/** Both sockets at once, without a word. */
	abandon(): void {
		this.#stop();
		this.#client.end.socket.destroy();
		this.#backend?.socket.destroy();
	}

	#stop(): void {
		this.#closed = true;
		this.cancelConnect();
		this.#client.stop();
		this.#relay?.stop();
	}

	// --- events of the sockets ---

	/** Both are. */
	connected(): void {}

	received(from: SocketEnd, chunk: Buffer): void {
		if (this.#closed) this.#host.closer.discarded(from.socket);
		else if (this.#relay !== null) this.#relay.received(from, chunk);
		else this.#client.received(chunk);
	}

	ended(end: SocketEnd): void {
		end.eof = true;
		if (this.#closed) return;
		if (this.#relay !== null) this.#relay.ended(end);
		else this.report(ofSide(EOF, end.side));
	}

	drained(end: SocketEnd): void {
		if (!this.#closed) this.#relay?.drained(end);
	}

	finished(end: SocketEnd): void {
		end.finSent = true;
		if (!this.#closed) this.#relay?.finished(end);
	}

	failed(end: SocketEnd): void {
		if (this.#closed || end.lost) return;
		end.lost = true;
		// A TLS error leaves the stream whole: it would tell of each chunk beside handing it out.
		end.unlisten();
		if (this.#relay !== null) this.#relay.lost(end);
		else this.report(ofSide(RESET, end.side));
	}

	closed(end: SocketEnd): void {
		if (!this.#closed) {
			if (!(end.eof && end.finSent)) this.failed(end);
		} else if (end.side === 'backend') {
			this.#over();
		} else {
			this.#host.stragglers.delete(this);
		}
	}

	// --- what the relay borrows ---

	get laneTimer(): LaneTimer {
		return this.#host.laneTimer;
	}

	get gatheredWrites(): GatheredWrites {
		return this.#host.gatheredWrites;
	}

	nowNs(): number {
		return this.#host.nowNs();
	}
}
