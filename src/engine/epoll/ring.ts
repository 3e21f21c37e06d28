import { ERRNO, errnoName } from './errno.ts';
import { EPOLLIN, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_WAITALL, RING_PARAMS_BYTES } from './layouts.ts';
import type { Libc, MappedMemory, NativeBuffer } from './libc.ts';
import { RingBuffers } from './ring-buffers.ts';

/** Requests between two calls; more are submitted before. */
const ENTRIES = 4_096;
/** Beyond anything that can come in one turn: an end for each of the sockets, a chunk for each of the buffers. */
const COMPLETIONS = 8_192;

const SETUP_CQSIZE = 1 << 3;
const SETUP_SUBMIT_ALL = 1 << 7;
const SETUP_SINGLE_ISSUER = 1 << 12;
const SETUP_DEFER_TASKRUN = 1 << 13;
const SETUP = SETUP_CQSIZE | SETUP_SUBMIT_ALL | SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN;
const ENTER_GETEVENTS = 1;
const ENTER_EXT_ARG = 8;
const OFFSET_SUBMISSIONS = 0x1000_0000;
const ENTRY_WORDS = 16;
const COMPLETION_BYTES = 16;

const OP_POLL_ADD = 6;
const OP_ASYNC_CANCEL = 14;
const OP_SEND = 26;
const OP_RECV = 27;
const BUFFER_SELECT = 1 << 5;
/** Told only when it fails; taking a part counts as that (MSG_WAITALL). */
const SKIP_SUCCESS = 1 << 6;
const RECV_MULTISHOT = 2;
/** The first word of a request: operation, flags, and what the operation calls its priority. The group of buffers is 0. */
const RECEIVE = OP_RECV | (BUFFER_SELECT << 8) | (RECV_MULTISHOT << 16);
const SEND = OP_SEND | (SKIP_SUCCESS << 8);
const CANCEL = OP_ASYNC_CANCEL | (SKIP_SUCCESS << 8);
const SEND_FLAGS = MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL;
const MORE = 1 << 1;
const BUFFER_SHIFT = 16;
const LENGTH_MASK = 0xffff;
/** The kernel stops short of a request when memory is scarce. */
const MOST_TRIES = 64;
/** The time is up, a signal, or room is made for completions first. */
const HARMLESS: ReadonlySet<number> = new Set([ERRNO.ETIME, ERRNO.EINTR, ERRNO.EBUSY, ERRNO.EAGAIN]);

/** What a completion is of, in the byte above its tag. */
const TAKEN = 0;
const RECEIVED = 1 << 24;
const SENT = 2 << 24;
const POLLED = 3 << 24;
const CANCELLED = 4 << 24;
const KIND = 0xff << 24;
/** Of what has none: `tellOf` finds it for no tag. */
const NO_TAG = 0xff_ffff;

/** Who hears what has come of requests. */
export interface RingOwner {
	/** `result`: bytes that stand in `buffer`, which is the hearer's now; 0 at the end; a negated error number. `more`: it goes on. */
	received(tag: number, result: number, buffer: number, more: boolean): void;
	/** Of a send of `length` bytes only `result` were taken, or none, with a negated error number. */
	notSent(tag: number, result: number, buffer: number, length: number): void;
	/** What was polled for is there. */
	polled(): void;
}

/** Where things are in the memory that is shared with the kernel, in words (`struct io_uring_params`). */
interface Places {
	readonly sqTail: number;
	readonly sqEntries: number;
	readonly cqHead: number;
	readonly cqTail: number;
	readonly cqMask: number;
	readonly cqes: number;
}

/**
 * io_uring(7): requests are written into memory, and one call hands over all of a turn and waits for what comes.
 * Sends never wait, so that what has become of them is known when that call is back; the kernel writes nothing to
 * this memory between two calls (IORING_SETUP_DEFER_TASKRUN), so that plain reads do. For the thread that made it.
 */
export class Ring {
	readonly buffers: RingBuffers;
	readonly #libc: Libc;
	readonly #fd: number;
	readonly #places: Places;
	readonly #shared: MappedMemory;
	readonly #submissions: MappedMemory;
	#words: Int32Array;
	#entries: Int32Array;
	readonly #argument: NativeBuffer;
	readonly #time: Int32Array;
	#sqTail = 0;
	#unsubmitted = 0;
	#cqHead = 0;
	/** Buffers of sends that are not handed over yet. */
	#unsent: number[] = [];
	/** Buffers that nobody needs once all that has come is told: a send that failed may be among it. */
	#spent: number[] = [];

	private constructor(
		libc: Libc,
		fd: number,
		buffers: RingBuffers,
		places: Places,
		maps: { readonly shared: MappedMemory; readonly submissions: MappedMemory },
	) {
		this.#libc = libc;
		this.#fd = fd;
		this.buffers = buffers;
		this.#places = places;
		this.#shared = maps.shared;
		this.#submissions = maps.submissions;
		this.#words = maps.shared.words;
		this.#entries = maps.submissions.words;
		// struct io_uring_getevents_arg, and the struct __kernel_timespec that it points at.
		this.#argument = libc.allocate(24);
		const time = libc.allocate(16);
		new DataView(this.#argument.bytes.buffer).setBigUint64(16, BigInt(time.address), true);
		this.#time = new Int32Array(time.bytes.buffer);
	}

	/** A ring, or why there is none: an old kernel, or one that does not let this process have it. */
	static open(libc: Libc): Ring | string {
		const params = libc.allocate(RING_PARAMS_BYTES);
		const view = new DataView(params.bytes.buffer);
		view.setUint32(4, COMPLETIONS, true);
		view.setUint32(8, SETUP, true);
		const fd = libc.ringSetup(ENTRIES, params);
		if (fd < 0) return `io_uring_setup: ${errnoName(fd)}`;
		const ring = Ring.#map(libc, fd, view);
		if (ring instanceof Ring) return ring;
		libc.close(fd);
		return ring;
	}

	static #map(libc: Libc, fd: number, params: DataView): Ring | string {
		const submission = (field: number): number => params.getUint32(40 + field * 4, true);
		const completion = (field: number): number => params.getUint32(80 + field * 4, true);
		const entries = params.getUint32(0, true);
		const arrayAt = submission(6);
		const bytes = Math.max(arrayAt + entries * 4, completion(5) + params.getUint32(4, true) * COMPLETION_BYTES);
		const shared = libc.map(bytes, fd, 0);
		if (typeof shared === 'number') return `mmap of a ring: ${errnoName(shared)}`;
		const submissions = libc.map(entries * ENTRY_WORDS * 4, fd, OFFSET_SUBMISSIONS);
		const buffers = RingBuffers.register(libc, fd);
		if (typeof submissions === 'number' || typeof buffers === 'number') {
			libc.unmap(shared);
			if (typeof submissions !== 'number') libc.unmap(submissions);
			if (typeof buffers !== 'number') buffers.destroy();
			return `buffers of a ring: ${typeof buffers === 'number' ? errnoName(buffers) : 'mmap failed'}`;
		}
		for (let entry = 0; entry < entries; entry++) shared.words[arrayAt / 4 + entry] = entry;
		const places = {
			sqTail: submission(1) / 4,
			sqEntries: entries,
			cqHead: completion(0) / 4,
			cqTail: completion(1) / 4,
			cqMask: params.getUint32(4, true) - 1,
			cqes: completion(5) / 4,
		};
		return new Ring(libc, fd, buffers, places, { shared, submissions });
	}

	/** Receives into the ring's buffers until it fails or is cancelled. The socket must be a blocking one. */
	receive(fd: number, tag: number): void {
		this.#request(RECEIVE, fd, tag | RECEIVED, 0, 0, 0);
	}

	/** Sends the start of a buffer, which is the ring's again. */
	send(fd: number, tag: number, buffer: number, length: number): void {
		const at = this.#request(SEND, fd, tag | SENT, (buffer << BUFFER_SHIFT) | length, length, SEND_FLAGS);
		this.#entries[at + 4] = this.buffers.lowWords[buffer] ?? 0;
		this.#entries[at + 5] = this.buffers.highWords[buffer] ?? 0;
		this.#unsent.push(buffer);
	}

	/** Ends `receive`: its last completion says so. */
	cancel(tag: number): void {
		const at = this.#request(CANCEL, -1, tag | CANCELLED, 0, 0, 0);
		this.#entries[at + 4] = tag | RECEIVED;
	}

	/** Tells once that this descriptor can be read. */
	poll(fd: number): void {
		this.#request(OP_POLL_ADD, fd, NO_TAG | POLLED, 0, 0, EPOLLIN);
	}

	/** The buffer is needed no more. */
	giveBack(buffer: number): void {
		this.#spent.push(buffer);
	}

	/**
	 * Hands over what is requested, and waits at most so long for a first completion. False when some are still to be
	 * told: nothing was done.
	 */
	wait(timeoutMs: number): boolean {
		if (this.untold > 0) return false;
		for (const buffer of this.#spent) this.buffers.giveBack(buffer);
		this.#spent.length = 0;
		this.buffers.publish();
		if (timeoutMs > 0) {
			this.#time[0] = Math.floor(timeoutMs / 1_000);
			this.#time[2] = (timeoutMs % 1_000) * 1_000_000;
			this.#enter(1, ENTER_GETEVENTS | ENTER_EXT_ARG, this.#argument);
		} else this.#enter(0, ENTER_GETEVENTS, null);
		return true;
	}

	/** Hands over what is requested; returns when there are so many completions that are not told. */
	submit(completions: number): void {
		this.#enter(completions, ENTER_GETEVENTS, null);
	}

	/** Tells all that has come. */
	tell(owner: RingOwner): void {
		const { cqHead, cqTail, cqMask, cqes } = this.#places;
		while (this.#cqHead !== this.#words[cqTail]) {
			const at = cqes + (this.#cqHead & cqMask) * 4;
			this.#cqHead = (this.#cqHead + 1) | 0;
			this.#dispatch(at, owner);
		}
		this.#words[cqHead] = this.#cqHead;
	}

	/** Tells what has come for this tag alone. */
	tellOf(tag: number, owner: RingOwner): void {
		const { cqTail, cqMask, cqes } = this.#places;
		for (let head = this.#cqHead; head !== this.#words[cqTail]; head = (head + 1) | 0) {
			const at = cqes + (head & cqMask) * 4;
			if (((this.#words[at] ?? 0) & ~KIND) === tag) this.#dispatch(at, owner);
		}
	}

	/** How many completions are still to be told. */
	get untold(): number {
		return ((this.#words[this.#places.cqTail] ?? 0) - this.#cqHead) | 0;
	}

	/** What was requested is cancelled; sockets are let go of. Nothing of it may be used any more. */
	close(): void {
		this.#libc.close(this.#fd);
		this.#words = new Int32Array(0);
		this.#entries = new Int32Array(0);
		this.#libc.unmap(this.#shared);
		this.#libc.unmap(this.#submissions);
		this.buffers.destroy();
	}

	#dispatch(at: number, owner: RingOwner): void {
		const words = this.#words;
		const data = words[at] ?? 0;
		const detail = words[at + 1] ?? 0;
		const result = words[at + 2] ?? 0;
		const flags = words[at + 3] ?? 0;
		words[at] = TAKEN;
		const tag = data & ~KIND;
		switch (data & KIND) {
			case RECEIVED:
				return owner.received(tag, result, flags >>> BUFFER_SHIFT, (flags & MORE) !== 0);
			case SENT:
				return owner.notSent(tag, result, detail >>> BUFFER_SHIFT, detail & LENGTH_MASK);
			case POLLED:
				return owner.polled();
		}
	}

	/** Writes a request (`struct io_uring_sqe`); `data` and `detail` come back with its completion. */
	#request(operation: number, fd: number, data: number, detail: number, length: number, flags: number): number {
		if (this.#unsubmitted === this.#places.sqEntries) this.submit(0);
		const words = this.#entries;
		const at = (this.#sqTail & (this.#places.sqEntries - 1)) * ENTRY_WORDS;
		words[at] = operation;
		words[at + 1] = fd;
		words[at + 2] = 0;
		words[at + 3] = 0;
		words[at + 4] = 0;
		words[at + 5] = 0;
		words[at + 6] = length;
		words[at + 7] = flags;
		words[at + 8] = data;
		words[at + 9] = detail;
		words[at + 10] = 0;
		words[at + 11] = 0;
		words[at + 12] = 0;
		words[at + 13] = 0;
		this.#sqTail = (this.#sqTail + 1) | 0;
		this.#unsubmitted += 1;
		return at;
	}

	#enter(completions: number, flags: number, argument: NativeBuffer | null): void {
		const words = this.#words;
		words[this.#places.sqTail] = this.#sqTail;
		// Those from here on are counted as completions; the one that is being told has been read.
		words[this.#places.cqHead] = this.#cqHead;
		for (let tries = 0; tries < MOST_TRIES; tries++) {
			const taken = this.#libc.ringEnter(this.#fd, this.#unsubmitted, completions, flags, argument);
			if (taken < 0 && !HARMLESS.has(-taken)) throw new Error(`io_uring_enter failed: ${errnoName(taken)}`);
			this.#unsubmitted -= Math.max(taken, 0);
			if (this.#unsubmitted === 0) break;
		}
		if (this.#unsubmitted > 0) throw new Error('the kernel takes no more requests for a ring');
		for (const buffer of this.#unsent) this.#spent.push(buffer);
		this.#unsent.length = 0;
	}
}
