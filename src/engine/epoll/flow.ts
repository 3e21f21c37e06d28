import type { RelayGate } from '../../core/session-io.ts';
import type { Direction } from '../../core/units.ts';
import type { DeadlineEntry } from '../deadlines.ts';
import type { Meter } from '../meter.ts';
import type { BufferPool } from './buffers.ts';
import { ERRNO } from './errno.ts';
import { Gathering } from './gathering.ts';
import { HeldBytes } from './held-bytes.ts';
import { IPPROTO_TCP, MSG_NOSIGNAL, SPLICE_F_MORE, SPLICE_F_MOVE, SPLICE_F_NONBLOCK, TCP_NODELAY } from './layouts.ts';
import type { Libc, NativeBuffer } from './libc.ts';
import type { Pumped } from './loop.ts';
import type { Pipe, PipePool } from './pipes.ts';

/** What a worker lends to all its relays. */
export interface RelayTools {
	readonly libc: Libc;
	readonly pipes: PipePool;
	readonly buffers: BufferPool;
	/** Bytes are read into this and sent on at once; nothing stays in it. */
	readonly scratch: NativeBuffer;
	/** Monotonic time of this turn of the loop. */
	nowNs(): number;
}

/** Why `pump` stopped. */
export const WAITING = 0;
/** The other flows had their turn to wait for; pump again soon. */
export const AGAIN = 1;
/** The source's FIN has come and all its bytes are read. */
export const ENDED = 2;
/** The source was reset. */
export const SOURCE_LOST = 3;
/** The destination was reset. */
export const TARGET_LOST = 4;
/** The gate lets nothing pass before `gate.readyNs`. */
export const HELD_BACK = 5;
/** The source has run dry and may go on without an event: look again after `GATHER_MS`. */
export const GATHERS = 6;
export type PumpResult =
	| typeof GATHERS
	| typeof WAITING
	| typeof AGAIN
	| typeof ENDED
	| typeof SOURCE_LOST
	| typeof TARGET_LOST
	| typeof HELD_BACK;

/** Chunks that one flow moves before others get their turn. */
const ROUNDS = 16;
/** A chunk that is spliced is a larger part of a turn. */
const SPLICE_ROUNDS = 4;
/** So many full buffers in a row, and the rest is spliced. */
const BULKY_READS = 2;
/** A source that gave so much before it ran dry is spliced again when it goes on. */
const BULKY_BYTES = 65_536;
/** Counted further than anybody looks. */
const MOST_CHUNKS = 0x3fff_ffff;
const SPLICE_FLAGS = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

/** A socket to read from, and what was seen of it before; see the fields of `Flow`. */
export interface FlowSource {
	readonly fd: number;
	readonly readable: boolean;
	readonly readOn: boolean;
	readonly ended: boolean;
	/** A unix-domain socket: a read stops short at a passed descriptor, too, of which no event tells (unix(7)). */
	readonly unix: boolean;
}

/**
 * One direction of a relay. Small amounts are read into the worker's buffer and sent on at once, of which only
 * what the kernel does not take is kept; bulky ones are spliced through a pipe and never seen. Events are
 * edge-triggered: readiness is remembered until a call says otherwise, and only EAGAIN says that an edge
 * is to come.
 */
export class Flow implements DeadlineEntry {
	heapIndex = -1;
	heapKeyNs = 0;
	dueNs = Number.POSITIVE_INFINITY;
	/** Who is pumped when its wait is over; the gate queue's own, null while it does not wait. */
	owner: Pumped | null = null;
	readonly direction: Direction;
	readonly gate: RelayGate;
	readonly #tools: RelayTools;
	readonly #meter: Meter;
	readonly #source: number;
	readonly #target: number;
	readonly #shortReadEmpties: boolean;
	/** The source may have bytes, or its FIN. */
	readable: boolean;
	/** A FIN or urgent data is known to have come, at which a read stops short: only EAGAIN says that nothing is left. */
	readOn: boolean;
	ended: boolean;
	/** The source was reset: what it sent before is read as far as the target and the gate take it at once. */
	failing = false;
	/** What was read of the source before and goes first. Null once it has all passed the gate. */
	held: HeldBytes | null = null;
	#kept: NativeBuffer | null = null;
	#keptFrom = 0;
	#keptTo = 0;
	#pipe: Pipe | null = null;
	#fullReads = 0;
	#chunks = 0;
	/** Splice what comes. A pipe is held only while there is something to move. */
	#bulky = false;
	/** Since the source last ran dry. */
	#spliced = 0;
	/** The pipe was full: more is to follow at once, and the last packet waits for it. */
	#moreFollows = false;
	#gathering: Gathering | null = null;
	#heldBack = false;

	constructor(
		tools: RelayTools,
		meter: Meter,
		gate: RelayGate,
		direction: Direction,
		source: FlowSource,
		target: number,
	) {
		this.#tools = tools;
		this.#meter = meter;
		this.gate = gate;
		this.direction = direction;
		this.#source = source.fd;
		this.#target = target;
		this.#shortReadEmpties = !source.unix;
		this.readable = source.readable;
		this.readOn = source.readOn;
		this.ended = source.ended;
	}

	/** Chunks read so far. */
	get chunks(): number {
		return this.#chunks;
	}

	/** Everything that was read has been taken by the kernel for the other side. */
	get empty(): boolean {
		return this.held === null && this.#kept === null && (this.#pipe === null || this.#pipe.bytes === 0);
	}

	/** Nothing is under way, nothing has ended, and small amounts were copied. */
	get idle(): boolean {
		return this.empty && !this.ended && !this.failing && !this.#bulky && !this.#heldBack && this.owner === null;
	}

	/** Moves what can be moved now. */
	pump(): PumpResult {
		for (let round = 0; round < ROUNDS; round++) {
			const written = this.flush();
			if (written !== AGAIN) return this.#pause(written);
			if (this.ended || !this.readable) return this.#pause(WAITING);
			if (this.#bulky) this.#pipe ??= this.#borrowPipe();
			const pipe = this.#pipe;
			const allowed = this.gate.ask(
				pipe === null ? this.#tools.scratch.bytes.length : pipe.capacity,
				this.#tools.nowNs(),
			);
			if (allowed === 0) return this.#pause(this.#holdBack());
			if (this.#heldBack) this.#letGo();
			const read = pipe === null ? this.#copy(allowed) : this.#spliceIn(pipe, allowed);
			if (read !== AGAIN) return read;
			if (pipe !== null) round += SPLICE_ROUNDS - 1;
		}
		return AGAIN;
	}

	// --- what others have read of the source ---

	/** So many bytes may pass, now; then they count as moved. */
	lets(bytes: number): boolean {
		const allowed = this.gate.ask(bytes, this.#tools.nowNs());
		if (allowed === bytes) this.#count(bytes);
		else if (allowed > 0) this.gate.unused(allowed);
		return allowed === bytes;
	}

	/** These go first, as the gate lets them. */
	hold(bytes: Uint8Array): void {
		this.held ??= new HeldBytes();
		this.held.append(bytes);
	}

	/** The source was found reset, which a socket tells once; all it had sent is read. */
	failed(): void {
		this.failing = true;
		this.ended = true;
		this.readable = false;
	}

	/** It is time to look what has gathered. */
	look(): void {
		this.readable = !this.ended;
	}

	/** Nothing more is read here: who reads next hears of every byte. */
	leaveSource(): void {
		this.#gathering?.end();
	}

	#borrowPipe(): Pipe | null {
		const pipe = this.#tools.pipes.borrow();
		// Copied bytes do not gather.
		if (pipe === null) this.#gathering?.end();
		return pipe;
	}

	/** No edge is to come from a source that was reset. */
	#pause(result: PumpResult): PumpResult {
		return this.failing && result !== TARGET_LOST ? SOURCE_LOST : result;
	}

	/** Writes what was read. AGAIN: nothing is left of it. */
	flush(): PumpResult {
		if (this.held !== null) return this.#sendHeld(this.held);
		if (this.#kept !== null) return this.#sendKept(this.#kept);
		if (this.#pipe !== null && this.#pipe.bytes > 0) return this.#spliceOut(this.#pipe);
		return AGAIN;
	}

	/** Gives back what it borrowed and reserved; unwritten bytes are lost. */
	release(): void {
		if (this.#heldBack) this.#letGo();
		this.gate.rest();
		if (this.#kept !== null) this.#tools.buffers.giveBack(this.#kept);
		if (this.#pipe !== null) this.#tools.pipes.giveBack(this.#pipe);
		this.held = null;
		this.#kept = null;
		this.#pipe = null;
	}

	#copy(allowed: number): PumpResult {
		const { libc, scratch } = this.#tools;
		const got = libc.recv(this.#source, scratch, 0, allowed, 0);
		if (got <= 0) return this.#readFailed(got, allowed);
		this.#count(got);
		if (got < allowed) {
			this.gate.unused(allowed - got);
			// A short read has emptied the socket (epoll(7)); unless it stopped short of something.
			this.readable = this.readOn || !this.#shortReadEmpties;
			this.#fullReads = 0;
		} else if (got === scratch.bytes.length && ++this.#fullReads >= BULKY_READS) {
			this.#bulky = true;
			this.#fullReads = 0;
		}
		return this.#sendOn(got);
	}

	/** Sends what stands in the scratch buffer, and keeps what is not taken. */
	#sendOn(bytes: number): PumpResult {
		const { libc, scratch } = this.#tools;
		const sent = libc.send(this.#target, scratch, 0, bytes, MSG_NOSIGNAL);
		if (sent === bytes) return AGAIN;
		if (sent < 0 && sent !== -ERRNO.EAGAIN) return TARGET_LOST;
		this.keep(scratch, Math.max(sent, 0), bytes);
		return AGAIN;
	}

	/** As the gate lets it, with nothing else between. AGAIN: all of it is out. */
	#sendHeld(held: HeldBytes): PumpResult {
		const { scratch } = this.#tools;
		for (;;) {
			const written = this.#kept === null ? AGAIN : this.#sendKept(this.#kept);
			if (written !== AGAIN || this.held === null) return written;
			const allowed = this.gate.ask(Math.min(held.length, scratch.bytes.length), this.#tools.nowNs());
			if (allowed === 0) return this.#holdBack();
			if (this.#heldBack) this.#letGo();
			held.moveTo(scratch.bytes, allowed);
			if (held.length === 0) this.held = null;
			this.#count(allowed);
			if (this.#sendOn(allowed) === TARGET_LOST) return TARGET_LOST;
		}
	}

	/** What has passed the gate and was not taken: it goes before all else. */
	keep(buffer: NativeBuffer, from: number, to: number): void {
		if (this.#kept !== null) throw new Error('bytes would be lost that are still to be sent');
		const kept = this.#tools.buffers.borrow();
		kept.bytes.set(buffer.bytes.subarray(from, to));
		this.#kept = kept;
		this.#keptFrom = 0;
		this.#keptTo = to - from;
	}

	#sendKept(kept: NativeBuffer): PumpResult {
		while (this.#keptFrom < this.#keptTo) {
			const length = this.#keptTo - this.#keptFrom;
			const sent = this.#tools.libc.send(this.#target, kept, this.#keptFrom, length, MSG_NOSIGNAL);
			if (sent <= 0) return sent === -ERRNO.EAGAIN ? WAITING : TARGET_LOST;
			this.#keptFrom += sent;
		}
		this.#tools.buffers.giveBack(kept);
		this.#kept = null;
		return AGAIN;
	}

	#spliceIn(pipe: Pipe, allowed: number): PumpResult {
		const got = this.#tools.libc.splice(this.#source, pipe.writeFd, allowed, SPLICE_FLAGS);
		if (got > 0) {
			pipe.bytes += got;
			this.#count(got);
			if (got < allowed) this.gate.unused(allowed - got);
			this.#spliced += got;
			this.#moreFollows = got === pipe.capacity;
			return AGAIN;
		}
		this.#sendRest();
		this.#tools.pipes.giveBack(pipe);
		this.#pipe = null;
		const spliced = this.#spliced;
		this.#spliced = 0;
		this.#bulky = spliced >= BULKY_BYTES && !this.readOn;
		if (got !== -ERRNO.EAGAIN || !this.readOn) return this.#gather(this.#readFailed(got, allowed), spliced);
		// splice(2) does not pass urgent data, recv(2) does.
		this.#gathering?.end();
		this.gate.unused(allowed);
		return AGAIN;
	}

	#gather(result: PumpResult, spliced: number): PumpResult {
		if (result !== WAITING) return result;
		this.#gathering ??= new Gathering(this.#tools.libc, this.#source);
		if (!this.#gathering.ranDry(spliced)) return WAITING;
		this.#bulky = true;
		return GATHERS;
	}

	/** The kernel has kept back a packet that was not full (MSG_MORE, send(2)); setting the option sends it (tcp(7)). */
	#sendRest(): void {
		if (this.#moreFollows) this.#tools.libc.setOption(this.#target, IPPROTO_TCP, TCP_NODELAY, 1);
		this.#moreFollows = false;
	}

	#spliceOut(pipe: Pipe): PumpResult {
		const flags = this.#moreFollows && !this.failing ? SPLICE_FLAGS | SPLICE_F_MORE : SPLICE_FLAGS;
		while (pipe.bytes > 0) {
			const sent = this.#tools.libc.splice(pipe.readFd, this.#target, pipe.bytes, flags);
			if (sent <= 0) return sent === -ERRNO.EAGAIN ? WAITING : TARGET_LOST;
			pipe.bytes -= sent;
		}
		return AGAIN;
	}

	/** Nothing was read, and nothing will be for a while: what was reserved goes back. */
	#readFailed(result: number, allowed: number): PumpResult {
		this.readable = false;
		this.gate.unused(allowed);
		this.gate.rest();
		if (result === 0) {
			this.ended = true;
			return ENDED;
		}
		return result === -ERRNO.EAGAIN ? WAITING : SOURCE_LOST;
	}

	#count(bytes: number): void {
		if (this.#chunks < MOST_CHUNKS) this.#chunks += 1;
		this.#meter.count(this.direction, bytes, this.#tools.nowNs());
	}

	#holdBack(): PumpResult {
		if (!this.#heldBack) this.#meter.holdBack(this.#tools.nowNs());
		this.#heldBack = true;
		this.#sendRest();
		return HELD_BACK;
	}

	#letGo(): void {
		this.#heldBack = false;
		this.#meter.letGo(this.#tools.nowNs());
	}
}
