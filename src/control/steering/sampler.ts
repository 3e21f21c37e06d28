import { type SlotRef, slotKey } from '../../core/snapshot.ts';
import { MS_PER_SECOND } from '../../core/units.ts';
import type { Total } from '../../shared/layout.ts';
import type { Traffic } from '../admin/views.ts';

/** The part of the scoreboard that is sampled. */
export interface TotalsBoard {
	total(slot: SlotRef, total: Total): number;
}

interface Sample {
	readonly timeMs: number;
	readonly uploadBytes: number;
	readonly downloadBytes: number;
	readonly sessions: number;
}

/** Rates of one place. */
export interface Rates {
	readonly uploadBytesPerSecond: number;
	readonly downloadBytesPerSecond: number;
	readonly sessionsPerSecond: number;
}

const STILL: Rates = { uploadBytesPerSecond: 0, downloadBytesPerSecond: 0, sessionsPerSecond: 0 };

/** Turns totals into rates: between the last two samples of each place. */
export class Sampler {
	readonly #board: TotalsBoard;
	#before = new Map<string, Sample>();
	#last = new Map<string, Sample>();

	constructor(board: TotalsBoard) {
		this.#board = board;
	}

	/** Takes a sample of these places, and forgets all others. */
	sample(slots: Iterable<SlotRef>, timeMs: number): void {
		this.#before = this.#last;
		this.#last = new Map();
		for (const slot of slots) this.#last.set(slotKey(slot), this.#read(slot, timeMs));
	}

	ratesOf(slot: SlotRef): Rates {
		const before = this.#before.get(slotKey(slot));
		const last = this.#last.get(slotKey(slot));
		if (before === undefined || last === undefined || last.timeMs <= before.timeMs) return STILL;
		const seconds = (last.timeMs - before.timeMs) / MS_PER_SECOND;
		const rate = (key: 'uploadBytes' | 'downloadBytes' | 'sessions'): number =>
			Math.max(0, last[key] - before[key]) / seconds;
		return {
			uploadBytesPerSecond: rate('uploadBytes'),
			downloadBytesPerSecond: rate('downloadBytes'),
			sessionsPerSecond: rate('sessions'),
		};
	}

	trafficOf(slot: SlotRef): Traffic {
		const { uploadBytesPerSecond, downloadBytesPerSecond } = this.ratesOf(slot);
		return {
			uploadBytes: this.#board.total(slot, 'uploadBytes'),
			downloadBytes: this.#board.total(slot, 'downloadBytes'),
			uploadBytesPerSecond,
			downloadBytesPerSecond,
		};
	}

	#read(slot: SlotRef, timeMs: number): Sample {
		return {
			timeMs,
			uploadBytes: this.#board.total(slot, 'uploadBytes'),
			downloadBytes: this.#board.total(slot, 'downloadBytes'),
			sessions: this.#board.total(slot, 'sessions'),
		};
	}
}
