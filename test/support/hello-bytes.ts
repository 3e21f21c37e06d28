/** ClientHellos byte by byte, right ones and wrong ones. */

export type Extension = readonly [type: number, content: Uint8Array];

export interface HelloParts {
	readonly version?: number;
	readonly sessionId?: Uint8Array;
	readonly ciphers?: Uint8Array;
	readonly compressions?: Uint8Array;
	/** Null: none at all, not even their length. */
	readonly extensions?: readonly Extension[] | null;
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

export const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));

export const join = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));

/** `content` behind its length, big-endian. */
export function vector(lengthBytes: 1 | 2 | 3, content: Uint8Array): Uint8Array {
	const length = [content.length >> 16, content.length >> 8, content.length].map((byte) => byte & 0xff);
	return join(Uint8Array.from(length.slice(3 - lengthBytes)), content);
}

export const u16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);

/** One entry of a `server_name` list; type 0 is `host_name`. */
export const nameEntry = (name: Uint8Array, type = 0): Uint8Array => join(Uint8Array.of(type), vector(2, name));

export const nameList = (...entries: readonly Uint8Array[]): Extension => [0, vector(2, join(...entries))];

export const serverName = (name: string): Extension => nameList(nameEntry(utf8(name)));

export const protocols = (...names: readonly (string | Uint8Array)[]): Extension => [
	16,
	vector(2, join(...names.map((name) => vector(1, typeof name === 'string' ? utf8(name) : name)))),
];

export const versions = (...list: readonly number[]): Extension => [43, vector(1, join(...list.map(u16)))];

/** The body of a ClientHello. */
export function helloBody(parts: HelloParts = {}): Uint8Array {
	const extensions = parts.extensions === undefined ? [] : parts.extensions;
	return join(
		u16(parts.version ?? 0x0303),
		new Uint8Array(32).fill(0x5a),
		vector(1, parts.sessionId ?? new Uint8Array(32)),
		vector(2, parts.ciphers ?? hex('1301 1302 c02b')),
		vector(1, parts.compressions ?? Uint8Array.of(0)),
		extensions === null ? new Uint8Array(0) : vector(2, join(...extensions.map(extensionBytes))),
	);
}

const extensionBytes = ([type, content]: Extension): Uint8Array => join(u16(type), vector(2, content));

/** A handshake message; type 1 is a ClientHello. */
export const message = (body: Uint8Array, type = 1): Uint8Array => join(Uint8Array.of(type), vector(3, body));

/** One record; type 22 is a handshake. */
export const record = (content: Uint8Array, type = 22, version = 0x0301): Uint8Array =>
	join(Uint8Array.of(type), u16(version), vector(2, content));

/** `content` in records of these sizes, the last size as often as it takes. */
export function records(content: Uint8Array, ...sizes: readonly number[]): Uint8Array {
	const parts: Uint8Array[] = [];
	for (let at = 0, i = 0; at < content.length; i++) {
		const size = sizes[Math.min(i, sizes.length - 1)] ?? content.length;
		parts.push(record(content.subarray(at, at + size)));
		at += size;
	}
	return join(...parts);
}

/** A whole hello, in one record. */
export const helloBytes = (parts: HelloParts = {}): Uint8Array => records(message(helloBody(parts)));

/** A hello whose message is so long, by an extension that means nothing (RFC 7685), in records as large as may be. */
export function longHello(messageBytes: number, ...extensions: readonly Extension[]): Uint8Array {
	const rest = message(helloBody({ extensions: [...extensions, [21, new Uint8Array(0)]] })).length;
	const body = helloBody({ extensions: [...extensions, [21, new Uint8Array(messageBytes - rest)]] });
	return records(message(body), 16_384);
}
