/** What a ClientHello says, as far as anybody routes by it (RFC 8446 section 4.1.2, RFC 6066 section 3, RFC 7301 section 3.1). */
export interface ClientHello {
	/** In lower case, without a trailing dot; null: none was sent. */
	readonly serverName: string | null;
	/** The protocols offered, in the client's order; empty: none. */
	readonly alpn: readonly string[];
	/** TLS versions offered, e.g. 0x0304; those of `supported_versions`, else the one of the hello. */
	readonly versions: readonly number[];
}

export type ClientHelloResult =
	| { readonly type: 'need-more' }
	| { readonly type: 'invalid'; readonly outcome: 'not-tls' | 'client-hello-invalid'; readonly reason: string }
	| { readonly type: 'parsed'; readonly hello: ClientHello };

/** The longest ClientHello that is read. */
export const MAX_HELLO_BYTES = 65_536;

/** No more than this is read of the wire for one; what is longer is `client-hello-invalid`. */
export const MAX_HELLO_WIRE_BYTES = 81_920;

/** Reads one ClientHello, split as it may be over TCP segments and TLS records. */
export class ClientHelloReader {
	/** `bytes`: all that came from the hello's first byte on, longer with every call. Not kept. */
	read(_bytes: Uint8Array): ClientHelloResult {
		throw new Error('not yet');
	}
}
