import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, SOL_SOCKET } from '../../../src/engine/epoll/layouts.ts';
import type { NativeBuffer } from '../../../src/engine/epoll/libc.ts';
import type { FdOwner } from '../../../src/engine/epoll/poller.ts';
import type { Load } from './load.ts';
import { type Sockets, wouldWait } from './sockets.ts';
import { BULK_BYTES, BULK_WAKE_BYTES, MODE, SO_RCVLOWAT } from './wire.ts';

const READ_BYTES = 4 * BULK_BYTES;

/** Streams that send, or read, as fast as they can. Work is bytes. */
export class BulkLoad implements Load, FdOwner {
	work = 0;
	errors = 0;
	readonly #sockets: Sockets;
	readonly #streams: number;
	readonly #sends: boolean;
	readonly #buffer: NativeBuffer;
	/** By descriptor: the first byte has been sent. */
	readonly #begun = new Set<number>();

	constructor(sockets: Sockets, direction: 'download' | 'upload', streams: number) {
		this.#sockets = sockets;
		this.#streams = streams;
		this.#sends = direction === 'upload';
		this.#buffer = sockets.filled(READ_BYTES, MODE[direction]);
	}

	start(): void {
		for (let i = 0; i < this.#streams; i++) {
			const fd = this.#sockets.connectLong();
			this.#sockets.poller.add(fd, EPOLLOUT, this);
		}
	}

	onEvents(fd: number, events: number): void {
		if ((events & (EPOLLERR | EPOLLHUP)) !== 0) return this.#fail(fd);
		if (!this.#begun.has(fd)) return this.#begin(fd);
		const moved = this.#sends
			? this.#sockets.send(fd, this.#buffer, BULK_BYTES)
			: this.#sockets.drop(fd, this.#buffer, READ_BYTES);
		if (moved > 0) this.work += moved;
		else if (!wouldWait(moved)) this.#fail(fd);
	}

	#begin(fd: number): void {
		const { libc, poller } = this.#sockets;
		if (this.#sockets.send(fd, this.#buffer, 1) !== 1) return this.#fail(fd);
		this.#begun.add(fd);
		if (this.#sends) return;
		libc.setOption(fd, SOL_SOCKET, SO_RCVLOWAT, BULK_WAKE_BYTES);
		poller.remove(fd);
		poller.add(fd, EPOLLIN, this);
	}

	#fail(fd: number): void {
		this.errors += 1;
		this.#sockets.close(fd);
	}
}
