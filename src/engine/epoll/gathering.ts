import { SO_RCVLOWAT, SOL_SOCKET } from './layouts.ts';
import type { Libc } from './libc.ts';

/** What a source must have given without a pause first: beside the time that took, the wait at its end is little. */
const FROM_BYTES = 16 * 1024 * 1024;
/** So much wakes the worker at once. */
const WAKE_BYTES = 1024 * 1024;
/** After so long it looks by itself, whatever there is. */
export const GATHER_MS = 1;

/**
 * Lets the bytes of a source that sends without a pause gather, instead of hearing of each packet: the fewer the
 * splices, the fewer the packets and wake-ups that follow them. The kernel tells of the source only when there is
 * much (SO_RCVLOWAT, socket(7)), or its receive window is nearly full; it goes on acknowledging meanwhile. What
 * is less is found by the clock, and a source that gave nothing between two looks is heard of at once again.
 */
export class Gathering {
	readonly #libc: Libc;
	readonly #source: number;
	/** Given since it last paused. */
	#given = 0;
	/** The kernel keeps quiet about little. */
	#quiet = false;

	constructor(libc: Libc, source: number) {
		this.#libc = libc;
		this.#source = source;
	}

	/**
	 * The source has run dry after so many bytes. True: look again after `GATHER_MS` at the latest, no edge may come
	 * before; false: the next byte makes an edge.
	 */
	ranDry(bytes: number): boolean {
		if (bytes === 0) {
			this.end();
			return false;
		}
		this.#given += bytes;
		if (!this.#quiet && this.#given >= FROM_BYTES) {
			this.#quiet = this.#libc.setOption(this.#source, SOL_SOCKET, SO_RCVLOWAT, WAKE_BYTES) === 0;
		}
		return this.#quiet;
	}

	/** Every byte makes an edge again; one that is there already does so now. */
	end(): void {
		this.#given = 0;
		if (this.#quiet) this.#libc.setOption(this.#source, SOL_SOCKET, SO_RCVLOWAT, 1);
		this.#quiet = false;
	}
}
