import { invalid, NEED_MORE, type ProxyAddresses, type ProxyFacts, type ProxyHeaderResult } from './proxy-header.ts';
import { FIRST_OF_V1, readV1, writeV1 } from './proxy-v1.ts';
import { FIRST_OF_V2, readV2 } from './proxy-v2.ts';
import { writeLocalV2, writeV2 } from './proxy-v2-out.ts';

export type { ProxyAddresses, ProxyFacts, ProxyHeader, ProxyHeaderResult, ProxySsl } from './proxy-header.ts';
export { MAX_PROXY_HEADER_BYTES } from './proxy-header.ts';

/**
 * The PROXY protocol, versions 1 and 2 (https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt). `bytes`: all that came
 * from the header's first byte on. The first byte that no header can have makes it `invalid`, whatever is to come (a
 * checksum aside, which takes the whole header).
 */
export function readProxyHeader(bytes: Uint8Array): ProxyHeaderResult {
	if (bytes.length === 0) return NEED_MORE;
	if (bytes[0] === FIRST_OF_V1) return readV1(bytes);
	return bytes[0] === FIRST_OF_V2 ? readV2(bytes) : invalid(`no PROXY header begins with byte ${bytes[0]}`);
}

/**
 * A whole header, ready to send.
 * @throws RangeError when the unique id is longer than 128 bytes.
 */
export function writeProxyHeader(version: 'v1' | 'v2', facts: ProxyFacts): Uint8Array {
	return version === 'v1' ? writeV1(facts.addresses) : writeV2(facts);
}

/**
 * A header that says nothing of a client, for probes: LOCAL. Version 1 has no such thing: with the probe's `own` addresses it
 * is their line, which the specification recommends, since there are servers that refuse UNKNOWN; without them, UNKNOWN.
 */
export function writeLocalHeader(version: 'v1' | 'v2', own: ProxyAddresses | null = null): Uint8Array {
	return version === 'v1' ? writeV1(own) : writeLocalV2();
}
