import { NS_PER_MS } from '../../core/units.ts';
import { ERRNO } from './errno.ts';
import { EPOLLERR, EPOLLHUP, EPOLLRDHUP } from './layouts.ts';
import type { Libc } from './libc.ts';
import type { Timed } from './loop.ts';
import type { FdOwner, Poller } from './poller.ts';

/** How many sockets a worker keeps at most. */
export const MOST_RESTING = 32;
/** How long one waits for a connect: a worker with little to do needs none. */
export const REST_MS = 2_000;
export const NO_SOCKET = -1;

interface Resting {
	readonly fd: number;
	readonly family: number;
	readonly sinceNs: number;
}

/**
 * Sockets to backends whose connections have ended in order, kept for later connects: a connect to AF_UNSPEC dissolves
 * the association (connect(2)), and what is connected anew needs neither socket(2) nor epoll_ctl(2), and no close(2)
 * before it. Each stays registered, under the same generation, so no event of the old connection may be on its way
 * when it gets its next owner. The kernel tells of each that it hangs up, once it is dissolved: that is the last event
 * before the next connect, and only when it has been heard is the socket there to be taken.
 */
export class RestingSockets implements FdOwner, Timed {
	readonly #libc: Libc;
	readonly #poller: Poller;
	readonly #nowNs: () => number;
	/** How many there is room for by now. */
	readonly #limit: () => number;
	/** Their last events are still to come. Like the others, in the order in which they came here. */
	readonly #unheard: Resting[] = [];
	readonly #ready: Resting[] = [];

	constructor(libc: Libc, poller: Poller, nowNs: () => number, limit: () => number) {
		this.#libc = libc;
		this.#poller = poller;
		this.#nowNs = nowNs;
		this.#limit = limit;
	}

	get size(): number {
		return this.#unheard.length + this.#ready.length;
	}

	get nextNs(): number {
		const oldest = Math.min(
			this.#unheard[0]?.sinceNs ?? Number.POSITIVE_INFINITY,
			this.#ready[0]?.sinceNs ?? Number.POSITIVE_INFINITY,
		);
		return oldest + REST_MS * NS_PER_MS;
	}

	/**
	 * Takes over a registered socket of which both FINs were sent and read. False: it stays the caller's to close, since
	 * its own FIN is not acknowledged yet, or there is no room.
	 */
	rest(fd: number, family: number): boolean {
		if (this.size >= this.#room()) return false;
		if (this.#libc.getpeername(fd) !== -ERRNO.ENOTCONN || this.#libc.disconnect(fd) < 0) return false;
		this.#poller.handOver(fd, this);
		this.#unheard.push({ fd, family, sinceNs: this.#nowNs() });
		return true;
	}

	/** A registered socket without a connection, or `NO_SOCKET`. Whoever takes it hands it over to itself, or closes it. */
	take(family: number): number {
		const ready = this.#ready;
		for (let at = ready.length - 1; at >= 0; at--) {
			const { fd, family: own } = ready[at] as Resting;
			if (own !== family) continue;
			if (at === ready.length - 1) ready.pop();
			else ready.splice(at, 1);
			return fd;
		}
		this.#makeRoom();
		return NO_SOCKET;
	}

	/** A socket that is still connected when it is told of has its reading side shut; one that was dissolved has not. */
	onEvents(fd: number, events: number): void {
		if ((events & EPOLLRDHUP) !== 0 || (events & EPOLLHUP) === 0) return;
		const at = this.#unheard.findIndex((resting) => resting.fd === fd);
		const resting = this.#unheard[at];
		if (resting === undefined) return;
		this.#unheard.splice(at, 1);
		if ((events & EPOLLERR) !== 0) this.#close(resting);
		else this.#ready.push(resting);
	}

	/** Closes them all: descriptors are short. False when there were none. */
	giveUp(): boolean {
		const all = [...this.#unheard.splice(0), ...this.#ready.splice(0)];
		for (const resting of all) this.#close(resting);
		return all.length > 0;
	}

	runDue(nowNs: number): void {
		for (const those of [this.#unheard, this.#ready]) {
			while (those[0] !== undefined && those[0].sinceNs + REST_MS * NS_PER_MS <= nowNs) this.#closeOldest(those);
		}
	}

	/** A socket is to be opened although some rest here: where places have become few, it needs the room of one of them. */
	#makeRoom(): void {
		if (this.size === 0) return;
		const room = this.#room();
		while (this.#ready.length > 0 && this.size > room) this.#closeOldest(this.#ready);
	}

	#room(): number {
		return Math.min(MOST_RESTING, this.#limit());
	}

	#closeOldest(those: Resting[]): void {
		const resting = those.shift();
		if (resting !== undefined) this.#close(resting);
	}

	#close({ fd }: Resting): void {
		this.#poller.forget(fd);
		this.#libc.close(fd);
	}
}
