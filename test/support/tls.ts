import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type ConnectionOptions, connect, createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import type { CertificateSnapshot } from '../../src/core/snapshot.ts';
import type { Issued } from './certificates.ts';
import type { Backend, Teardown } from './echo.ts';
import { Peer, targetOf } from './peers.ts';

export { terminateTls, upstreamTls } from './tls-terms.ts';

/** A certificate as a snapshot has it, with the DNS names it was issued for. */
export function certificateOf(issued: Issued, more: Partial<CertificateSnapshot> = {}): CertificateSnapshot {
	const names = (new X509Certificate(issued.cert).subjectAltName ?? '').split(', ');
	return {
		certificate: issued.cert,
		key: issued.key,
		ocsp: null,
		names: names.filter((name) => name.startsWith('DNS:')).map((name) => name.slice('DNS:'.length).toLowerCase()),
		isDefault: false,
		...more,
	};
}

/** A connection's end inside TLS. */
export class TlsPeer extends Peer {
	readonly tls: TLSSocket;
	/** What it runs on. */
	readonly transport: Socket;

	constructor(tls: TLSSocket, transport: Socket) {
		super(tls);
		this.tls = tls;
		this.transport = transport;
	}

	/** Without a word in TLS. */
	override reset(): void {
		this.transport.resetAndDestroy();
	}
}

export interface DialTlsOptions extends Omit<ConnectionOptions, 'socket'> {
	/** Called before the handshake. */
	readonly onSocket?: (tls: TLSSocket, transport: Socket) => void;
}

/** A TLS client of `address`, half-open; rejects when the handshake fails. */
export async function dialTls(t: Teardown, address: string, options: DialTlsOptions = {}): Promise<TlsPeer> {
	const transport = connectTcp({ ...targetOf(address), allowHalfOpen: true, noDelay: true });
	t.teardown(() => transport.destroy());
	await once(transport, 'connect');
	return secureClient(transport, options);
}

/** A TLS client whose bytes go through a test's hands. */
export interface ClientByHand {
	readonly tls: TLSSocket;
	/** What it has written since the last call; waits until there is something. */
	written(): Promise<Buffer>;
	/** Hands it what the other side has sent. */
	hear(bytes: Buffer): void;
}

export function clientByHand(options: ConnectionOptions): ClientByHand {
	const written: Buffer[] = [];
	let wake: () => void = () => {};
	const wire = new Duplex({
		read: () => {},
		write: (chunk: Buffer, _, done) => {
			written.push(chunk);
			wake();
			done();
		},
	});
	const tls = connect({ ...options, socket: wire }).on('error', () => {});
	return {
		tls,
		written: async () => {
			while (written.length === 0) {
				await new Promise<void>((resolve) => {
					wake = resolve;
				});
			}
			return Buffer.concat(written.splice(0));
		},
		hear: (bytes) => void wire.push(bytes),
	};
}

/** TLS on a connected socket. */
export async function secureClient(transport: Socket, options: DialTlsOptions = {}): Promise<TlsPeer> {
	const { onSocket, ...rest } = options;
	const tls = connect({ ...rest, socket: transport });
	onSocket?.(tls, transport);
	const peer = new TlsPeer(tls, transport);
	await once(tls, 'secureConnect');
	return peer;
}

/** The backend's end of TLS on a connection that it has accepted. */
export interface TlsBackend extends Pick<Backend, 'address' | 'close'> {
	/** Connections whose handshake is done, oldest first. */
	readonly peers: readonly TlsPeer[];
	/** The first, or the `nth` from 0; waits until it is there. */
	accepted(nth?: number): Promise<TlsPeer>;
}

/** A TLS server of a test. Half-open unless told otherwise, and every client's bytes are heard. */
export async function startTlsBackend(t: Teardown, options: TlsOptions): Promise<TlsBackend> {
	const peers: TlsPeer[] = [];
	const transports = new Set<Socket>();
	const server = createServer({ allowHalfOpen: true, ...options });
	server.prependListener('connection', (socket: Socket) => {
		transports.add(socket.on('close', () => transports.delete(socket)));
	});
	server.on('secureConnection', (socket) => {
		const transport = [...transports].find(({ remotePort }) => remotePort === socket.remotePort);
		if (transport !== undefined) peers.push(new TlsPeer(socket, transport));
	});
	server.on('tlsClientError', () => {});
	const close = (): void => {
		if (server.listening) server.close();
		for (const socket of transports) socket.destroy();
	};
	t.teardown(close);
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address() as { port: number };
	return {
		address: `127.0.0.1:${port}`,
		peers,
		accepted: async (nth = 0) => {
			for (;;) {
				const peer = peers[nth];
				if (peer !== undefined) return peer;
				await once(server, 'secureConnection');
			}
		},
		close,
	};
}
