import { isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect, type TLSSocket } from 'node:tls';
import { formatTarget, type SocketTarget } from '../../../core/address.ts';
import type { UpstreamTls } from '../../../core/snapshot.ts';
import type { ClientContexts } from './client-contexts.ts';

/** How TLS is to be spoken with a backend. */
export interface SecureTerms {
	readonly tls: UpstreamTls;
	/** Null: none is sent, and the backend's address is what its certificate has to be for. */
	readonly serverName: string | null;
	readonly alpn: readonly string[];
	readonly target: SocketTarget;
}

/**
 * Begins TLS on a connected socket that nobody reads: `secureConnect` or `error` follows. With a session that a
 * backend takes up again, its certificate was verified when the session began.
 * @throws what `tls.connect` throws of what it cannot send.
 */
export function startTls(contexts: ClientContexts, raw: Socket, terms: SecureTerms): TLSSocket {
	const { tls, target } = terms;
	const name = terms.serverName ?? (target.type === 'tcp' ? target.host : '');
	const key = `${tls.identity}\n${formatTarget(target)}\n${name}`;
	const session = contexts.sessions.get(key);
	const socket = connect({
		socket: raw,
		secureContext: contexts.for(tls),
		// Node binds a session to the name that it was verified for; this is not where it connects.
		host: name,
		// RFC 6066 section 3 knows no addresses there.
		...(name === '' || isIP(name) > 0 ? {} : { servername: name }),
		...(terms.alpn.length === 0 ? {} : { ALPNProtocols: [...terms.alpn] }),
		...(session === undefined ? {} : { session }),
		rejectUnauthorized: tls.verify,
		checkServerIdentity: (_, certificate) => (tls.verify ? checkServerIdentity(name, certificate) : undefined),
	});
	socket.on('session', (latest) => contexts.sessions.set(key, latest));
	const forget = (): void => contexts.sessions.delete(key);
	socket.once('error', forget).once('secureConnect', () => socket.off('error', forget));
	return socket;
}
