import type { Endpoint } from '../core/address.ts';

export interface ProxyAddresses {
	readonly source: Endpoint;
	readonly destination: Endpoint;
}

/** A PROXY header that came in (PROXY protocol specification, versions 1 and 2). */
export interface ProxyHeader {
	readonly version: 1 | 2;
	/** The client's true address and the one it connected to; null: the socket's own stand (LOCAL, UNKNOWN, UNSPEC, unix). */
	readonly addresses: ProxyAddresses | null;
	/** Its length. */
	readonly bytes: number;
}

export type ProxyHeaderResult =
	| { readonly type: 'need-more' }
	| { readonly type: 'invalid'; readonly reason: string }
	| { readonly type: 'parsed'; readonly header: ProxyHeader };

/** The longest header that is taken. */
export const MAX_PROXY_HEADER_BYTES = 4_096;

/** `ssl` of a header that goes out. */
export interface ProxySsl {
	/** `TLSv1.3`. */
	readonly version: string;
	readonly cipher: string;
	/** The session was begun by another connection, and so was the certificate shown there. */
	readonly resumed: boolean;
	/** Of the client; null: it has shown none. */
	readonly certificate: { readonly verified: boolean; readonly commonName: string | null } | null;
}

/** What a header that goes out tells; an absent TLV is null. TLVs are version 2's alone. */
export interface ProxyFacts {
	/** Null (a unix-domain client): UNKNOWN, or UNSPEC. */
	readonly addresses: ProxyAddresses | null;
	readonly authority: string | null;
	/** As `wire/alpn.ts` writes it. */
	readonly alpn: string | null;
	readonly ssl: ProxySsl | null;
	/** At most 128 bytes. */
	readonly uniqueId: Uint8Array | null;
	readonly crc32c: boolean;
}

export const NEED_MORE: ProxyHeaderResult = { type: 'need-more' };
export const invalid = (reason: string): ProxyHeaderResult => ({ type: 'invalid', reason });
