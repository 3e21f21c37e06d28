import type { IpAddress } from '../core/address.ts';
import { isV4 } from '../core/address.ts';
import { SluiceError } from '../core/errors.ts';
import type { NetworkTable } from '../core/snapshot.ts';
import { networkEnd, networkStart, parseAddress } from './address.ts';

export interface Network {
	readonly first: IpAddress;
	readonly last: IpAddress;
}

const V4_WORDS = 3;
const V6_WORDS = 9;

/**
 * The range of a network in CIDR notation (RFC 4632, RFC 4291 section 2.3) or of a single address; null when
 * the text is neither. Host bits are dropped, as routers and most tools do: `10.1.2.3/8` is `10.0.0.0/8`.
 * `::ffff:0:0/96` and longer are IPv4 networks. Every other IPv6 network, `::/0` too, has no IPv4 address in it.
 */
export function parseNetwork(text: string): Network | null {
	const slash = text.indexOf('/');
	const addressText = slash < 0 ? text : text.slice(0, slash);
	const address = addressText.includes('%') ? null : parseAddress(addressText);
	if (address === null) return null;
	if (slash < 0) return { first: address, last: address };
	const dotted = !addressText.includes(':');
	const prefix = parsePrefix(text.slice(slash + 1), dotted ? 32 : 128);
	if (prefix < 0) return null;
	const bits = dotted ? prefix + 96 : prefix;
	return { first: networkStart(address, bits), last: networkEnd(address, bits) };
}

function parsePrefix(text: string, max: number): number {
	if (!/^(0|[1-9][0-9]{0,2})$/.test(text)) return -1;
	const prefix = Number(text);
	return prefix <= max ? prefix : -1;
}

/** Matches nothing. */
export const emptyNetworkTable: NetworkTable = { v4: sharedWords([]), v6: sharedWords([]), names: [] };

/**
 * A table of the networks; the index that a lookup answers is a place in `networks`. Where networks nest, the
 * most specific one stands; of equal ones, the first. Throws `SluiceError` (`network-invalid`) for text that
 * `parseNetwork` refuses: the configuration is checked before a table is built from it.
 */
export function buildNetworkTable(networks: readonly string[]): NetworkTable {
	const v4: Span[] = [];
	const v6: Span[] = [];
	for (const [index, text] of networks.entries()) {
		const network = parseNetwork(text);
		if (network === null) throw new SluiceError('network-invalid', `not a network: ${text}`);
		const span = { first: toBits(network.first), last: toBits(network.last), index };
		(isV4(network.first) ? v4 : v6).push(span);
	}
	return {
		v4: sharedWords(flatten(v4).flatMap((s) => [lowWord(s.first), lowWord(s.last), s.index])),
		v6: sharedWords(flatten(v6).flatMap((s) => [...toWords(s.first), ...toWords(s.last), s.index])),
		names: [...networks],
	};
}

/** An inclusive range of 128-bit values. */
interface Span {
	readonly first: bigint;
	readonly last: bigint;
	readonly index: number;
}

/** Disjoint sorted spans from networks, which nest or lie apart but never overlap in part. */
function flatten(networks: Span[]): Span[] {
	const result: Span[] = [];
	const open: Span[] = [];
	let next = 0n;
	const emitUpTo = (last: bigint, index: number): void => {
		if (next <= last) result.push({ first: next, last, index });
		next = last + 1n;
	};
	for (const network of networks.toSorted(widerFirst)) {
		for (let top = open.at(-1); top !== undefined && top.last < network.first; top = open.at(-1)) {
			emitUpTo(top.last, top.index);
			open.pop();
		}
		const outer = open.at(-1);
		if (outer?.first === network.first && outer.last === network.last) continue;
		if (outer !== undefined) emitUpTo(network.first - 1n, outer.index);
		next = network.first;
		open.push(network);
	}
	for (const span of open.reverse()) emitUpTo(span.last, span.index);
	return result;
}

function widerFirst(x: Span, y: Span): number {
	if (x.first !== y.first) return x.first < y.first ? -1 : 1;
	if (x.last !== y.last) return x.last > y.last ? -1 : 1;
	return x.index - y.index;
}

const toBits = (address: IpAddress): bigint =>
	(BigInt(address.a) << 96n) | (BigInt(address.b) << 64n) | (BigInt(address.c) << 32n) | BigInt(address.d);

const lowWord = (value: bigint): number => Number(value & 0xffffffffn);

const toWords = (value: bigint): number[] => [96n, 64n, 32n, 0n].map((shift) => lowWord(value >> shift));

/** On shared memory, so that posting a snapshot to workers copies nothing. */
function sharedWords(words: readonly number[]): Uint32Array {
	const array = new Uint32Array(new SharedArrayBuffer(words.length * Uint32Array.BYTES_PER_ELEMENT));
	array.set(words);
	return array;
}

/** The index of the most specific network that holds the address, or -1. Allocates nothing. */
export function lookupNetwork(table: NetworkTable, address: IpAddress): number {
	return isV4(address) ? lookupV4(table.v4, address.d) : lookupV6(table.v6, address);
}

function lookupV4(words: Uint32Array, value: number): number {
	let low = 0;
	let high = words.length / V4_WORDS - 1;
	while (low <= high) {
		const middle = (low + high) >>> 1;
		const at = middle * V4_WORDS;
		if (value < (words[at] ?? 0)) high = middle - 1;
		else if (value > (words[at + 1] ?? 0)) low = middle + 1;
		else return words[at + 2] ?? -1;
	}
	return -1;
}

function lookupV6(words: Uint32Array, address: IpAddress): number {
	let low = 0;
	let high = words.length / V6_WORDS - 1;
	while (low <= high) {
		const middle = (low + high) >>> 1;
		const at = middle * V6_WORDS;
		if (compareAt(words, at, address) < 0) high = middle - 1;
		else if (compareAt(words, at + 4, address) > 0) low = middle + 1;
		else return words[at + 8] ?? -1;
	}
	return -1;
}

/** Below 0 when the address is before the four words at `at`, above 0 when after. */
function compareAt(words: Uint32Array, at: number, address: IpAddress): number {
	return (
		address.a - (words[at] ?? 0) ||
		address.b - (words[at + 1] ?? 0) ||
		address.c - (words[at + 2] ?? 0) ||
		address.d - (words[at + 3] ?? 0)
	);
}
