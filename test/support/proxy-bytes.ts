import type { Endpoint, IpAddress } from '../../src/core/address.ts';
import { parseAddress } from '../../src/policy/address.ts';
import type { ProxyAddresses, ProxyFacts, ProxyHeaderResult } from '../../src/wire/proxy-protocol.ts';
import { hex, join, u16, vector } from './hello-bytes.ts';

/** PROXY headers byte by byte, right ones and wrong ones. */

export function ip(text: string): IpAddress {
	const address = parseAddress(text);
	if (address === null) throw new Error(`no address: ${text}`);
	return address;
}

const endpoint = (address: string, port: number): Endpoint => ({ address: ip(address), port });

export const between = (source: string, sourcePort: number, destination: string, port: number): ProxyAddresses => ({
	source: endpoint(source, sourcePort),
	destination: endpoint(destination, port),
});

export const SIGNATURE = hex('0d0a 0d0a 000d 0a51 5549 540a');

/** A header of version 2 with its true length. */
export const v2 = (versionAndCommand: number, family: number, ...blocks: readonly Uint8Array[]): Uint8Array =>
	join(SIGNATURE, Uint8Array.of(versionAndCommand, family), vector(2, join(...blocks)));

/** 192.0.2.1 port 258 to 198.51.100.2 port 772. */
export const V4_BLOCK = hex('c0000201 c6336402 0102 0304');
export const V4_ADDRESSES = between('192.0.2.1', 0x0102, '198.51.100.2', 0x0304);
/** 2001:db8::1 port 258 to 2001:db8::2 port 772. */
export const V6_BLOCK = hex('20010db8 00000000 00000000 00000001 20010db8 00000000 00000000 00000002 0102 0304');
export const V6_ADDRESSES = between('2001:db8::1', 0x0102, '2001:db8::2', 0x0304);

export const tlv = (type: number, value: Uint8Array): Uint8Array => join(Uint8Array.of(type), vector(2, value));
export const tlvOfLength = (type: number, length: number, value: Uint8Array): Uint8Array =>
	join(Uint8Array.of(type), u16(length), value);

export const SILENT: ProxyFacts = {
	addresses: null,
	authority: null,
	alpn: null,
	ssl: null,
	uniqueId: null,
	crc32c: false,
};

export const parsed = (version: 1 | 2, addresses: ProxyAddresses | null, bytes: number): ProxyHeaderResult => ({
	type: 'parsed',
	header: { version, addresses, bytes },
});
