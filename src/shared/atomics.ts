/**
 * The atomic steps the scoreboard is made of. The default is the runtime's `Atomics`; a test gives one that
 * waits before every step, so that threads can be interleaved, and killed, at any of them.
 */
export interface AtomicOps {
	load(words: Int32Array, index: number): number;
	store(words: Int32Array, index: number, value: number): void;
	/** Answers the value before. */
	add(words: Int32Array, index: number, value: number): number;
	/** Answers the value before. */
	sub(words: Int32Array, index: number, value: number): number;
	/** Answers the value before: the exchange took place when that is `expected`. */
	compareExchange(words: Int32Array, index: number, expected: number, next: number): number;
	/** As `compareExchange`, on a pair of words. */
	compareExchangeWide(wide: BigInt64Array, index: number, expected: bigint, next: bigint): bigint;
	/** Sleep while the word has this value, at most `timeoutMs`; may wake early. */
	pause(words: Int32Array, index: number, value: number, timeoutMs: number): void;
}

export const ATOMICS: AtomicOps = {
	load: (words, index) => Atomics.load(words, index),
	store: (words, index, value) => {
		Atomics.store(words, index, value);
	},
	add: (words, index, value) => Atomics.add(words, index, value),
	sub: (words, index, value) => Atomics.sub(words, index, value),
	compareExchange: (words, index, expected, next) => Atomics.compareExchange(words, index, expected, next),
	compareExchangeWide: (wide, index, expected, next) => Atomics.compareExchange(wide, index, expected, next),
	pause: (words, index, value, timeoutMs) => {
		Atomics.wait(words, index, value, timeoutMs);
	},
};
