import { type IpAddress, isV4 } from '../core/address.ts';
import { alpnBytes } from './alpn.ts';
import { crc32c } from './crc32c.ts';
import { MAX_PROXY_HEADER_BYTES, type ProxyAddresses, type ProxyFacts, type ProxySsl } from './proxy-header.ts';
import {
	CLIENT_CERT_CONN,
	CLIENT_CERT_SESS,
	CLIENT_SSL,
	CRC32C_BYTES,
	FIXED_BYTES,
	LENGTH_AT,
	LOCAL,
	MAX_UNIQUE_ID_BYTES,
	PROXY,
	SIGNATURE,
	SUBTYPE_SSL_CIPHER,
	SUBTYPE_SSL_CN,
	SUBTYPE_SSL_VERSION,
	TCP_V4,
	TCP_V6,
	TLV_HEADER_BYTES,
	TYPE_ALPN,
	TYPE_AUTHORITY,
	TYPE_CRC32C,
	TYPE_SSL,
	TYPE_UNIQUE_ID,
	UNSPEC,
	VERSION,
} from './proxy-v2-layout.ts';
import { Writer } from './writer.ts';

/**
 * A text that takes more is left out, since half a name is another name. No host name and no protocol does, but a client
 * chooses the common name of its certificate.
 */
const MAX_TEXT_BYTES = 256;

/** Where headers are put together, one at a time. With the above, none has half as many bytes. */
const buffer = new Uint8Array(MAX_PROXY_HEADER_BYTES);

const NO_CHECKSUM = new Uint8Array(CRC32C_BYTES);

export const writeLocalV2 = (): Uint8Array => begin(LOCAL, UNSPEC).copy();

/** @throws RangeError when the unique id is longer than 128 bytes. */
export function writeV2(facts: ProxyFacts): Uint8Array {
	const out = beginWith(facts.addresses);
	writeTlvs(out, facts);
	const checksumAt = out.at + TLV_HEADER_BYTES;
	// Zeros first, as its calculation wants them.
	if (facts.crc32c) writeBytes(out, TYPE_CRC32C, NO_CHECKSUM);
	out.u16At(LENGTH_AT, out.at - FIXED_BYTES);
	const header = out.copy();
	if (facts.crc32c) new DataView(header.buffer).setUint32(checksumAt, crc32c(header));
	return header;
}

/** With a length of 0. */
function begin(command: number, family: number): Writer {
	const out = new Writer(buffer);
	out.put(SIGNATURE);
	out.u8((VERSION << 4) | command);
	out.u8(family);
	out.u16(0);
	return out;
}

/** The two as IPv6, the IPv4 one mapped, when they are not of one family; UNSPEC when one of them has no address. */
function beginWith(addresses: ProxyAddresses | null): Writer {
	const source = addresses?.source.address ?? null;
	const destination = addresses?.destination.address ?? null;
	if (addresses === null || source === null || destination === null) return begin(PROXY, UNSPEC);
	const v4 = isV4(source) && isV4(destination);
	const out = begin(PROXY, v4 ? TCP_V4 : TCP_V6);
	writeAddress(out, source, v4);
	writeAddress(out, destination, v4);
	out.u16(addresses.source.port);
	out.u16(addresses.destination.port);
	return out;
}

function writeAddress(out: Writer, { a, b, c, d }: IpAddress, v4: boolean): void {
	if (!v4) {
		out.u32(a);
		out.u32(b);
		out.u32(c);
	}
	out.u32(d);
}

function writeTlvs(out: Writer, { authority, alpn, ssl, uniqueId }: ProxyFacts): void {
	if (authority !== null) writeText(out, TYPE_AUTHORITY, authority);
	if (alpn !== null) writeBytes(out, TYPE_ALPN, alpnBytes(alpn));
	if (ssl !== null) writeSsl(out, ssl);
	if (uniqueId === null) return;
	if (uniqueId.length > MAX_UNIQUE_ID_BYTES) {
		throw new RangeError(`a unique id of ${uniqueId.length} bytes; at most ${MAX_UNIQUE_ID_BYTES}`);
	}
	writeBytes(out, TYPE_UNIQUE_ID, uniqueId);
}

/** Section 2.2.6: `verify` is 0 only where a certificate came and was good. */
function writeSsl(out: Writer, { version, cipher, resumed, certificate }: ProxySsl): void {
	const value = openTlv(out, TYPE_SSL);
	const shown = resumed ? CLIENT_CERT_SESS : CLIENT_CERT_CONN | CLIENT_CERT_SESS;
	out.u8(CLIENT_SSL | (certificate === null ? 0 : shown));
	out.u32(certificate?.verified === true ? 0 : 1);
	writeText(out, SUBTYPE_SSL_VERSION, version);
	writeText(out, SUBTYPE_SSL_CIPHER, cipher);
	const name = certificate?.commonName ?? null;
	if (name !== null) writeText(out, SUBTYPE_SSL_CN, name);
	closeTlv(out, value);
}

function writeText(out: Writer, type: number, text: string): void {
	if (text.length > MAX_TEXT_BYTES) return;
	const value = openTlv(out, type);
	out.text(text);
	if (out.at - value > MAX_TEXT_BYTES) out.at = value - TLV_HEADER_BYTES;
	else closeTlv(out, value);
}

function writeBytes(out: Writer, type: number, bytes: Uint8Array): void {
	if (bytes.length > MAX_TEXT_BYTES) return;
	const value = openTlv(out, type);
	out.put(bytes);
	closeTlv(out, value);
}

/** Answers where the value begins; its length is set when the TLV is closed. */
function openTlv(out: Writer, type: number): number {
	out.u8(type);
	out.u16(0);
	return out.at;
}

function closeTlv(out: Writer, value: number): void {
	out.u16At(value - 2, out.at - value);
}
