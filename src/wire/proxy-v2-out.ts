import { type IpAddress, isV4 } from '../core/address.ts';
import { alpnBytes } from './alpn.ts';
import { crc32c } from './crc32c.ts';
import type { ProxyAddresses, ProxyFacts, ProxySsl } from './proxy-header.ts';
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
	TYPE_ALPN,
	TYPE_AUTHORITY,
	TYPE_CRC32C,
	TYPE_SSL,
	TYPE_UNIQUE_ID,
	UNSPEC,
	V4_BYTES,
	V6_BYTES,
	VERSION,
} from './proxy-v2-layout.ts';

/** A client chooses the common name of its certificate: a longer one is left out, since half a name is another name. */
const MAX_COMMON_NAME_BYTES = 256;

const NOTHING = new Uint8Array(0);

export const writeLocalV2 = (): Uint8Array => assemble(LOCAL, UNSPEC, [], false);

/** @throws RangeError when the unique id is longer than 128 bytes. */
export function writeV2(facts: ProxyFacts): Uint8Array {
	const [family, addresses] = addressBlock(facts.addresses);
	return assemble(PROXY, family, [addresses, ...tlvsOf(facts)], facts.crc32c);
}

function assemble(command: number, family: number, blocks: readonly Uint8Array[], checksum: boolean): Uint8Array {
	const all = checksum ? [...blocks, tlv(TYPE_CRC32C, new Uint8Array(CRC32C_BYTES))] : blocks;
	const content = concat(all);
	const header = new Uint8Array(FIXED_BYTES + content.length);
	const view = new DataView(header.buffer);
	header.set(SIGNATURE);
	header.set([(VERSION << 4) | command, family], SIGNATURE.length);
	view.setUint16(LENGTH_AT, content.length);
	header.set(content, FIXED_BYTES);
	// The checksum's own bytes are zeros until now, as its calculation wants them.
	if (checksum) view.setUint32(header.length - CRC32C_BYTES, crc32c(header));
	return header;
}

/** The two as IPv6, the IPv4 one mapped, when they are not of one family; UNSPEC when one of them has no address. */
function addressBlock(addresses: ProxyAddresses | null): [family: number, block: Uint8Array] {
	const source = addresses?.source.address ?? null;
	const destination = addresses?.destination.address ?? null;
	if (addresses === null || source === null || destination === null) return [UNSPEC, NOTHING];
	const v4 = isV4(source) && isV4(destination);
	const block = new Uint8Array(v4 ? V4_BYTES : V6_BYTES);
	const view = new DataView(block.buffer);
	const words = v4 ? [source.d, destination.d] : [...wordsOf(source), ...wordsOf(destination)];
	for (const [i, word] of words.entries()) view.setUint32(i * 4, word);
	view.setUint16(words.length * 4, addresses.source.port);
	view.setUint16(words.length * 4 + 2, addresses.destination.port);
	return [v4 ? TCP_V4 : TCP_V6, block];
}

const wordsOf = ({ a, b, c, d }: IpAddress): number[] => [a, b, c, d];

function tlvsOf(facts: ProxyFacts): Uint8Array[] {
	const { authority, alpn, ssl, uniqueId } = facts;
	if (uniqueId !== null && uniqueId.length > MAX_UNIQUE_ID_BYTES) {
		throw new RangeError(`a unique id of ${uniqueId.length} bytes; at most ${MAX_UNIQUE_ID_BYTES}`);
	}
	const tlvs: Uint8Array[] = [];
	if (authority !== null) tlvs.push(textTlv(TYPE_AUTHORITY, authority));
	if (alpn !== null) tlvs.push(tlv(TYPE_ALPN, alpnBytes(alpn)));
	if (ssl !== null) tlvs.push(tlv(TYPE_SSL, sslValue(ssl)));
	if (uniqueId !== null) tlvs.push(tlv(TYPE_UNIQUE_ID, uniqueId));
	return tlvs;
}

/** Section 2.2.6: `verify` is 0 only where a certificate came and was good. */
function sslValue({ version, cipher, certificate }: ProxySsl): Uint8Array {
	const client = CLIENT_SSL | (certificate === null ? 0 : CLIENT_CERT_CONN | CLIENT_CERT_SESS);
	const verify = certificate?.verified === true ? 0 : 1;
	const name = new TextEncoder().encode(certificate?.commonName ?? '');
	return concat([
		Uint8Array.of(client, 0, 0, 0, verify),
		textTlv(SUBTYPE_SSL_VERSION, version),
		textTlv(SUBTYPE_SSL_CIPHER, cipher),
		name.length > 0 && name.length <= MAX_COMMON_NAME_BYTES ? tlv(SUBTYPE_SSL_CN, name) : NOTHING,
	]);
}

const textTlv = (type: number, text: string): Uint8Array => tlv(type, new TextEncoder().encode(text));

const tlv = (type: number, value: Uint8Array): Uint8Array =>
	concat([Uint8Array.of(type, value.length >> 8, value.length & 0xff), value]);

function concat(parts: readonly Uint8Array[]): Uint8Array {
	const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
	let at = 0;
	for (const part of parts) {
		whole.set(part, at);
		at += part.length;
	}
	return whole;
}
