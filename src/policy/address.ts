import ipaddr from 'ipaddr.js';
import type { Endpoint, IpAddress } from '../core/address.ts';
import { isV4, V4_MAPPED } from '../core/address.ts';

const DOT = 0x2e;
const ZERO = 0x30;
const ALL_ONES = 0xffffffff;

/** The address of a dotted IPv4 value, given as an unsigned 32-bit number. */
export const addressOfV4 = (value: number): IpAddress => ({ a: 0, b: 0, c: V4_MAPPED, d: value >>> 0 });

/**
 * An address from its text, or null when it is none. IPv4 is four decimal octets without leading zeros
 * (RFC 6943 section 3.1.1: anything else is read differently by different programs); IPv6 as in RFC 4291
 * section 2.2. An IPv4-mapped address becomes its IPv4 address; a zone id (RFC 4007) is dropped.
 */
export function parseAddress(text: string): IpAddress | null {
	if (!text.includes(':')) {
		const value = parseDotted(text);
		return value < 0 ? null : addressOfV4(value);
	}
	const zone = text.indexOf('%');
	if (zone === text.length - 1) return null;
	return parseV6(zone < 0 ? text : text.slice(0, zone));
}

/** The unsigned 32-bit value of `a.b.c.d`, or -1. */
function parseDotted(text: string): number {
	let value = 0;
	let octet = -1;
	let dots = 0;
	for (let i = 0; i < text.length; i++) {
		const code = text.charCodeAt(i);
		if (code === DOT) {
			if (octet < 0 || ++dots > 3) return -1;
			value = value * 256 + octet;
			octet = -1;
			continue;
		}
		const digit = code - ZERO;
		if (digit < 0 || digit > 9 || octet === 0) return -1;
		octet = octet < 0 ? digit : octet * 10 + digit;
		if (octet > 255) return -1;
	}
	return dots === 3 && octet >= 0 ? value * 256 + octet : -1;
}

function parseV6(text: string): IpAddress | null {
	const hex = text.includes('.') ? withoutDots(text) : text;
	if (!ipaddr.IPv6.isValid(hex)) return null;
	const parts = ipaddr.IPv6.parse(hex).parts;
	const word = (i: number): number => (((parts[i] ?? 0) << 16) | (parts[i + 1] ?? 0)) >>> 0;
	return { a: word(0), b: word(2), c: word(4), d: word(6) };
}

/** The dotted end as two groups: ipaddr.js would take `::1.2.3.4` for `::ffff:1.2.3.4`, and octal and hex octets. */
function withoutDots(text: string): string {
	const dotted = text.lastIndexOf(':') + 1;
	const value = parseDotted(text.slice(dotted));
	if (value < 0) return '';
	return `${text.slice(0, dotted)}${Math.floor(value / 65_536).toString(16)}:${(value % 65_536).toString(16)}`;
}

/** IPv4 dotted, IPv6 as RFC 5952 writes it. */
export function formatAddress(address: IpAddress): string {
	const { a, b, c, d } = address;
	if (isV4(address)) return `${d >>> 24}.${(d >>> 16) & 255}.${(d >>> 8) & 255}.${d & 255}`;
	return formatGroups([a >>> 16, a & 0xffff, b >>> 16, b & 0xffff, c >>> 16, c & 0xffff, d >>> 16, d & 0xffff]);
}

/** RFC 5952 section 4: lower case, no leading zeros, `::` for the first longest run of two or more zero groups. */
function formatGroups(groups: readonly number[]): string {
	let bestStart = -1;
	let bestLength = 1;
	for (let start = 0; start < groups.length; start++) {
		let end = start;
		while (end < groups.length && groups[end] === 0) end++;
		if (end - start > bestLength) {
			bestStart = start;
			bestLength = end - start;
		}
		if (end > start) start = end;
	}
	if (bestStart < 0) return joinHex(groups);
	return `${joinHex(groups.slice(0, bestStart))}::${joinHex(groups.slice(bestStart + bestLength))}`;
}

const joinHex = (groups: readonly number[]): string => groups.map((group) => group.toString(16)).join(':');

/** `ip:port`, `[v6]:port`, or `unix` for an end without an address. */
export function formatEndpoint(endpoint: Endpoint): string {
	const { address, port } = endpoint;
	if (address === null) return 'unix';
	return isV4(address) ? `${formatAddress(address)}:${port}` : `[${formatAddress(address)}]:${port}`;
}

/** The first address of the client's network: `prefixV4` of 32 bits for IPv4, `prefixV6` of 128 for IPv6. */
export function maskAddress(address: IpAddress, prefixV4: number, prefixV6: number): IpAddress {
	return networkStart(address, isV4(address) ? prefixV4 + 96 : prefixV6);
}

/** `address` with all bits after the first `bits` of 128 set to 0. */
export function networkStart(address: IpAddress, bits: number): IpAddress {
	return {
		a: (address.a & wordMask(bits)) >>> 0,
		b: (address.b & wordMask(bits - 32)) >>> 0,
		c: (address.c & wordMask(bits - 64)) >>> 0,
		d: (address.d & wordMask(bits - 96)) >>> 0,
	};
}

/** `address` with all bits after the first `bits` of 128 set to 1. */
export function networkEnd(address: IpAddress, bits: number): IpAddress {
	return {
		a: (address.a | ~wordMask(bits)) >>> 0,
		b: (address.b | ~wordMask(bits - 32)) >>> 0,
		c: (address.c | ~wordMask(bits - 64)) >>> 0,
		d: (address.d | ~wordMask(bits - 96)) >>> 0,
	};
}

/** A 32-bit word with its first `bits` set; below 0 none, above 32 all. A shift by 32 would be a shift by 0. */
function wordMask(bits: number): number {
	if (bits <= 0) return 0;
	return bits >= 32 ? ALL_ONES : (ALL_ONES << (32 - bits)) >>> 0;
}
