import { TAKEN, type TakeResult } from '../core/desk.ts';
import type { RateLimit } from '../core/snapshot.ts';
import { NS_PER_MS } from '../core/units.ts';
import type { AtomicOps } from './atomics.ts';
import { type Cells, RATE_CELL_WORDS, SUB_WINDOWS } from './layout.ts';

/**
 * A sliding window without a lock: at most `count` takes in any `windowMs`, on all workers together, and at
 * least 14/15 of that when always asked.
 *
 * Time is cut into epochs of windowMs / 14. A cell is a ring of 16 of them; the word pair of an epoch has the
 * epoch's number (32 bits), a mark of the window's length (11 bits) and the takes in it (21 bits), and is
 * only ever changed as a whole. A take first adds to its epoch, then sums the epochs that may reach into its
 * window (14 back and its own: never less than the window); when that is too much it takes itself back.
 * Since everyone adds before summing, of two at once at least the later sees both. The 16th place leaves
 * room for workers whose clock readings lie up to one epoch apart.
 *
 * A stale pair is told by its epoch number and never has to be swept. The number comes round after 2^32
 * epochs (9 years for a window of 1 s, 3.5 days for 1 ms), and then is believed only within 2^16 epochs of
 * now: a cell would have to lie idle for just that time to refuse wrongly, and then for no longer than that.
 * The mark keeps counts apart when a reload changes the window of a rate; a change of `count` keeps them.
 */
const EPOCHS_PER_WINDOW = 14;
const COUNT_BITS = 21;
const COUNT_MASK = (1 << COUNT_BITS) - 1;
const MARK_MASK = 0x7ff;
/** The largest `count` that fits, with room for every worker to overshoot by one before it takes back. */
export const MAX_RATE_COUNT = 1_000_000;
/** A clock may be ahead of ours by this many epochs; beyond it the number has come round. */
const MAX_AHEAD = 1 << 16;
/** Takes that collide at the very limit all take back; so often they try again before they give up. */
const MAX_TRIES = 4;

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const EPOCH_WORD = LITTLE_ENDIAN ? 1 : 0;
const COUNT_WORD = LITTLE_ENDIAN ? 0 : 1;

const epochOf = (nowNs: number, windowMs: number): number =>
	Math.floor((nowNs * EPOCHS_PER_WINDOW) / (windowMs * NS_PER_MS)) | 0;
const markOf = (windowMs: number): number => (Math.imul(Math.floor(windowMs * 1000), 0x9e37_79b1) >>> 21) & MARK_MASK;

/** Turns two words into the bigint of a wide exchange; one per thread. */
const joinedWords = new Int32Array(2);
const joined = new BigInt64Array(joinedWords.buffer);
function join(epoch: number, counted: number): bigint {
	joinedWords[EPOCH_WORD] = epoch;
	joinedWords[COUNT_WORD] = counted;
	return joined[0] ?? 0n;
}

/** Where the pair of an epoch begins. */
const pairAt = (cellAt: number, epoch: number): number => cellAt + (epoch & (SUB_WINDOWS - 1)) * 2;

/** Takes in the epochs that may reach into the window that ends now. */
function sum(ops: AtomicOps, words: Int32Array, cellAt: number, epoch: number, mark: number): number {
	let total = 0;
	for (let at = cellAt; at < cellAt + RATE_CELL_WORDS; at += 2) {
		let tag = ops.load(words, at + EPOCH_WORD);
		while (isLive(tag, epoch)) {
			const counted = ops.load(words, at + COUNT_WORD);
			const again = ops.load(words, at + EPOCH_WORD);
			if (again === tag) {
				if (counted >>> COUNT_BITS === mark) total += counted & COUNT_MASK;
				break;
			}
			tag = again;
		}
	}
	return total;
}

function isLive(tag: number, epoch: number): boolean {
	const ahead = (tag - epoch) | 0;
	return ahead >= -EPOCHS_PER_WINDOW && ahead <= MAX_AHEAD;
}

/** Add one take to the epoch; answers the epoch it went to, a later one when ours has been overtaken. */
function count(ops: AtomicOps, cells: Cells, cellAt: number, epoch: number, mark: number): number {
	const at = pairAt(cellAt, epoch);
	for (;;) {
		const tag = ops.load(cells.words, at + EPOCH_WORD);
		const counted = ops.load(cells.words, at + COUNT_WORD);
		const ahead = (tag - epoch) | 0;
		const ours = counted >>> COUNT_BITS === mark && ahead >= 0 && ahead <= MAX_AHEAD;
		const target = ours ? tag : epoch;
		const next = ours ? counted + 1 : (mark << COUNT_BITS) | 1;
		const before = join(tag, counted);
		if (ops.compareExchangeWide(cells.wide, at >> 1, before, join(target, next)) === before) return target;
	}
}

/** Take one back from an epoch; nothing when the epoch is no longer kept, and so no longer counts. */
function uncount(ops: AtomicOps, cells: Cells, cellAt: number, epoch: number, mark: number): void {
	const at = pairAt(cellAt, epoch);
	for (;;) {
		const tag = ops.load(cells.words, at + EPOCH_WORD);
		const counted = ops.load(cells.words, at + COUNT_WORD);
		if (tag !== epoch || counted >>> COUNT_BITS !== mark || (counted & COUNT_MASK) === 0) return;
		const before = join(tag, counted);
		if (ops.compareExchangeWide(cells.wide, at >> 1, before, join(tag, counted - 1)) === before) return;
	}
}

/** Count one more if the rate allows it. `cellAt` is even. `nowNs` is monotonic. */
export function takeRate(ops: AtomicOps, cells: Cells, cellAt: number, rate: RateLimit, nowNs: number): boolean {
	const mark = markOf(rate.windowMs);
	const epoch = epochOf(nowNs, rate.windowMs);
	for (let tries = 0; tries < MAX_TRIES; tries++) {
		if (tries > 0 && sum(ops, cells.words, cellAt, epoch, mark) >= rate.count) return false;
		const target = count(ops, cells, cellAt, epoch, mark);
		if (sum(ops, cells.words, cellAt, target, mark) <= rate.count) return true;
		uncount(ops, cells, cellAt, target, mark);
	}
	return false;
}

/** Give back one take made at `takenNs`: as if it had not been. Once only. */
export function refundRate(ops: AtomicOps, cells: Cells, cellAt: number, rate: RateLimit, takenNs: number): void {
	uncount(ops, cells, cellAt, epochOf(takenNs, rate.windowMs), markOf(rate.windowMs));
}

export function rateHasRoom(ops: AtomicOps, cells: Cells, cellAt: number, rate: RateLimit, nowNs: number): boolean {
	return sum(ops, cells.words, cellAt, epochOf(nowNs, rate.windowMs), markOf(rate.windowMs)) < rate.count;
}

/** Take all rates or none: TAKEN, or the index of the one that refused. */
export function takeRates(
	ops: AtomicOps,
	cells: Cells,
	ratesAt: number,
	rates: readonly RateLimit[],
	nowNs: number,
): TakeResult {
	for (let i = 0; i < rates.length; i++) {
		const rate = rates[i];
		if (rate === undefined || takeRate(ops, cells, ratesAt + i * RATE_CELL_WORDS, rate, nowNs)) continue;
		refundRates(ops, cells, ratesAt, rates, nowNs, i);
		return i;
	}
	return TAKEN;
}

/** Give back the first `upTo` rates taken at `takenNs`. */
export function refundRates(
	ops: AtomicOps,
	cells: Cells,
	ratesAt: number,
	rates: readonly RateLimit[],
	takenNs: number,
	upTo: number,
): void {
	for (let i = 0; i < upTo; i++) {
		const rate = rates[i];
		if (rate !== undefined) refundRate(ops, cells, ratesAt + i * RATE_CELL_WORDS, rate, takenNs);
	}
}

/** The index of the first rate without room, or TAKEN when all have some. */
export function lookAtRates(
	ops: AtomicOps,
	cells: Cells,
	ratesAt: number,
	rates: readonly RateLimit[],
	nowNs: number,
): TakeResult {
	for (let i = 0; i < rates.length; i++) {
		const rate = rates[i];
		if (rate !== undefined && !rateHasRoom(ops, cells, ratesAt + i * RATE_CELL_WORDS, rate, nowNs)) return i;
	}
	return TAKEN;
}
