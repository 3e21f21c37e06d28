import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import type { Teardown } from './echo.ts';

/** A TLS server of a test, and how its clients ended. */
export interface TlsBackend {
	readonly address: string;
	readonly server: Server;
	/** Clients that made a handshake, oldest first. */
	readonly clients: readonly TLSSocket[];
	/** `fin` for each that left as it should, else what the server saw; handshakes that failed too. */
	readonly endings: readonly string[];
}

export async function startTlsBackend(
	t: Teardown,
	options: TlsOptions,
	onClient: (socket: TLSSocket) => void = () => {},
): Promise<TlsBackend> {
	const clients: TLSSocket[] = [];
	const endings: string[] = [];
	const server = createServer(options, (socket) => {
		clients.push(socket);
		let ending = 'closed without a FIN';
		socket
			.on('end', () => (ending = 'fin'))
			.on('error', (error: NodeJS.ErrnoException) => (ending = error.code ?? error.message))
			.on('close', () => endings.push(ending))
			.resume();
		onClient(socket);
	});
	server.on('tlsClientError', (error: NodeJS.ErrnoException) => endings.push(error.code ?? error.message));
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.teardown(() => {
		server.close();
		for (const socket of clients) socket.destroy();
	});
	return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, server, clients, endings };
}
