import { type HelloExtensions, readExtension } from './hello-extensions.ts';
import { Reader } from './reader.ts';

/** What a ClientHello says, as far as anybody routes by it (RFC 8446 section 4.1.2, RFC 6066 section 3, RFC 7301 section 3.1). */
export interface ClientHello {
	/** In lower case, without a trailing dot; null: none was sent. Of a hello with ECH: the outer name, the only one to see. */
	readonly serverName: string | null;
	/** The protocols offered, in the client's order, as `wire/alpn.ts` writes them; empty: none. */
	readonly alpn: readonly string[];
	/** TLS versions offered, e.g. 0x0304, without GREASE; those of `supported_versions`, else the one of the hello. */
	readonly versions: readonly number[];
}

const RANDOM_BYTES = 32;
const MAX_SESSION_ID_BYTES = 32;
const SSL_3_0 = 0x0300;

/**
 * The body of a ClientHello, without the four bytes of type and length, or what is wrong with it. Its framing is checked to
 * the last byte, and what is routed by; the rest (ciphers, key shares, tickets) is between the client and its server.
 */
export function readHello(bytes: Uint8Array, at: number, end: number): ClientHello | string {
	const body = new Reader(bytes, at, end);
	const version = body.u16();
	body.skip(RANDOM_BYTES);
	const sessionIdBytes = body.u8();
	body.skip(sessionIdBytes);
	const cipherBytes = body.u16();
	body.skip(cipherBytes);
	const compressions = body.u8();
	body.skip(compressions);
	if (body.short) return 'the hello ends before its extensions';
	if (version < SSL_3_0) return 'a version before SSL 3.0';
	if (sessionIdBytes > MAX_SESSION_ID_BYTES) return 'a session id of more than 32 bytes';
	if (cipherBytes === 0 || cipherBytes % 2 !== 0) return 'no list of cipher suites';
	if (compressions === 0) return 'no compression method';

	const said: HelloExtensions = { serverName: null, alpn: NONE, versions: null };
	const fault = body.left === 0 ? null : readExtensions(body, said);
	if (fault !== null) return fault;
	return { serverName: said.serverName, alpn: said.alpn, versions: said.versions ?? [version] };
}

const NONE: readonly string[] = [];

/** RFC 8446 section 4.2: no extension comes twice. */
function readExtensions(body: Reader, into: HelloExtensions): string | null {
	const length = body.u16();
	if (body.short || length !== body.left) return 'the extensions do not end where the hello does';
	const seen = new Set<number>();
	while (body.left > 0) {
		const type = body.u16();
		const content = body.part(body.u16());
		if (body.short) return 'an extension is longer than the extensions';
		if (seen.has(type)) return `extension ${type} comes twice`;
		seen.add(type);
		const fault = readExtension(type, content, into);
		if (fault !== null) return fault;
	}
	return null;
}
