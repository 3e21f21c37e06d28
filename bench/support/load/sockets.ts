import { ERRNO, errnoName } from '../../../src/engine/epoll/errno.ts';
import {
	AF_INET,
	IPPROTO_TCP,
	MSG_NOSIGNAL,
	SOCK_CLOEXEC,
	SOCK_NONBLOCK,
	SOCK_STREAM,
	TCP_NODELAY,
} from '../../../src/engine/epoll/layouts.ts';
import { Libc, type NativeBuffer } from '../../../src/engine/epoll/libc.ts';
import { Poller } from '../../../src/engine/epoll/poller.ts';
import { SocketAddress } from '../../../src/engine/epoll/sockaddr.ts';
import { MSG_TRUNC } from './wire.ts';

/** What every load works with: one loop, one address to connect to, sockets that never block. */
export class Sockets {
	readonly libc = new Libc();
	readonly poller = new Poller(this.libc);
	readonly #address = new SocketAddress(this.libc);

	constructor(host: string, port: number) {
		this.#address.put({ type: 'tcp', host, port });
	}

	/** A socket on its way to the target; on loopback it is there already. Throws when there is no socket to be had. */
	connect(): number {
		const fd = this.libc.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) throw new Error(`socket: ${errnoName(fd)}`);
		const result = this.libc.connect(fd, this.#address.buffer, this.#address.length);
		if (result < 0 && result !== -ERRNO.EINPROGRESS) throw new Error(`connect: ${errnoName(result)}`);
		return fd;
	}

	/** As `connect`, for a session of many messages. */
	connectLong(): number {
		const fd = this.connect();
		this.libc.setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
		return fd;
	}

	send(fd: number, buffer: NativeBuffer, length: number): number {
		return this.libc.send(fd, buffer, 0, length, MSG_NOSIGNAL);
	}

	recv(fd: number, buffer: NativeBuffer, length: number): number {
		return this.libc.recv(fd, buffer, 0, length, 0);
	}

	/** As `recv`, for bytes that nobody looks at. */
	drop(fd: number, buffer: NativeBuffer, length: number): number {
		return this.libc.recv(fd, buffer, 0, length, MSG_TRUNC);
	}

	/** Whether the session that answered is of the kind that was asked for. */
	isAsAgreed(_fd: number): boolean {
		return true;
	}

	close(fd: number): void {
		this.poller.forget(fd);
		this.libc.close(fd);
	}

	/** Memory of this length, every byte the same. */
	filled(length: number, byte: number): NativeBuffer {
		const buffer = this.libc.allocate(length);
		buffer.bytes.fill(byte);
		return buffer;
	}
}

/** True for the answer of a call that would have had to wait. */
export const wouldWait = (result: number): boolean => result === -ERRNO.EAGAIN || result === -ERRNO.ENOTCONN;
