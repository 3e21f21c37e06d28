import { isIP, type Socket } from 'node:net';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import type { UpstreamTls } from '../../core/snapshot.ts';
import { failureReason } from '../../core/tls-failure.ts';
import { POSTGRES_SSL_REQUEST, refusalOfTls } from '../../wire/postgres.ts';
import { type Attempt, arrival, bad, ProbeFault } from './attempt.ts';
import { dial } from './dial.ts';
import { nextBytes } from './next-bytes.ts';
import type { ProbeRequest } from './request.ts';

/** A connection to the backend, under TLS where its pool has it. `alpn`: what is offered instead of the pool's own. */
export const open = (attempt: Attempt, alpn?: readonly string[]): Promise<Socket> =>
	attempt.request.tls === null ? dial(attempt) : secure(attempt, alpn);

/** TLS with the backend: as its pool says, or with whatever certificate it shows. @throws ProbeFault */
export async function secure(attempt: Attempt, alpn?: readonly string[]): Promise<TLSSocket> {
	const { tls } = attempt.request;
	const raw = await dial(attempt);
	if (tls?.startTls === 'postgres') await askPostgres(attempt, raw);
	attempt.missing = () => 'no TLS handshake';
	// A handshake that is not over cannot be ended by a FIN of ours: it is broken off.
	attempt.line = null;
	const socket = handshake(raw, attempt.request, alpn ?? alpnOf(tls));
	socket.on('error', () => {});
	await arrival(socket, 'secureConnect', handshakeFault);
	attempt.line = socket;
	return socket;
}

async function askPostgres(attempt: Attempt, raw: Socket): Promise<void> {
	attempt.missing = () => 'no answer to SSLRequest';
	raw.write(POSTGRES_SSL_REQUEST);
	const answer = await nextBytes(raw, (error) =>
		bad(`no answer to SSLRequest: ${error === null ? 'closed' : failureReason(error)}`),
	);
	const refusal = refusalOfTls(answer);
	if (refusal !== null) throw bad(refusal);
}

/** What was agreed on with a client is not known: there is none. */
const alpnOf = (tls: UpstreamTls | null): readonly string[] => (tls === null || tls.alpn === 'client' ? [] : tls.alpn);

function handshake(raw: Socket, request: ProbeRequest, alpn: readonly string[]): TLSSocket {
	const { tls } = request;
	const name = serverNameOf(request);
	try {
		return connect({
			socket: raw,
			// What the certificate has to be for, where no name is sent.
			host: name,
			// RFC 6066 section 3 knows no addresses there.
			...(name === '' || isIP(name) > 0 ? {} : { servername: name }),
			...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
			...(tls === null ? {} : { secureContext: contextOf(tls) }),
			rejectUnauthorized: tls?.verify ?? false,
		});
	} catch (error) {
		throw new ProbeFault({ type: 'none', reason: `cannot speak TLS: ${failureReason(error as Error)}` });
	}
}

/** The name to ask for and to verify: else the address; empty for a unix socket. */
function serverNameOf({ tls, hostName, target }: ProbeRequest): string {
	if (tls !== null && 'name' in tls.serverName) return tls.serverName.name;
	return hostName ?? (target.type === 'tcp' ? target.host : '');
}

const contexts = new WeakMap<UpstreamTls, SecureContext>();

/** One for all probes under one snapshot: reading certificates takes longer than a handshake. */
function contextOf(tls: UpstreamTls): SecureContext {
	const known = contexts.get(tls);
	if (known !== undefined) return known;
	const { ca, minVersion, clientCertificate } = tls;
	const context = createSecureContext({
		minVersion,
		...(ca === null ? {} : { ca }),
		...(clientCertificate === null ? {} : { cert: clientCertificate.certificate, key: clientCertificate.key }),
	});
	contexts.set(tls, context);
	return context;
}

const handshakeFault = (error: Error | null): ProbeFault =>
	bad(`TLS handshake failed: ${error === null ? 'the connection was closed' : failureReason(error)}`);
