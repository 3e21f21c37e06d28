import { ERRNO } from './errno.ts';
import { EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD } from './layouts.ts';
import type { Libc, NativeBuffer } from './libc.ts';

/** Who hears what happens on a descriptor. */
export interface FdOwner {
	/** `events` are epoll's bits. The descriptor may be closed in the call. */
	onEvents(fd: number, events: number): void;
}

/** Events taken at a time. */
const BATCH = 256;

/**
 * epoll with the table of who owns which descriptor. Every registration has a generation of its own, which
 * comes back with each event: one that was on its way when its descriptor was closed, and perhaps given to
 * another socket, finds another generation in the table and is dropped.
 */
export class Poller {
	readonly fd: number;
	readonly #libc: Libc;
	readonly #event: NativeBuffer;
	readonly #eventWords: Int32Array;
	readonly #batch: NativeBuffer;
	readonly #batchWords: Int32Array;
	readonly #stride: number;
	readonly #dataWord: number;
	readonly #owners: (FdOwner | null)[] = [];
	#generations = new Int32Array(1024);
	#lastGeneration = 0;
	/** Events that came too late for their descriptor. */
	stale = 0;

	/** @throws Error when epoll is not to be had. */
	constructor(libc: Libc) {
		this.#libc = libc;
		this.#stride = libc.layout.epollEventWords;
		this.#dataWord = libc.layout.epollDataWord;
		this.#event = libc.allocate(this.#stride * 4);
		this.#eventWords = new Int32Array(this.#event.bytes.buffer);
		this.#batch = libc.allocate(BATCH * this.#stride * 4);
		this.#batchWords = new Int32Array(this.#batch.bytes.buffer);
		this.fd = libc.epollCreate(EPOLL_CLOEXEC);
		if (this.fd < 0) throw new Error(`epoll_create1 failed with error ${-this.fd}`);
	}

	/** Answers 0 or a negated error number. */
	add(fd: number, events: number, owner: FdOwner): number {
		this.#reserve(fd);
		this.#lastGeneration = (this.#lastGeneration + 1) | 0;
		const result = this.#register(EPOLL_CTL_ADD, fd, events, this.#lastGeneration);
		if (result < 0) return result;
		this.#owners[fd] = owner;
		this.#generations[fd] = this.#lastGeneration;
		return 0;
	}

	/** Has a registered descriptor watched for something else; what is there already is told. 0 or a negated error number. */
	change(fd: number, events: number): number {
		return this.#register(EPOLL_CTL_MOD, fd, events, this.#generations[fd] ?? 0);
	}

	#register(operation: number, fd: number, events: number, generation: number): number {
		this.#eventWords[0] = events;
		this.#eventWords[this.#dataWord] = fd;
		this.#eventWords[this.#dataWord + 1] = generation;
		return this.#libc.epollCtl(this.fd, operation, fd, this.#event);
	}

	/** From now on another hears what happens on this descriptor. */
	handOver(fd: number, owner: FdOwner): void {
		this.#owners[fd] = owner;
	}

	/** No event of this registration is told any more. Needed before close(2) where a copy of the descriptor lives on. */
	remove(fd: number): void {
		this.#libc.epollCtl(this.fd, EPOLL_CTL_DEL, fd, this.#event);
		this.forget(fd);
	}

	/** As `remove`, for a descriptor that is about to be closed, which ends its registration by itself. */
	forget(fd: number): void {
		this.#owners[fd] = null;
		this.#generations[fd] = 0;
	}

	/** Waits for events, at most so long; answers how many are there to be told. */
	wait(timeoutMs: number): number {
		const count = this.#libc.epollWait(this.fd, this.#batch, BATCH, timeoutMs);
		if (count >= 0) return count;
		if (count !== -ERRNO.EINTR) throw new Error(`epoll_wait failed with error ${-count}`);
		return 0;
	}

	/** Tells each of the events that `wait` found to the owner of its descriptor. */
	tell(count: number): void {
		const words = this.#batchWords;
		for (let i = 0; i < count; i++) {
			const at = i * this.#stride;
			const fd = words[at + this.#dataWord] ?? -1;
			const owner = this.#owners[fd];
			if (!owner || this.#generations[fd] !== words[at + this.#dataWord + 1]) this.stale += 1;
			else owner.onEvents(fd, words[at] ?? 0);
		}
	}

	#reserve(fd: number): void {
		if (fd < this.#generations.length) return;
		const larger = new Int32Array(Math.max(fd + 1, this.#generations.length * 2));
		larger.set(this.#generations);
		this.#generations = larger;
	}
}
