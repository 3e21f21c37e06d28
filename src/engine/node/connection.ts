import type { Socket } from 'node:net';
import type { SessionEvent } from '../../core/session-io.ts';
import type { BackendSnapshot, KeepAlive, PoolSnapshot } from '../../core/snapshot.ts';
import type { Side } from '../../core/units.ts';
import { connectFailureOf } from '../connect-failure.ts';
import type { Shell } from '../driver.ts';
import type { Closer } from './closing.ts';
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
	nowNs(): number;
}

/**
 * The two sockets of one session. `waiting`: the client is read into `held`, up to a bound, so that its FIN
 * and RST are seen. `relaying`: each chunk goes to the other side, whose full buffer stops the reader.
 * `flushing`: nothing more is read. `closed`: what still comes is thrown away.
 */
export class Connection implements Shell, EndOwner {
	/** Where events go; set before the first. */
	report: (event: SessionEvent) => void = () => {};
	readonly meter = { uploadBytes: 0, downloadBytes: 0, lastByteNs: 0 };
	readonly #host: ConnectionHost;
	readonly #keepAlive: KeepAlive;
	readonly #client: SocketEnd;
	#backend: SocketEnd | null = null;
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

	connect(pool: PoolSnapshot, backend: BackendSnapshot): void {
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

	relay(): void {
		const backend = this.#backend;
		if (backend === null) return;
		this.#phase = 'relaying';
		backend.listen();
		const held = this.#held;
		this.#held = [];
		this.#client.socket.resume();
		for (const chunk of held) this.#forward(this.#client, backend, chunk);
	}

	shutdown(side: Side): void {
		const end = this.#endOf(side);
		if (end !== null && !end.socket.writableEnded) end.socket.end();
	}

	flush(side: Side): void {
		const end = this.#endOf(side);
		this.#phase = 'flushing';
		this.#client.socket.pause();
		this.#backend?.socket.pause();
		if (end === null) return;
		end.flushing = true;
		const { socket } = end;
		if (socket.destroyed || end.finSent || (socket.writableLength === 0 && !socket.writableEnded)) this.#flushed(end);
		else if (!socket.writableEnded) socket.write('', () => this.#flushed(end));
	}

	close(manner: 'fin' | 'reset'): void {
		this.#phase = 'closed';
		this.#held = [];
		for (const end of [this.#client, this.#backend]) {
			if (end === null) continue;
			if (manner === 'reset' || end.socket.connecting) this.#host.closer.reset(end.socket, end.unix);
			else this.#host.closer.fin(end.socket);
		}
		if (this.#backend === null || this.#backend.socket.closed) this.report(CLOSED);
	}

	/** Both sockets at once, without a word. */
	abandon(): void {
		this.#phase = 'closed';
		this.#client.socket.destroy();
		this.#backend?.socket.destroy();
	}

	// --- events of the sockets ---

	connected(end: SocketEnd): void {
		if (end === this.#backend && this.#phase === 'waiting') this.report(CONNECTED);
	}

	received(from: SocketEnd, chunk: Buffer): void {
		if (this.#phase === 'waiting') this.#hold(chunk);
		else if (this.#phase === 'relaying') {
			const to = this.#otherEnd(from);
			if (to !== null) this.#forward(from, to, chunk);
		}
	}

	ended(end: SocketEnd): void {
		end.eof = true;
		if (this.#phase === 'closed') return;
		this.report(EOF[end.side]);
		this.#checkEnd();
	}

	drained(end: SocketEnd): void {
		if (this.#phase === 'relaying') this.#otherEnd(end)?.socket.resume();
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
			this.report(CLOSED);
		}
	}

	// --- bytes ---

	#hold(chunk: Buffer): void {
		if (this.#heldBytes === 0) this.report(EARLY_BYTES);
		this.#heldBytes += chunk.length;
		this.#held.push(chunk);
		if (this.#heldBytes >= HELD_BYTES) this.#client.socket.pause();
	}

	#forward(from: SocketEnd, to: SocketEnd, chunk: Buffer): void {
		const { meter } = this;
		meter.lastByteNs = this.#host.nowNs();
		if (from.side === 'client') meter.uploadBytes += chunk.length;
		else meter.downloadBytes += chunk.length;
		if (to.socket.writableEnded || to.socket.destroyed) return;
		if (!to.socket.write(chunk)) from.socket.pause();
	}

	/** What a stopped reader had already taken from the kernel is still owed to the other side. */
	#reset(end: SocketEnd): void {
		if (end.lost) return;
		end.lost = true;
		const other = this.#phase === 'relaying' ? this.#otherEnd(end) : null;
		if (other !== null) {
			for (let rest = readRest(end.socket); rest !== null; rest = readRest(end.socket)) this.#forward(end, other, rest);
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

	#otherEnd(end: SocketEnd): SocketEnd | null {
		return end.side === 'client' ? this.#backend : this.#client;
	}
}

const readRest = (socket: Socket): Buffer | null => socket.read() as Buffer | null;
