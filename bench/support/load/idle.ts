import { EPOLLET, EPOLLIN, EPOLLOUT, MSG_NOSIGNAL } from '../../../src/engine/epoll/layouts.ts';
import type { NativeBuffer } from '../../../src/engine/epoll/libc.ts';
import type { FdOwner } from '../../../src/engine/epoll/poller.ts';
import type { Load } from './load.ts';
import { type Sockets, wouldWait } from './sockets.ts';
import { MODE } from './wire.ts';

const MESSAGE_BYTES = 64;
/** Sessions on their way at once; a queue of the system never overflows. */
const WAVE = 64;
/** Opened before memory is read the first time: code is compiled by then, and tables have grown a little. */
export const IDLE_WARM_SESSIONS = 1_000;

/** Sessions that ask one question, get the answer and then stay, silent. Work is sessions that are there. */
export class IdleLoad implements Load, FdOwner {
	work = 0;
	errors = 0;
	readonly #sockets: Sockets;
	readonly #message: NativeBuffer;
	readonly #answer: NativeBuffer;
	/** By descriptor: the question has been sent. */
	readonly #asked = new Set<number>();
	#wanted = 0;
	#opened = 0;

	constructor(sockets: Sockets) {
		this.#sockets = sockets;
		this.#message = sockets.filled(MESSAGE_BYTES, MODE.echo);
		this.#answer = sockets.libc.allocate(MESSAGE_BYTES);
	}

	start(): void {}

	/** Opens more until there are so many. */
	grow(sessions: number): void {
		this.#wanted = sessions;
		while (this.#opened < this.#wanted && this.#opened - this.work - this.errors < WAVE) this.#open();
	}

	get complete(): boolean {
		return this.work + this.errors >= this.#wanted;
	}

	onEvents(fd: number, events: number): void {
		if (!this.#asked.has(fd)) return this.#ask(fd);
		if ((events & EPOLLIN) === 0) return;
		const got = this.#sockets.libc.recv(fd, this.#answer, 0, MESSAGE_BYTES, 0);
		if (wouldWait(got)) return;
		if (got === MESSAGE_BYTES) this.work += 1;
		else this.#fail(fd);
		this.grow(this.#wanted);
	}

	#open(): void {
		const fd = this.#sockets.connect();
		this.#opened += 1;
		this.#asked.delete(fd);
		this.#sockets.poller.add(fd, EPOLLIN | EPOLLOUT | EPOLLET, this);
		this.#ask(fd);
	}

	#ask(fd: number): void {
		const sent = this.#sockets.libc.send(fd, this.#message, 0, MESSAGE_BYTES, MSG_NOSIGNAL);
		if (wouldWait(sent)) return;
		this.#asked.add(fd);
		if (sent !== MESSAGE_BYTES) this.#fail(fd);
	}

	#fail(fd: number): void {
		this.errors += 1;
		this.#sockets.close(fd);
	}
}
