import type { Socket } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import type { SessionEvent, TlsFacts } from '../../core/session-io.ts';
import { EarlyReader } from './early-reader.ts';
import { type EndOwner, SocketEnd } from './socket-end.ts';
import { type HandshakeOwner, ServerHandshake } from './tls/server-handshake.ts';

/** Whom it tells. */
export interface ClientOwner extends EndOwner {
	report(event: SessionEvent): void;
}

/** The client before the relay: read and held, so that its FIN and RST are seen, looked at, and its TLS taken off. */
export class ClientSide implements HandshakeOwner {
	readonly #owner: ClientOwner;
	#end: SocketEnd;
	#early: EarlyReader;
	/** While it is under way. */
	#handshake: ServerHandshake | null = null;

	/** `socket` was accepted paused. */
	constructor(owner: ClientOwner, socket: Socket, unix: boolean) {
		this.#owner = owner;
		this.#end = new SocketEnd('client', socket, owner, unix);
		this.#early = new EarlyReader(owner);
	}

	/** Another one after `tls-ready`. */
	get end(): SocketEnd {
		return this.#end;
	}

	received(chunk: Buffer): void {
		this.#early.received(this.#end, chunk);
	}

	peek(beyond: number, atMost: number): void {
		this.#early.peek(this.#end, beyond, atMost);
	}

	consume(bytes: number): void {
		this.#early.consume(this.#end, bytes);
	}

	/** What is held, for the relay, which reads on. */
	take(): Buffer {
		return this.#early.take();
	}

	// --- TLS ---

	/** `serverFor`: who takes it off, by what was held of the client. */
	handshake(serverFor: (held: Buffer) => Server): void {
		if (this.#end.eof) return this.#owner.report({ type: 'tls-failed', reason: 'closed before the handshake' });
		// Its end is about to be told.
		if (this.#end.socket.destroyed) return;
		const held = this.#early.take();
		const server = serverFor(held);
		const raw = this.#end.lend();
		if (held.length > 0) raw.unshift(held);
		this.#handshake = new ServerHandshake(this, server, raw);
	}

	secured(socket: TLSSocket, tls: TlsFacts): void {
		this.#handshake = null;
		this.#end = new SocketEnd('client', socket, this.#owner, this.#end.unix, this.#end.transport);
		this.#early = new EarlyReader(this.#owner);
		this.#end.listen();
		this.#owner.report({ type: 'tls-ready', tls });
	}

	handshakeFailed(reason: string): void {
		this.#stopHandshake();
		// That its socket is closed is no news.
		this.#end.lost = true;
		this.#owner.report({ type: 'tls-failed', reason });
	}

	handshakeReset(error: NodeJS.ErrnoException): void {
		this.#stopHandshake();
		this.#owner.failed(this.#end, error);
	}

	/** Nothing is held or looked at any more. The end is still to be closed. */
	stop(): void {
		this.#early.take();
		const handshaking = this.#handshake !== null;
		this.#stopHandshake();
		if (!handshaking) return;
		// Its FIN is not waited for: what it answers would be read by TLS.
		const { socket } = this.#end;
		socket.once('finish', () => socket.destroy());
	}

	#stopHandshake(): void {
		this.#handshake?.cancel();
		this.#handshake = null;
		this.#end.takeBack();
	}
}
