import type { IpAddress } from '../core/address.ts';

/**
 * Hashes that are the same in every process and after every restart: MurmurHash3 x86_32 (Austin Appleby, public
 * domain). They spread keys; they are no defence against a client who chooses its address to collide.
 */
const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

const rotateLeft = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));

const mixBlock = (hash: number, block: number): number =>
	(Math.imul(rotateLeft(hash ^ Math.imul(rotateLeft(Math.imul(block, C1), 15), C2), 13), 5) + 0xe6546b64) | 0;

/**
 * MurmurHash3's finalizer: every bit of the input changes each bit of the output with about even odds. Signed 32
 * bits: an integer above 2^31 would be put on the heap wherever the call is not inlined.
 */
export function mix32(value: number): number {
	let h = value ^ (value >>> 16);
	h = Math.imul(h, 0x85ebca6b);
	h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
	return h ^ (h >>> 16);
}

/** Unsigned 32 bits. Each UTF-16 code unit is a block of its own. */
export function hashString(text: string, seed = 0): number {
	let hash = seed | 0;
	for (let i = 0; i < text.length; i++) hash = mixBlock(hash, text.charCodeAt(i));
	return mix32(hash ^ text.length) >>> 0;
}

/** Unsigned 32 bits, from the four words of the address. */
export function hashAddress(address: IpAddress, seed: number): number {
	let hash = seed | 0;
	hash = mixBlock(hash, address.a);
	hash = mixBlock(hash, address.b);
	hash = mixBlock(hash, address.c);
	hash = mixBlock(hash, address.d);
	return mix32(hash ^ 16) >>> 0;
}

/** Signed 32 bits (see `mix32`) from two hashes; the order of the two matters. */
export const hashPair = (first: number, second: number): number => mix32(mixBlock(mixBlock(0, first), second) ^ 8);
