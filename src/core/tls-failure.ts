/** What Node adds to its errors from OpenSSL. */
interface TlsError extends NodeJS.ErrnoException {
	readonly reason?: string;
}

/** Peers write parts of it: names in certificates, for instance. */
const LONGEST = 200;

/** Why a handshake failed, in one line: OpenSSL's reason, or the system's. */
export function failureReason(error: TlsError): string {
	if (error.reason !== undefined && error.reason !== '') return oneLine(error.reason);
	if (error.syscall !== undefined) return `${error.syscall} ${error.code ?? 'failed'}`;
	// Node's own word for an end of the stream before the handshake was done.
	if (error.code === 'ECONNRESET') return 'closed during the handshake';
	return oneLine(error.message);
}

/** The other side broke the connection, rather than say anything about TLS. */
export const isReset = (error: NodeJS.ErrnoException): boolean => error.syscall !== undefined;

function oneLine(text: string): string {
	const printable = text.replace(/[^\x21-\x7e]+/g, ' ').trim();
	return printable.length > LONGEST ? `${printable.slice(0, LONGEST - 3)}...` : printable;
}
