import type { Endpoint } from '../../core/address.ts';
import type { BindSnapshot, KeepAlive } from '../../core/snapshot.ts';
import { ERRNO } from './errno.ts';
import { EPOLLIN, SHUT_RD, SOCK_CLOEXEC, SOCK_NONBLOCK } from './layouts.ts';
import type { Libc } from './libc.ts';
import type { FdOwner, Poller } from './poller.ts';
import type { SocketAddress } from './sockaddr.ts';
import { setKeepAlive } from './upstream.ts';

/** Clients taken at a time, before other events get their turn. */
const BATCH = 64;

/** So many batches are more than a queue holds: what still comes while a listener closes is not waited for. */
const LAST_BATCHES = 256;

export interface ListenerHooks {
	/** Whether the next client may be taken out of the queue now. */
	readonly mayAccept: (listener: EpollListener) => boolean;
	/** It may not; the listener has paused. */
	readonly full: (listener: EpollListener) => void;
	/** A client; its descriptor is the hook's to close. */
	readonly accepted: (listener: EpollListener, fd: number, peer: Endpoint) => void;
	/** Whether something was given up for want of descriptors or memory, so that accept(2) may be tried again. */
	readonly relieve: () => boolean;
	/** accept(2) failed for want of descriptors or memory; the listener has paused. */
	readonly starved: (listener: EpollListener, error: number) => void;
}

/**
 * One listening socket in one worker's epoll set. Level-triggered: what is left in its queue is told again,
 * and nothing is told while it is paused.
 */
export class EpollListener implements FdOwner {
	readonly fd: number;
	readonly bind: BindSnapshot;
	/** Index into the snapshot's listeners; follows the snapshots while the address stays. */
	listener: number;
	readonly #libc: Libc;
	readonly #poller: Poller;
	readonly #address: SocketAddress;
	readonly #hooks: ListenerHooks;
	#open = false;

	constructor(
		tools: { readonly libc: Libc; readonly poller: Poller; readonly address: SocketAddress },
		fd: number,
		bind: BindSnapshot,
		listener: number,
		hooks: ListenerHooks,
	) {
		this.#libc = tools.libc;
		this.#poller = tools.poller;
		this.#address = tools.address;
		this.fd = fd;
		this.bind = bind;
		this.listener = listener;
		this.#hooks = hooks;
	}

	get isUnix(): boolean {
		return this.bind.target.type === 'unix';
	}

	get paused(): boolean {
		return !this.#open;
	}

	/** Answers 0 or a negated error number. */
	resume(): number {
		if (this.#open) return 0;
		const added = this.#poller.add(this.fd, EPOLLIN, this);
		this.#open = added === 0;
		return added;
	}

	pause(): void {
		if (!this.#open) return;
		this.#open = false;
		this.#poller.remove(this.fd);
	}

	/** Accepted sockets inherit it. */
	setKeepAlive(keepAlive: KeepAlive): void {
		if (!this.isUnix) setKeepAlive(this.#libc, this.fd, keepAlive);
	}

	onEvents(): void {
		this.acceptSome();
	}

	/** Takes what waits, at most a batch. */
	acceptSome(): void {
		for (let i = 0; i < BATCH; i++) {
			if (!this.#hooks.mayAccept(this)) {
				this.pause();
				this.#hooks.full(this);
				return;
			}
			if (!this.#acceptOne()) return;
		}
	}

	/**
	 * Takes all that waits, whatever the limits, and listens no more: closing the socket would reset it. Its owner may
	 * close it later; nobody comes in meanwhile, where another socket on this address would have taken them.
	 */
	acceptLast(): void {
		for (let left = LAST_BATCHES * BATCH; left > 0 && this.#acceptOne(); left--);
		this.#libc.shutdown(this.fd, SHUT_RD);
		this.pause();
	}

	/** False when nothing more can be had now. */
	#acceptOne(): boolean {
		const fd = this.#libc.accept(this.fd, this.#address.buffer, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			this.#hooks.accepted(this, fd, this.#address.take());
			return true;
		}
		if (fd === -ERRNO.EAGAIN) return false;
		// Anything but want is the fate of one client that has gone already (accept(2), Error handling).
		if (!STARVED.has(-fd) || this.#hooks.relieve()) return true;
		this.pause();
		this.#hooks.starved(this, fd);
		return false;
	}
}

const STARVED: ReadonlySet<number> = new Set([ERRNO.EMFILE, ERRNO.ENFILE, ERRNO.ENOBUFS, ERRNO.ENOMEM]);
