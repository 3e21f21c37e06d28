import type { Socket } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import type { TlsFacts } from '../../../core/session-io.ts';
import { failureReason, isReset } from '../../../core/tls-failure.ts';
import { tlsFactsOf } from './facts.ts';

/** Whom a handshake with a client tells, once. */
export interface HandshakeOwner {
	secured(socket: TLSSocket, facts: TlsFacts): void;
	/** The connection is closed. */
	handshakeFailed(reason: string): void;
	/** The connection is closed: the client has reset it. */
	handshakeReset(error: NodeJS.ErrnoException): void;
}

/**
 * Takes TLS off a client's connection, by the way that is documented for it: the connection is given to a `tls.Server`
 * by its `connection` event. Which of its handshakes an event is about is told by `this`: each has a server object
 * of its own, with the shared one as its prototype.
 */
export class ServerHandshake {
	readonly #owner: HandshakeOwner;
	#over = false;

	/** `raw` is paused and nobody listens to it. */
	constructor(owner: HandshakeOwner, server: Server, raw: Socket) {
		this.#owner = owner;
		// A FIN in the middle of a handshake ends it; from then on the client may half-close as it likes.
		raw.allowHalfOpen = false;
		const own = Object.create(server) as Server;
		HANDSHAKES.set(own, this);
		own.emit('connection', raw);
	}

	/** Nothing is told any more. */
	cancel(): void {
		this.#over = true;
	}

	succeed(socket: TLSSocket): void {
		if (this.#over) return;
		this.#over = true;
		socket.allowHalfOpen = true;
		// One that is asked for ends the session: it costs as much as a new connection, and nobody counts it.
		socket.disableRenegotiation();
		const facts = factsOrError(socket);
		if (!(facts instanceof Error)) return this.#owner.secured(socket, facts);
		socket.destroy();
		this.#owner.handshakeFailed(failureReason(facts));
	}

	fail(error: NodeJS.ErrnoException, socket: TLSSocket): void {
		if (this.#over) return;
		this.#over = true;
		if (isReset(error)) return this.#owner.handshakeReset(error);
		const unauthorized = socket.authorizationError as Error | string | null | undefined;
		this.#owner.handshakeFailed(unauthorized ? `client certificate: ${unauthorized}` : failureReason(error));
	}
}

/** They are read out of a certificate that anybody may have made. */
function factsOrError(socket: TLSSocket): TlsFacts | Error {
	try {
		return tlsFactsOf(socket);
	} catch (error) {
		return error as Error;
	}
}

const HANDSHAKES = new WeakMap<Server, ServerHandshake>();

/** Once for each shared server. */
export function followHandshakes(server: Server): void {
	server.on('secureConnection', function (this: Server, socket) {
		HANDSHAKES.get(this)?.succeed(socket);
	});
	server.on('tlsClientError', function (this: Server, error, socket) {
		HANDSHAKES.get(this)?.fail(error, socket);
	});
}
