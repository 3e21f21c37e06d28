import { F_SETPIPE_SZ, O_CLOEXEC, O_NONBLOCK } from './layouts.ts';
import type { Libc } from './libc.ts';

/** 256 KiB: smaller pipes are slower than copying. */
export const PIPE_BYTES = 256 * 1024;
/** 1 MiB costs a tenth less for each byte than 256 KiB; 4 MiB costs twice as much, as it no longer fits the caches. */
export const LARGE_PIPE_BYTES = 1024 * 1024;
/** Part of the budget that may be large: all pipes together stay below what one user may have by default (pipe(7), 64 MiB). */
const LARGE_SHARE = 1 / 4;

/** How many requests one refusal of the system (EMFILE; EPERM over the per-user limit, pipe(7)) answers. */
const REFUSALS = 1_000;

/** A pipe that bytes are spliced through, with how many are in it. */
export interface Pipe {
	readonly readFd: number;
	readonly writeFd: number;
	/** What it can hold; less than asked for where the per-user limit is reached (pipe(7)). */
	readonly capacity: number;
	bytes: number;
}

/**
 * This worker's part of the pipe budget. A relay borrows a pipe while it is bulky and gives it back empty;
 * when none is left it copies. Idle pipes are kept for the next, and large ones go first: a worker that moves one
 * relay at a time needs few.
 */
export class PipePool {
	readonly #libc: Libc;
	readonly #budget: number;
	readonly #largeBudget: number;
	readonly #idle: Pipe[] = [];
	readonly #idleLarge: Pipe[] = [];
	#made = 0;
	#madeLarge = 0;
	/** Requests still to be refused without asking the system, which has refused one. */
	#refusals = 0;

	constructor(libc: Libc, budget: number) {
		this.#libc = libc;
		this.#budget = budget;
		this.#largeBudget = Math.ceil(budget * LARGE_SHARE);
	}

	get inUse(): number {
		return this.#made - this.#idle.length - this.#idleLarge.length;
	}

	/** Null when the budget is spent, or the system gives no more. */
	borrow(): Pipe | null {
		const idle = this.#idleLarge.pop() ?? (this.#madeLarge < this.#largeBudget ? undefined : this.#idle.pop());
		return idle ?? this.#makeSome() ?? this.#idle.pop() ?? null;
	}

	#makeSome(): Pipe | null {
		if (this.#made >= this.#budget || this.#refusals-- > 0) return null;
		const made = this.#make();
		this.#refusals = made === null ? REFUSALS : 0;
		return made;
	}

	#make(): Pipe | null {
		const made = this.#libc.pipe(O_NONBLOCK | O_CLOEXEC);
		if (typeof made === 'number') return null;
		const [readFd, writeFd] = made;
		let size = -1;
		if (this.#madeLarge < this.#largeBudget) size = this.#libc.fcntl(writeFd, F_SETPIPE_SZ, LARGE_PIPE_BYTES);
		if (size < 0) size = this.#libc.fcntl(writeFd, F_SETPIPE_SZ, PIPE_BYTES);
		if (size < 0) {
			// Beyond the per-user limit a pipe has one page or 64 KiB, which is slower than copying.
			this.#libc.close(readFd);
			this.#libc.close(writeFd);
			return null;
		}
		this.#made += 1;
		if (size > PIPE_BYTES) this.#madeLarge += 1;
		return { readFd, writeFd, capacity: size, bytes: 0 };
	}

	/** One with bytes in it is of no more use. */
	giveBack(pipe: Pipe): void {
		if (pipe.bytes !== 0) this.#discard(pipe);
		else if (pipe.capacity > PIPE_BYTES) this.#idleLarge.push(pipe);
		else this.#idle.push(pipe);
	}

	destroy(): void {
		for (const pipe of [...this.#idleLarge.splice(0), ...this.#idle.splice(0)]) this.#discard(pipe);
	}

	#discard(pipe: Pipe): void {
		this.#libc.close(pipe.readFd);
		this.#libc.close(pipe.writeFd);
		this.#made -= 1;
		if (pipe.capacity > PIPE_BYTES) this.#madeLarge -= 1;
	}
}
