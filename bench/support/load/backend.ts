/**
 * The backend of every load: one process, one port, any loopback address. The first byte of a session says
 * what it is for (`wire.ts`). It runs until it is killed.
 * Run: node bench/support/load/backend.ts PORT
 */
import {
	EPOLLERR,
	EPOLLHUP,
	EPOLLIN,
	EPOLLOUT,
	IPPROTO_TCP,
	MSG_NOSIGNAL,
	SOCK_CLOEXEC,
	SOCK_NONBLOCK,
	SOL_SOCKET,
	TCP_NODELAY,
} from '../../../src/engine/epoll/layouts.ts';
import { Libc } from '../../../src/engine/epoll/libc.ts';
import { openListeningSocket } from '../../../src/engine/epoll/listening-sockets.ts';
import { type FdOwner, Poller } from '../../../src/engine/epoll/poller.ts';
import { SocketAddress } from '../../../src/engine/epoll/sockaddr.ts';
import { BACKLOG, BULK_BYTES, BULK_WAKE_BYTES, MODE, MOST_PING_BYTES, MSG_TRUNC, SO_RCVLOWAT } from './wire.ts';

const FOREVER_MS = -1;
/** Taken from the queue at a time. */
const MOST_ACCEPTS = 64;

class Backend implements FdOwner {
	readonly #libc = new Libc();
	readonly #poller = new Poller(this.#libc);
	readonly #peer = new SocketAddress(this.#libc);
	readonly #buffer = this.#libc.allocate(Math.max(BULK_BYTES * 4, MOST_PING_BYTES));
	readonly #listener: number;
	/** By descriptor; 0 before the first byte. */
	#modes = new Uint8Array(65_536);

	constructor(port: number) {
		const bind = { target: { type: 'tcp', host: '0.0.0.0', port }, v6Only: false } as const;
		this.#listener = openListeningSocket(this.#libc, bind, false, BACKLOG);
		if (this.#listener < 0) throw new Error(`backend: cannot listen on port ${port}, error ${-this.#listener}`);
		this.#poller.add(this.#listener, EPOLLIN, this);
	}

	run(): never {
		for (;;) this.#poller.tell(this.#poller.wait(FOREVER_MS));
	}

	onEvents(fd: number, events: number): void {
		if (fd === this.#listener) return this.#accept();
		const mode = this.#modes[fd];
		if (mode === MODE.download) return this.#send(fd, events);
		if (mode === MODE.upload) return this.#drop(fd);
		this.#echo(fd);
	}

	#accept(): void {
		for (let taken = 0; taken < MOST_ACCEPTS; taken++) {
			const fd = this.#libc.accept(this.#listener, this.#peer.buffer, SOCK_NONBLOCK | SOCK_CLOEXEC);
			if (fd < 0) return;
			this.#reserve(fd);
			this.#modes[fd] = 0;
			this.#libc.setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
			this.#poller.add(fd, EPOLLIN, this);
		}
	}

	/** Messages are answered one at a time, so that what is sent back always finds room. */
	#echo(fd: number): void {
		const got = this.#libc.recv(fd, this.#buffer, 0, MOST_PING_BYTES, 0);
		if (got <= 0) return this.#close(fd);
		if (this.#modes[fd] === 0 && this.#begin(fd)) return;
		if (this.#libc.send(fd, this.#buffer, 0, got, MSG_NOSIGNAL) !== got) this.#close(fd);
	}

	/** True when the session is a bulk stream. */
	#begin(fd: number): boolean {
		const mode = this.#buffer.bytes[0] ?? 0;
		this.#modes[fd] = mode;
		if (mode === MODE.download) {
			this.#poller.remove(fd);
			this.#poller.add(fd, EPOLLOUT, this);
		}
		if (mode === MODE.upload) this.#libc.setOption(fd, SOL_SOCKET, SO_RCVLOWAT, BULK_WAKE_BYTES);
		return mode !== MODE.echo;
	}

	#send(fd: number, events: number): void {
		if ((events & (EPOLLERR | EPOLLHUP)) !== 0) return this.#close(fd);
		this.#libc.send(fd, this.#buffer, 0, BULK_BYTES, MSG_NOSIGNAL);
	}

	#drop(fd: number): void {
		if (this.#libc.recv(fd, this.#buffer, 0, this.#buffer.bytes.length, MSG_TRUNC) <= 0) this.#close(fd);
	}

	#close(fd: number): void {
		this.#poller.forget(fd);
		this.#libc.close(fd);
	}

	#reserve(fd: number): void {
		if (fd < this.#modes.length) return;
		const larger = new Uint8Array(this.#modes.length * 2);
		larger.set(this.#modes);
		this.#modes = larger;
	}
}

new Backend(Number(process.argv[2])).run();
