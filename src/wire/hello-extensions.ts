import { readAlpn } from './alpn.ts';
import { readHostName } from './host-name.ts';
import type { Reader } from './reader.ts';

/** What the extensions of a ClientHello say; filled in by `readExtension`. */
export interface HelloExtensions {
	serverName: string | null;
	alpn: readonly string[];
	/** Null: no `supported_versions`. */
	versions: readonly number[] | null;
}

/** IANA, "TLS ExtensionType Values". */
const SERVER_NAME = 0;
const ALPN = 16;
const SUPPORTED_VERSIONS = 43;

const HOST_NAME = 0;

/** A hello has room for 32,000, which would take many times its own memory; clients send a handful. */
const MAX_PROTOCOLS = 256;

/** Reads one extension's content, if it is one that matters. Answers what is wrong with it, or null. */
export function readExtension(type: number, content: Reader, into: HelloExtensions): string | null {
	if (type === SERVER_NAME) return readServerName(content, into);
	if (type === ALPN) return readProtocols(content, into);
	if (type === SUPPORTED_VERSIONS) return readVersions(content, into);
	return null;
}

/** RFC 6066 section 3. Every type of name begins with its length, those to come too; no two of one type. */
function readServerName(content: Reader, into: HelloExtensions): string | null {
	const list = content.part(content.u16());
	if (content.short || content.left > 0 || list.left === 0) return 'server_name: no list of names';
	while (list.left > 0) {
		const type = list.u8();
		const length = list.u16();
		const at = list.skip(length);
		if (list.short) return 'server_name: a name is longer than the list';
		if (type !== HOST_NAME) continue;
		if (into.serverName !== null) return 'server_name: two host names';
		into.serverName = readHostName(list.bytes, at, at + length);
		if (into.serverName === null) return 'server_name: not a host name';
	}
	return null;
}

/** RFC 7301 section 3.1. */
function readProtocols(content: Reader, into: HelloExtensions): string | null {
	const list = content.part(content.u16());
	if (content.short || content.left > 0 || list.left === 0) return 'ALPN: no list of protocols';
	const protocols: string[] = [];
	while (list.left > 0) {
		const length = list.u8();
		const at = list.skip(length);
		if (list.short) return 'ALPN: a name is longer than the list';
		if (length === 0) return 'ALPN: an empty name';
		if (protocols.length === MAX_PROTOCOLS) return `ALPN: more than ${MAX_PROTOCOLS} protocols`;
		protocols.push(readAlpn(list.bytes, at, at + length));
	}
	into.alpn = protocols;
	return null;
}

/** RFC 8446 section 4.2.1. GREASE (RFC 8701) is no version. */
function readVersions(content: Reader, into: HelloExtensions): string | null {
	const list = content.part(content.u8());
	if (content.short || content.left > 0 || list.left === 0) return 'supported_versions: no list of versions';
	const versions: number[] = [];
	while (list.left > 0) {
		const version = list.u16();
		if (list.short) return 'supported_versions: half a version';
		if (!isGrease(version)) versions.push(version);
	}
	into.versions = versions;
	return null;
}

/** 0x0a0a, 0x1a1a, ... 0xfafa. */
const isGrease = (value: number): boolean => (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff);
