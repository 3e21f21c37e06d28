import fc from 'fast-check';
import { join } from './hello-bytes.ts';

/** What can happen to bytes on their way from somebody who wants to find a hole. */
interface Mutation {
	readonly kind: 'set' | 'insert' | 'cut' | 'remove' | 'repeat';
	readonly at: number;
	/** Of `set` and `insert`. */
	readonly bytes: Uint8Array;
	/** Of `remove` and `repeat`. */
	readonly count: number;
}

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
/** Random bytes, and those that are lengths at the edge of something. */
const byte = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 2, 3, 4, 5, 16, 22, 43, 127, 128, 254, 255));
const bytes = fc.array(byte, { minLength: 1, maxLength: 4 }).map((list) => Uint8Array.from(list));

const mutation = (length: number): fc.Arbitrary<Mutation> => {
	// Most of what matters is in the first bytes.
	const at = fc.oneof(
		fc.nat(Math.min(length, 100)),
		place.map((share) => Math.floor(share * (length + 1))),
	);
	const kind = fc.constantFrom<Mutation['kind'][]>('set', 'insert', 'cut', 'remove', 'repeat');
	return fc.record({ kind, at, bytes, count: fc.nat(40) });
};

function mutated(original: Uint8Array, change: Mutation): Uint8Array {
	const before = original.subarray(0, change.at);
	const after = original.subarray(change.at);
	if (change.kind === 'set') return join(before, change.bytes, after.subarray(change.bytes.length));
	if (change.kind === 'insert') return join(before, change.bytes, after);
	if (change.kind === 'cut') return join(before);
	if (change.kind === 'remove') return join(before, after.subarray(change.count));
	return join(before, after.subarray(0, change.count), after);
}

/** `original` with one to three things done to it. */
export const mutationsOf = (original: Uint8Array): fc.Arbitrary<Uint8Array> =>
	fc
		.array(mutation(original.length), { minLength: 1, maxLength: 3 })
		.map((changes) => changes.reduce(mutated, original));

/** How bytes may come: the sizes of the segments, the last one again and again. */
export const segments = fc.array(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 1460 })), {
	minLength: 1,
	maxLength: 20,
});

/** The prefixes of `whole` that a reader sees when it comes in segments of these sizes; the last one is all. */
export function* prefixes(whole: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
	for (let i = 0, length = 0; length < whole.length; i++) {
		length = Math.min(whole.length, length + (sizes[Math.min(i, sizes.length - 1)] ?? 1));
		yield whole.subarray(0, length);
	}
}
