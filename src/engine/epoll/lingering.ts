import { NS_PER_MS } from '../../core/units.ts';
import { ERRNO } from './errno.ts';
import { EPOLLERR, SHUT_WR } from './layouts.ts';
import type { Libc, NativeBuffer } from './libc.ts';
import type { Timed } from './loop.ts';
import type { FdOwner, Poller } from './poller.ts';

/** How long a socket that got its FIN may take to answer with its own. */
export const LINGER_MS = 3_000;

/** How many such sockets a worker keeps; beyond it the oldest goes first. */
const MOST_LINGERING = 1_024;

/** Chunks thrown away at a time, so that a sender that goes on does not hold up the others. */
const ROUNDS = 16;

/**
 * How much it may still send meanwhile: more than buffers on the way hold, so that it is an end that goes on
 * in spite of our FIN. Reading that for `LINGER_MS` would cost a core and serve nobody.
 */
const LINGER_BYTES = 8 * 1_048_576;

interface Lingering {
	readonly sinceNs: number;
	/** Bytes still to be thrown away before patience ends. */
	bytesLeft: number;
	readonly closed: () => void;
}

/**
 * Closes sockets whose peer has not said that it is done: after our FIN what still comes is read and thrown
 * away for a while, because close(2) with unread bytes answers with RST, which can destroy what is still on
 * its way there (RFC 1122 section 4.2.2.13).
 */
export class Lingerer implements FdOwner, Timed {
	readonly #libc: Libc;
	readonly #poller: Poller;
	readonly #scratch: NativeBuffer;
	readonly #nowNs: () => number;
	/** In the order in which they came, which is the order of their ends. */
	readonly #sockets = new Map<number, Lingering>();
	/** Those that had more than one turn's share to throw away: edges come once. */
	readonly #unfinished = new Set<number>();

	constructor(libc: Libc, poller: Poller, scratch: NativeBuffer, nowNs: () => number) {
		this.#libc = libc;
		this.#poller = poller;
		this.#scratch = scratch;
		this.#nowNs = nowNs;
	}

	get size(): number {
		return this.#sockets.size;
	}

	/** When `runDue` has something to do. */
	get nextNs(): number {
		if (this.#unfinished.size > 0) return 0;
		if (this.#sockets.size === 0) return Number.POSITIVE_INFINITY;
		for (const { sinceNs } of this.#sockets.values()) return sinceNs + LINGER_MS * NS_PER_MS;
		return Number.POSITIVE_INFINITY;
	}

	/** Takes over a registered socket; `finSent`: its FIN is out already. `closed` is called once it is closed, perhaps at once. */
	take(fd: number, finSent: boolean, closed: () => void): void {
		if (!finSent) this.#libc.shutdown(fd, SHUT_WR);
		this.#poller.handOver(fd, this);
		this.#sockets.set(fd, { sinceNs: this.#nowNs(), bytesLeft: LINGER_BYTES, closed });
		this.#drain(fd);
		if (this.#sockets.size > MOST_LINGERING) this.#closeOldest();
	}

	/** Waits no longer for this one. */
	drop(fd: number): void {
		this.#close(fd);
	}

	onEvents(fd: number, events: number): void {
		if ((events & EPOLLERR) !== 0) this.#close(fd);
		else this.#drain(fd);
	}

	runDue(nowNs: number): void {
		const unfinished = [...this.#unfinished];
		this.#unfinished.clear();
		for (const fd of unfinished) this.#drain(fd);
		for (const [fd, { sinceNs }] of this.#sockets) {
			if (sinceNs + LINGER_MS * NS_PER_MS > nowNs) return;
			this.#close(fd);
		}
	}

	destroy(): void {
		for (const fd of [...this.#sockets.keys()]) this.#close(fd);
	}

	#drain(fd: number): void {
		const socket = this.#sockets.get(fd);
		if (socket === undefined) return;
		for (let round = 0; round < ROUNDS; round++) {
			const got = this.#libc.recv(fd, this.#scratch, 0, this.#scratch.bytes.length, 0);
			if (got === -ERRNO.EAGAIN) return;
			socket.bytesLeft -= got;
			if (got <= 0 || socket.bytesLeft < 0) return this.#close(fd);
		}
		this.#unfinished.add(fd);
	}

	#closeOldest(): void {
		for (const fd of this.#sockets.keys()) return this.#close(fd);
	}

	#close(fd: number): void {
		const socket = this.#sockets.get(fd);
		if (socket === undefined) return;
		this.#sockets.delete(fd);
		this.#unfinished.delete(fd);
		this.#poller.forget(fd);
		this.#libc.close(fd);
		socket.closed();
	}
}
