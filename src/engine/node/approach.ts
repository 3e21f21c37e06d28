import type { Socket } from 'node:net';
import type { SocketTarget } from '../../core/address.ts';
import { connectFailureOf } from '../../core/connect-failure.ts';
import type { SessionEvent } from '../../core/session-io.ts';
import type { BackendSnapshot } from '../../core/snapshot.ts';
import { failureReason } from '../../core/tls-failure.ts';
import { CONNECTED, UPSTREAM_TLS_READY } from '../session-events.ts';
import { type EndOwner, SocketEnd } from './socket-end.ts';
import type { ClientContexts } from './tls/client-contexts.ts';
import { type SecureTerms, startTls } from './tls/client-handshake.ts';

/** Whom it tells. */
export interface ApproachOwner {
	report(event: SessionEvent): void;
}

/**
 * An upstream on its way to the relay: it is connected, perhaps greeted, perhaps secured. `over`: it has failed, was
 * given up or has arrived, and tells nothing more.
 */
export class Approach implements EndOwner {
	readonly #owner: ApproachOwner;
	readonly #target: SocketTarget;
	#end: SocketEnd;
	readonly #preface: Uint8Array | null;
	#phase: 'connecting' | 'connected' | 'greeting' | 'securing' | 'over' = 'connecting';

	/** `socket` is still to be connected. */
	constructor(owner: ApproachOwner, socket: Socket, backend: BackendSnapshot, preface: Uint8Array | null) {
		this.#owner = owner;
		this.#preface = preface;
		this.#target = backend.target;
		this.#end = new SocketEnd('backend', socket, this, backend.target.type === 'unix');
		this.#end.awaitConnect();
	}

	greet(bytes: Uint8Array): void {
		if (this.#phase !== 'connected') return;
		this.#phase = 'greeting';
		this.#end.socket.write(bytes);
		this.#end.listen();
	}

	/** @throws what `startTls` throws. */
	secure(contexts: ClientContexts, terms: Omit<SecureTerms, 'target'>): void {
		if (this.#phase !== 'connected') return;
		this.#phase = 'securing';
		const { unix } = this.#end;
		const raw = this.#end.lend();
		const socket = startTls(contexts, raw, { ...terms, target: this.#target });
		const end = new SocketEnd('backend', socket, this, unix, raw);
		this.#end = end;
		socket.once('secureConnect', () => this.#secured());
	}

	#secured(): void {
		if (this.#phase !== 'securing') return;
		this.#phase = 'connected';
		this.#owner.report(UPSTREAM_TLS_READY);
	}

	cancel(): void {
		this.#phase = 'over';
		this.#end.socket.destroy();
		this.#end.transport.destroy();
	}

	/** The relay begins; null when there is no connection. */
	arrive(owner: EndOwner): SocketEnd | null {
		if (this.#phase !== 'connected') return null;
		this.#phase = 'over';
		this.#end.owner = owner;
		return this.#end;
	}

	// --- events of the socket ---

	connected(end: SocketEnd): void {
		if (this.#phase !== 'connecting') return;
		this.#phase = 'connected';
		if (this.#preface !== null) end.socket.write(this.#preface);
		this.#owner.report(CONNECTED);
	}

	received(end: SocketEnd, chunk: Buffer): void {
		if (this.#phase !== 'greeting') return;
		this.#phase = 'connected';
		end.unlisten();
		this.#owner.report({ type: 'greeted', bytes: chunk });
	}

	ended(): void {
		this.#refused('the backend closed the connection');
	}

	failed(_end: SocketEnd, error: NodeJS.ErrnoException): void {
		if (this.#phase !== 'connecting') return this.#refused(failureReason(error));
		const code = error.code ?? error.message;
		this.#phase = 'over';
		this.#owner.report({ type: 'connect-failed', cause: connectFailureOf(code), code });
	}

	closed(): void {
		this.#refused('the connection is closed');
	}

	drained(): void {}

	finished(): void {}

	#refused(reason: string): void {
		if (this.#phase === 'over') return;
		this.cancel();
		this.#owner.report({ type: 'upstream-tls-failed', reason });
	}
}
