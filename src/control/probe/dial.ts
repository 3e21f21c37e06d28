import { connect, type Socket } from 'node:net';
import type { Endpoint } from '../../core/address.ts';
import { connectFailureOf } from '../../core/connect-failure.ts';
import { parseAddress } from '../../policy/address.ts';
import type { ProxyAddresses } from '../../wire/proxy-protocol.ts';
import { writeLocalHeader } from '../../wire/proxy-protocol.ts';
import { type Attempt, arrival, ProbeFault } from './attempt.ts';
import type { ProbeRequest } from './request.ts';

/** A connection to the backend that has said, where its pool says so, that it is nobody's client. @throws ProbeFault */
export async function dial(attempt: Attempt): Promise<Socket> {
	const { proxyProtocol } = attempt.request;
	const socket = openSocket(attempt.request);
	attempt.raw = socket;
	attempt.opened(socket);
	// Who listens for it is told; there is not always somebody who does.
	socket.unref().on('error', () => {});
	await arrival(socket, 'connect', connectFault);
	attempt.line = socket;
	if (proxyProtocol !== null) socket.write(writeLocalHeader(proxyProtocol.version, addressesOf(socket)));
	return socket;
}

function openSocket({ target, sourceAddress }: ProbeRequest): Socket {
	try {
		if (target.type === 'unix') return connect({ path: target.path });
		const local = sourceAddress === null ? {} : { localAddress: sourceAddress };
		return connect({ host: target.host, port: target.port, ...local, autoSelectFamily: false });
	} catch (error) {
		throw connectFault(error instanceof Error ? error : new Error(String(error)));
	}
}

/** Of the probe's own connection; null for a unix socket. */
function addressesOf(socket: Socket): ProxyAddresses | null {
	const source = endpointOf(socket.localAddress, socket.localPort);
	const destination = endpointOf(socket.remoteAddress, socket.remotePort);
	return source === null || destination === null ? null : { source, destination };
}

function endpointOf(address: string | undefined, port: number | undefined): Endpoint | null {
	const parsed = address === undefined ? null : parseAddress(address);
	return parsed === null || port === undefined ? null : { address: parsed, port };
}

const WORDS = { refused: 'connect refused', timeout: 'connect timed out', unreachable: 'not reachable' } as const;

function connectFault(error: NodeJS.ErrnoException | null): ProbeFault {
	const code = error?.code ?? error?.message ?? 'closed';
	const failure = connectFailureOf(code);
	return new ProbeFault(
		failure === 'own-shortage'
			? { type: 'none', reason: code }
			: { type: 'bad', reason: `${WORDS[failure]} (${code})` },
	);
}
