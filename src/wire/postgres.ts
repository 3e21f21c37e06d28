/** How a PostgreSQL client begins (PostgreSQL documentation, "Message Flow", SSL and GSSAPI session encryption). */
export type PostgresStart =
	| { readonly type: 'need-more' }
	/** Wants TLS, or else GSSAPI encryption; both are 8 bytes long and wait for one byte in answer. */
	| { readonly type: 'ssl-request' | 'gss-request' }
	/** TLS at once (`sslnegotiation=direct`). */
	| { readonly type: 'direct' }
	/** A session in the clear, a cancel request, or another protocol. */
	| { readonly type: 'other' };

export const POSTGRES_REQUEST_BYTES = 8;

export function readPostgresStart(_bytes: Uint8Array): PostgresStart {
	throw new Error('not yet');
}

/** What a client that wants TLS sends. */
export const POSTGRES_SSL_REQUEST: Uint8Array = Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f);
/** `S`: go on with TLS. */
export const POSTGRES_ACCEPT: Uint8Array = Uint8Array.of(0x53);
/** `N`: not that. */
export const POSTGRES_DECLINE: Uint8Array = Uint8Array.of(0x4e);
