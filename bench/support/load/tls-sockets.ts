import { O_NONBLOCK } from '../../../src/engine/epoll/layouts.ts';
import type { NativeBuffer } from '../../../src/engine/epoll/libc.ts';
import type { TlsTerms } from '../tls-files.ts';
import { OpenSsl } from './openssl.ts';
import { Sockets } from './sockets.ts';
import { MODE } from './wire.ts';

const F_SETFL = 4;
const BLOCKING = 0;

/** Sockets with TLS on them: a short session makes its handshake with its first `send`, a long one before it is given out. */
export class TlsSockets extends Sockets {
	readonly #openSsl: OpenSsl;
	readonly #resumed: boolean;
	/** By descriptor: OpenSSL's pointer. */
	readonly #ssl: number[] = [];
	#ticket = 0;

	/** @throws Error when no ticket is to be had and sessions are to be resumed. */
	constructor(host: string, port: number, { certificate, resumed }: TlsTerms) {
		super(host, port);
		this.#openSsl = new OpenSsl(this.libc, certificate);
		this.#resumed = resumed;
		if (resumed) this.#ticket = this.#fetchTicket();
	}

	override connect(): number {
		const fd = super.connect();
		this.#ssl[fd] = this.#openSsl.open(fd, this.#ticket);
		return fd;
	}

	override connectLong(): number {
		const fd = super.connectLong();
		this.#patiently(fd, () => {
			if (this.#openSsl.handshake(this.#of(fd)) !== 1) throw new Error('a handshake failed');
		});
		return fd;
	}

	override send(fd: number, buffer: NativeBuffer, length: number): number {
		return this.#openSsl.write(this.#of(fd), buffer, length);
	}

	override recv(fd: number, buffer: NativeBuffer, length: number): number {
		return this.#openSsl.read(this.#of(fd), buffer, length);
	}

	override drop(fd: number, buffer: NativeBuffer, length: number): number {
		return this.recv(fd, buffer, length);
	}

	override isAsAgreed(fd: number): boolean {
		return this.#openSsl.isResumed(this.#of(fd)) === this.#resumed;
	}

	override close(fd: number): void {
		this.#openSsl.close(this.#of(fd));
		this.#ssl[fd] = 0;
		super.close(fd);
	}

	/** Tickets come before the first answer (RFC 8446, 4.6.1: at any time after the handshake; OpenSSL: right after it). */
	#fetchTicket(): number {
		const fd = this.connectLong();
		const byte = this.filled(1, MODE.echo);
		const ticket = this.#patiently(fd, () => {
			if (this.send(fd, byte, 1) !== 1 || this.recv(fd, byte, 1) !== 1) throw new Error('no answer through TLS');
			return this.#openSsl.ticketOf(this.#of(fd));
		});
		this.close(fd);
		return ticket;
	}

	/** With a descriptor that blocks meanwhile. */
	#patiently<T>(fd: number, act: () => T): T {
		this.libc.fcntl(fd, F_SETFL, BLOCKING);
		try {
			return act();
		} finally {
			this.libc.fcntl(fd, F_SETFL, O_NONBLOCK);
		}
	}

	#of(fd: number): number {
		const ssl = this.#ssl[fd] ?? 0;
		if (ssl === 0) throw new Error(`descriptor ${fd} has no TLS`);
		return ssl;
	}
}
