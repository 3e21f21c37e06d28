import { EPOLLIN, EPOLLOUT } from '../../../src/engine/epoll/layouts.ts';
import type { NativeBuffer } from '../../../src/engine/epoll/libc.ts';
import type { FdOwner } from '../../../src/engine/epoll/poller.ts';
import type { Load } from './load.ts';
import { type Sockets, wouldWait } from './sockets.ts';
import { MODE, MOST_PING_BYTES } from './wire.ts';

/** Long connections that each send a message when the last one has come back whole. Work is round trips. */
export class PingLoad implements Load, FdOwner {
	work = 0;
	errors = 0;
	readonly #sockets: Sockets;
	readonly #connections: number;
	readonly #bytes: number;
	readonly #message: NativeBuffer;
	readonly #answer: NativeBuffer;
	/** By descriptor: bytes of the answer still to come; -1 before the first message. */
	readonly #missing: Int32Array;

	constructor(sockets: Sockets, bytes: number, connections: number) {
		this.#sockets = sockets;
		this.#bytes = bytes;
		this.#connections = connections;
		this.#message = sockets.filled(bytes, MODE.echo);
		this.#answer = sockets.libc.allocate(MOST_PING_BYTES);
		this.#missing = new Int32Array(connections + 64).fill(-1);
	}

	start(): void {
		for (let i = 0; i < this.#connections; i++) this.#sockets.poller.add(this.#sockets.connectLong(), EPOLLOUT, this);
	}

	onEvents(fd: number): void {
		const missing = this.#missing[fd] ?? 0;
		if (missing < 0) return this.#begin(fd);
		const got = this.#sockets.recv(fd, this.#answer, MOST_PING_BYTES);
		// What came may have been TLS's own, a ticket say.
		if (wouldWait(got)) return;
		if (got <= 0) return this.#fail(fd);
		if (got < missing) {
			this.#missing[fd] = missing - got;
			return;
		}
		this.work += 1;
		this.#send(fd);
	}

	#begin(fd: number): void {
		const { poller } = this.#sockets;
		poller.remove(fd);
		poller.add(fd, EPOLLIN, this);
		this.#send(fd);
	}

	#send(fd: number): void {
		this.#missing[fd] = this.#bytes;
		const sent = this.#sockets.send(fd, this.#message, this.#bytes);
		if (sent !== this.#bytes) this.#fail(fd);
	}

	#fail(fd: number): void {
		this.errors += 1;
		this.#sockets.close(fd);
	}
}
