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

/** What a client that wants TLS sends. */
export const POSTGRES_SSL_REQUEST: Uint8Array = Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f);
const GSS_REQUEST: Uint8Array = Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30);

/** The content type of a TLS handshake; every other start has a length first, whose first byte is 0. */
const TLS_HANDSHAKE = 22;

const NEED_MORE: PostgresStart = { type: 'need-more' };
const OTHER: PostgresStart = { type: 'other' };
const DIRECT: PostgresStart = { type: 'direct' };
const SSL: PostgresStart = { type: 'ssl-request' };
const GSS: PostgresStart = { type: 'gss-request' };

/** `bytes`: all that came from the client's first byte on, or from the first after a request that was answered `N`. */
export function readPostgresStart(bytes: Uint8Array): PostgresStart {
	if (bytes[0] === TLS_HANDSHAKE) return DIRECT;
	const ssl = beginsLike(bytes, POSTGRES_SSL_REQUEST);
	if (!ssl && !beginsLike(bytes, GSS_REQUEST)) return OTHER;
	if (bytes.length < POSTGRES_REQUEST_BYTES) return NEED_MORE;
	return ssl ? SSL : GSS;
}

/** As far as both go. */
function beginsLike(bytes: Uint8Array, request: Uint8Array): boolean {
	const shared = Math.min(bytes.length, request.length);
	for (let i = 0; i < shared; i++) if (bytes[i] !== request[i]) return false;
	return true;
}

/** `S`: go on with TLS. */
export const POSTGRES_ACCEPT: Uint8Array = Uint8Array.of(0x53);
/** `N`: not that. */
export const POSTGRES_DECLINE: Uint8Array = Uint8Array.of(0x4e);

/** Why a server's answer to an SSLRequest is none to go on with; null: it is. */
export function refusalOfTls(answer: Uint8Array): string | null {
	// More than the one byte could be put there by somebody on the way, to be taken for what comes under TLS.
	if (answer.length !== POSTGRES_ACCEPT.length) return `${answer.length} bytes in answer to SSLRequest`;
	return answer[0] === POSTGRES_ACCEPT[0] ? null : 'the backend refuses TLS (SSLRequest)';
}
