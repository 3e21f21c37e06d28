import { EPOLLET, EPOLLIN, EPOLLOUT } from '../../../src/engine/epoll/layouts.ts';
import type { NativeBuffer } from '../../../src/engine/epoll/libc.ts';
import type { FdOwner } from '../../../src/engine/epoll/poller.ts';
import type { Load } from './load.ts';
import { type Sockets, wouldWait } from './sockets.ts';
import { MODE } from './wire.ts';

const MESSAGE_BYTES = 64;

/** So many clients at a time that connect, send 64 bytes, read them back, close, and come again. Work is sessions. */
export class ConnectLoad implements Load, FdOwner {
	work = 0;
	errors = 0;
	readonly #sockets: Sockets;
	readonly #concurrent: number;
	readonly #message: NativeBuffer;
	readonly #answer: NativeBuffer;
	/** By descriptor: 1 when the message has been sent. */
	readonly #sent: Uint8Array;

	constructor(sockets: Sockets, concurrent: number) {
		this.#sockets = sockets;
		this.#concurrent = concurrent;
		this.#message = sockets.filled(MESSAGE_BYTES, MODE.echo);
		this.#answer = sockets.libc.allocate(MESSAGE_BYTES);
		this.#sent = new Uint8Array(concurrent + 64);
	}

	start(): void {
		for (let i = 0; i < this.#concurrent; i++) this.#come();
	}

	onEvents(fd: number, events: number): void {
		if (this.#sent[fd] !== 1) {
			if (!this.#send(fd)) this.#fail(fd);
			return;
		}
		if ((events & EPOLLIN) === 0) return;
		const got = this.#sockets.recv(fd, this.#answer, MESSAGE_BYTES);
		if (wouldWait(got)) return;
		if (got !== MESSAGE_BYTES || !this.#sockets.isAsAgreed(fd)) return this.#fail(fd);
		this.work += 1;
		this.#comeAgain(fd);
	}

	#come(): void {
		const fd = this.#sockets.connect();
		this.#sent[fd] = 0;
		this.#sockets.poller.add(fd, EPOLLIN | EPOLLOUT | EPOLLET, this);
		this.#send(fd);
	}

	/** Right after connect(2): on loopback the connection is there by then. False on a failure, which is heard as an event, too. */
	#send(fd: number): boolean {
		const sent = this.#sockets.send(fd, this.#message, MESSAGE_BYTES);
		if (wouldWait(sent)) return true;
		this.#sent[fd] = 1;
		return sent === MESSAGE_BYTES;
	}

	#fail(fd: number): void {
		this.errors += 1;
		this.#comeAgain(fd);
	}

	#comeAgain(fd: number): void {
		this.#sockets.close(fd);
		this.#come();
	}
}
