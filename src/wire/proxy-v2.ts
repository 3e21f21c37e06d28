import { type IpAddress, V4_MAPPED } from '../core/address.ts';
import { crc32c } from './crc32c.ts';
import {
	invalid,
	MAX_PROXY_HEADER_BYTES,
	NEED_MORE,
	type ProxyAddresses,
	type ProxyHeaderResult,
} from './proxy-header.ts';
import {
	CRC32C_BYTES,
	FAMILY_AT,
	FIXED_BYTES,
	LENGTH_AT,
	LOCAL,
	PROXY,
	SIGNATURE,
	TCP_V4,
	TCP_V6,
	TLV_HEADER_BYTES,
	TYPE_CRC32C,
	UNIX_BYTES,
	UNIX_STREAM,
	UNSPEC,
	V4_BYTES,
	V6_BYTES,
	VERSION,
	VERSION_AT,
} from './proxy-v2-layout.ts';
import { byteAt, u16At, u32At } from './reader.ts';

/** CR, of the signature. */
export const FIRST_OF_V2 = 13;

/**
 * A header of version 2. Datagrams are refused: none comes over TCP. Of LOCAL and UNSPEC nothing is read but the length:
 * the specification gives their content no shape.
 */
export function readV2(bytes: Uint8Array): ProxyHeaderResult {
	const fault = fixedFault(bytes);
	if (fault !== null) return invalid(`version 2: ${fault}`);
	if (bytes.length < FIXED_BYTES) return NEED_MORE;
	const total = FIXED_BYTES + u16At(bytes, LENGTH_AT);
	const family = byteAt(bytes, FAMILY_AT);
	if (isLocal(bytes) || family === UNSPEC) return bytes.length < total ? NEED_MORE : parsed(total, null);
	const checksumAt = walkTlvs(bytes, FIXED_BYTES + addressBytes(family), total);
	if (typeof checksumAt === 'string') return invalid(`version 2: ${checksumAt}`);
	if (bytes.length < total) return NEED_MORE;
	if (checksumAt > 0 && crc32c(bytes.subarray(0, total), checksumAt) !== u32At(bytes, checksumAt)) {
		return invalid('version 2: the CRC32c checksum does not match');
	}
	return parsed(total, readAddresses(bytes, family));
}

const isLocal = (bytes: Uint8Array): boolean => (byteAt(bytes, VERSION_AT) & 15) === LOCAL;

const parsed = (total: number, addresses: ProxyAddresses | null): ProxyHeaderResult => ({
	type: 'parsed',
	header: { version: 2, addresses, bytes: total },
});

/** What the first 16 bytes rule out, as many of them as have come. */
function fixedFault(bytes: Uint8Array): string | null {
	const seen = bytes.length;
	for (let i = 0; i < SIGNATURE.length && i < seen; i++) if (bytes[i] !== SIGNATURE[i]) return 'wrong signature';
	if (seen <= VERSION_AT) return null;
	const versionAndCommand = byteAt(bytes, VERSION_AT);
	if (versionAndCommand >> 4 !== VERSION) return `version ${versionAndCommand >> 4} is none`;
	if ((versionAndCommand & 15) > PROXY) return `unknown command ${versionAndCommand & 15}`;
	if (seen <= FAMILY_AT) return null;
	const needed = isLocal(bytes) ? 0 : addressBytes(byteAt(bytes, FAMILY_AT));
	if (needed < 0)
		return `0x${byteAt(bytes, FAMILY_AT).toString(16).padStart(2, '0')} is no family and transport for a stream`;
	const length = u16At(bytes, LENGTH_AT);
	if (FIXED_BYTES + length > MAX_PROXY_HEADER_BYTES) return `longer than ${MAX_PROXY_HEADER_BYTES} bytes`;
	return seen >= FIXED_BYTES && length < needed ? `${length} bytes have no room for the addresses` : null;
}

/** -1: not a family that is taken. */
function addressBytes(family: number): number {
	if (family === TCP_V4) return V4_BYTES;
	if (family === TCP_V6) return V6_BYTES;
	if (family === UNIX_STREAM) return UNIX_BYTES;
	return family === UNSPEC ? 0 : -1;
}

/**
 * Over the TLVs of a header that ends at `total`, as far as they have come. Answers where the checksum is, 0 when there is
 * none (or none yet), or what is wrong.
 */
function walkTlvs(bytes: Uint8Array, first: number, total: number): number | string {
	let checksumAt = 0;
	for (let at = first; at < total; ) {
		const value = at + TLV_HEADER_BYTES;
		if (value > total) return 'it ends within a TLV';
		// Of a length that is not all there, the least it can be: bytes to come count as zeros.
		const length = u16At(bytes, at + 1);
		if (value + length > total) return 'a TLV is longer than the header';
		if (bytes[at] === TYPE_CRC32C) {
			if (checksumAt > 0) return 'two checksums';
			if (length > CRC32C_BYTES || value + CRC32C_BYTES > total) return 'a checksum that is not of 4 bytes';
			checksumAt = value;
		}
		if (bytes.length < value) break;
		if (checksumAt === value && length !== CRC32C_BYTES) return 'a checksum that is not of 4 bytes';
		at = value + length;
	}
	return checksumAt;
}

function readAddresses(bytes: Uint8Array, family: number): ProxyAddresses | null {
	if (family === UNIX_STREAM) return null;
	const read = family === TCP_V4 ? v4At : v6At;
	const size = family === TCP_V4 ? 4 : 16;
	const ports = FIXED_BYTES + 2 * size;
	return {
		source: { address: read(bytes, FIXED_BYTES), port: u16At(bytes, ports) },
		destination: { address: read(bytes, FIXED_BYTES + size), port: u16At(bytes, ports + 2) },
	};
}

const v4At = (bytes: Uint8Array, at: number): IpAddress => ({ a: 0, b: 0, c: V4_MAPPED, d: u32At(bytes, at) });

const v6At = (bytes: Uint8Array, at: number): IpAddress => ({
	a: u32At(bytes, at),
	b: u32At(bytes, at + 4),
	c: u32At(bytes, at + 8),
	d: u32At(bytes, at + 12),
});
