import type { BucketLimit } from '../core/snapshot.ts';
import type { AtomicOps } from './atomics.ts';

/**
 * Token buckets in shared memory, as reservations: a bucket is one word, the instant at which all that was
 * reserved from it will have been earned (the "theoretical arrival time" of GCRA, ITU-T I.371). A reservation
 * moves that instant on by its cost with one exchange and is granted the instant it found, so reservations
 * are served in order whatever worker they come from, and a bucket never gives more than rate x T + burst
 * plus the one reservation that may overdraw it.
 *
 * Instants are in ticks of 250 ns that come round: they are compared by their signed distance, which holds
 * for 8.9 minutes either way. `settleBucket` moves the instant of an idle bucket along before that.
 */
export const TICK_NS = 250;
const TICKS_PER_SECOND = 4_000_000;

/** Reservations reach no further ahead than this (5 minutes); a bucket so far behind gives nothing. */
export const MAX_AHEAD_TICKS = 300 * TICKS_PER_SECOND;

/** `reserve` answers this when the bucket is so far behind that it takes no more reservations. */
export const OVERBOOKED = -1;

/** Words of a bucket (`layout.ts` has their number): the instant, and its limit as the main thread last set it. */
export const BUCKET_AT = 0;
/** Bytes per second: 26 bits, and above them how often they are doubled. 0 is unlimited. */
const RATE = 1;
const RATE_BITS = 26;
const RATE_MASK = (1 << RATE_BITS) - 1;
/** What idle time may earn at the most, in bytes, unsigned. */
const BURST = 2;
/** Rises with every change of the limit. */
const VERSION = 3;

export const ticksOf = (nowNs: number): number => Math.floor(nowNs / TICK_NS) | 0;

/**
 * Set or change the limit; null lifts it. Answers whether anything changed. A new limit starts with its full
 * burst; a changed one starts with what was saved, but without the debt of the old rate. Main thread only.
 */
export function setTerms(
	ops: AtomicOps,
	words: Int32Array,
	at: number,
	terms: BucketLimit | null,
	nowNs: number,
): boolean {
	const rate = terms === null ? 0 : packRate(terms.bytesPerSecond);
	const burst = terms === null ? 0 : Math.min(terms.burstBytes, 0xffff_ffff) | 0;
	const before = ops.load(words, at + RATE);
	if (before === rate && ops.load(words, at + BURST) === burst) return false;
	if (terms !== null && before === 0) fillBucket(ops, words, at, ticksOf(nowNs));
	else forgetDebt(ops, words, at, ticksOf(nowNs));
	ops.store(words, at + BURST, burst);
	ops.store(words, at + RATE, rate);
	// Last: whoever sees the new version sees the new rate.
	ops.add(words, at + VERSION, 1);
	return true;
}

/** Tells terms apart: a reservation made under another version was made at another rate. */
export const versionOf = (ops: AtomicOps, words: Int32Array, at: number): number => ops.load(words, at + VERSION);

/** The bucket whose instant is `words[at]` has all that its burst allows, whatever that is. */
export function fillBucket(ops: AtomicOps, words: Int32Array, at: number, nowTicks: number): void {
	ops.store(words, at, (nowTicks - MAX_AHEAD_TICKS) | 0);
}

/** What was reserved ahead counts no more; what was saved stays. */
export function forgetDebt(ops: AtomicOps, words: Int32Array, at: number, nowTicks: number): void {
	for (let seen = ops.load(words, at); ((seen - nowTicks) | 0) > 0; ) {
		const before = ops.compareExchange(words, at, seen, nowTicks);
		if (before === seen) return;
		seen = before;
	}
}

function packRate(bytesPerSecond: number): number {
	let mantissa = Math.max(1, Math.round(bytesPerSecond));
	let doublings = 0;
	for (; mantissa > RATE_MASK; doublings++) mantissa = Math.round(mantissa / 2);
	return mantissa | (doublings << RATE_BITS);
}

/** Bytes per second; 0 is unlimited. */
export function rateOf(ops: AtomicOps, words: Int32Array, at: number): number {
	const packed = ops.load(words, at + RATE);
	return (packed & RATE_MASK) * 2 ** (packed >>> RATE_BITS);
}

export const burstOf = (ops: AtomicOps, words: Int32Array, at: number): number => ops.load(words, at + BURST) >>> 0;

/** Time that `bytes` take at a rate; bounded, so that a huge burst at a low rate stays comparable. */
export const ticksFor = (bytes: number, bytesPerSecond: number): number =>
	Math.min(Math.floor((bytes / bytesPerSecond) * TICKS_PER_SECOND), MAX_AHEAD_TICKS);

/**
 * Reserve `costTicks` from the bucket whose instant is `words[at]`. Answers in how many ticks the reservation
 * may be used: 0 is now, OVERBOOKED never (nothing was reserved). `burst` and `cost` are in ticks. `late`:
 * how long this session has been waiting beyond the end of its last reservation; for so long it was not idle,
 * whatever the burst.
 */
export function reserve(
	ops: AtomicOps,
	words: Int32Array,
	at: number,
	nowTicks: number,
	costTicks: number,
	burst: number,
	late: number,
): number {
	let seen = ops.load(words, at);
	for (;;) {
		const ahead = Math.max((seen - nowTicks) | 0, -burst - late);
		if (ahead > MAX_AHEAD_TICKS) return OVERBOOKED;
		const before = ops.compareExchange(words, at, seen, (nowTicks + ahead + costTicks) | 0);
		if (before === seen) return Math.max(ahead, 0);
		seen = before;
	}
}

/** Give back what was reserved and not used; those who wait are not served earlier, those who come next are. */
export function giveBack(ops: AtomicOps, words: Int32Array, at: number, costTicks: number): void {
	if (costTicks > 0) ops.sub(words, at, costTicks);
}

/** Bytes that may pass now (negative: already promised), without reserving. `at` is the instant's place. */
export function levelOf(
	ops: AtomicOps,
	words: Int32Array,
	at: number,
	nowTicks: number,
	bytesPerSecond: number,
	burstBytes: number,
): number {
	const behind = (nowTicks - ops.load(words, at)) | 0;
	return Math.min((behind / TICKS_PER_SECOND) * bytesPerSecond, burstBytes);
}

/** Move the instant of an idle bucket along, so that its distance from now never comes round. Every few minutes. */
export function settleBucket(ops: AtomicOps, words: Int32Array, at: number, nowTicks: number): void {
	const seen = ops.load(words, at);
	if (((seen - nowTicks) | 0) >= -MAX_AHEAD_TICKS) return;
	ops.compareExchange(words, at, seen, (nowTicks - MAX_AHEAD_TICKS) | 0);
}
