import { AT_CAP, CONTENDED, TAKEN, type TakeResult } from '../core/desk.ts';
import type { AtomicOps } from './atomics.ts';
import { MAX_WORKERS } from './layout.ts';

/**
 * How a place is held. A place has one shared count, and a share per worker: how much of the count is that
 * worker's. The share is written before the count when taking and after it when giving back, so that a
 * worker that dies anywhere never has more in the count than its share says.
 *
 * A share word is a sequence lock of its own: the low 20 bits are the number held, the bits above count
 * steps; odd while its worker is between the two writes. So a reader can find an instant at which nobody
 * is (`residual`) by looking at this place alone, while the workers go on.
 */
const SHARE_BITS = 20;
/** Most places one worker may hold in one slot. */
export const SHARE_MASK = (1 << SHARE_BITS) - 1;
const IN_FLIGHT = 1 << SHARE_BITS;

/** `cap` of a place without one. */
export const NO_CAP = 0x7fff_ffff;

export const heldBy = (share: number): number => share & SHARE_MASK;

/**
 * Count one more while the count is under `cap` and, where `expected` is not negative, still `expected`.
 * A negative count is a place closed for reuse and answers CONTENDED.
 */
export function acquire(
	ops: AtomicOps,
	words: Int32Array,
	activeAt: number,
	shareAt: number,
	cap: number,
	expected: number,
): TakeResult {
	let seen = ops.load(words, activeAt);
	const early = verdict(seen, cap, expected);
	if (early !== TAKEN) return early;
	const share = ops.load(words, shareAt);
	ops.store(words, shareAt, (share + 1 + IN_FLIGHT) | 0);
	for (;;) {
		const before = ops.compareExchange(words, activeAt, seen, seen + 1);
		if (before === seen) break;
		seen = before;
		const refusal = verdict(seen, cap, expected);
		if (refusal === TAKEN) continue;
		ops.store(words, shareAt, (share + 2 * IN_FLIGHT) | 0);
		return refusal;
	}
	ops.store(words, shareAt, (share + 1 + 2 * IN_FLIGHT) | 0);
	return TAKEN;
}

function verdict(active: number, cap: number, expected: number): TakeResult {
	if (active < 0) return CONTENDED;
	if (active >= cap) return AT_CAP;
	return expected >= 0 && active !== expected ? CONTENDED : TAKEN;
}

/** Count one less. The caller holds one: its share is at least 1. */
export function release(ops: AtomicOps, words: Int32Array, activeAt: number, shareAt: number): void {
	const share = ops.load(words, shareAt);
	ops.store(words, shareAt, (share + IN_FLIGHT) | 0);
	ops.sub(words, activeAt, 1);
	ops.store(words, shareAt, (share - 1 + 2 * IN_FLIGHT) | 0);
}

/**
 * A held place goes from one share to another while the count stays. `decide` is the one step that makes it
 * so for whoever repairs a thread that dies on the way. The caller alone writes both shares meanwhile.
 */
export function moveShare(ops: AtomicOps, words: Int32Array, fromAt: number, toAt: number, decide: () => void): void {
	const from = ops.load(words, fromAt);
	const to = ops.load(words, toAt);
	ops.store(words, toAt, (to + 1 + IN_FLIGHT) | 0);
	ops.store(words, fromAt, (from + IN_FLIGHT) | 0);
	decide();
	ops.store(words, fromAt, (from - 1 + 2 * IN_FLIGHT) | 0);
	ops.store(words, toAt, (to + 1 + 2 * IN_FLIGHT) | 0);
}

/** Set a share whose writer died to what it is known to hold, at rest. */
export function resetShare(ops: AtomicOps, words: Int32Array, shareAt: number, held: number): void {
	const steps = ops.load(words, shareAt) & ~SHARE_MASK & ~IN_FLIGHT;
	ops.store(words, shareAt, (steps + 2 * IN_FLIGHT) | held | 0);
}

/** Looks before giving up; a look takes under a microsecond. */
const MAX_LOOKS = 20_000;
const seenShares = new Int32Array(MAX_WORKERS + 1);

/**
 * What the count holds beyond the shares of the workers not in `dead`, at an instant at which none of
 * those was between its two writes. Null when no such instant was found: a worker is stopped in between,
 * or died and is not known to be dead; try again later.
 */
export function residual(
	ops: AtomicOps,
	words: Int32Array,
	activeAt: number,
	sharesAt: number,
	workers: number,
	dead: ReadonlySet<number>,
): number | null {
	for (let look = 0; look < MAX_LOOKS; look++) {
		const sum = sumOfShares(ops, words, sharesAt, workers, dead);
		if (sum < 0) continue;
		const active = ops.load(words, activeAt);
		if (sharesUnchanged(ops, words, sharesAt, workers, dead)) return Math.max(active, 0) - sum;
	}
	return null;
}

/** -1 when a living worker is between its two writes. */
function sumOfShares(
	ops: AtomicOps,
	words: Int32Array,
	sharesAt: number,
	workers: number,
	dead: ReadonlySet<number>,
): number {
	let sum = 0;
	for (let worker = 0; worker < workers; worker++) {
		if (dead.has(worker)) continue;
		const share = ops.load(words, sharesAt + worker);
		if ((share & IN_FLIGHT) !== 0) return -1;
		seenShares[worker] = share;
		sum += heldBy(share);
	}
	return sum;
}

/** Every step of a worker changes its share word, so equal words mean that the worker did nothing here. */
function sharesUnchanged(
	ops: AtomicOps,
	words: Int32Array,
	sharesAt: number,
	workers: number,
	dead: ReadonlySet<number>,
): boolean {
	for (let worker = 0; worker < workers; worker++) {
		if (!dead.has(worker) && ops.load(words, sharesAt + worker) !== seenShares[worker]) return false;
	}
	return true;
}

/**
 * Take what dead workers held out of the count, and zero their shares. Null: not now (see `residual`).
 * Answers how much was taken out. `suspect`: look even when no dead share names the place, since somebody died
 * while writing another one here.
 */
export function repairPlace(
	ops: AtomicOps,
	words: Int32Array,
	activeAt: number,
	sharesAt: number,
	workers: number,
	dead: ReadonlySet<number>,
	suspect = false,
): number | null {
	let touched = suspect;
	for (const worker of dead) touched ||= heldBy(ops.load(words, sharesAt + worker)) > 0;
	if (!touched) return 0;
	const excess = residual(ops, words, activeAt, sharesAt, workers, dead);
	if (excess === null) return null;
	if (excess !== 0) ops.sub(words, activeAt, excess);
	for (const worker of dead) ops.store(words, sharesAt + worker, 0);
	return excess;
}
