/**
 * The least that Node does as a proxy, to compare with; with certificates and keys it terminates TLS.
 * Run: node bench/support/contenders/net-pipe-server.ts PORT HOST:PORT [CERTIFICATE KEY]...
 */
import { readFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

const BACKLOG = 65_535;
const [port, backend = '', ...pems] = process.argv.slice(2);
const [host = '', backendPort] = backend.split(':');

function serve(client: Socket): void {
	const upstream = connect({ host, port: Number(backendPort), allowHalfOpen: true, noDelay: true });
	for (const [from, to] of [
		[client, upstream],
		[upstream, client],
	] as const) {
		from.pipe(to);
		from.on('error', () => to.destroy());
	}
}

function makeServer(): Server {
	const options = { allowHalfOpen: true, noDelay: true };
	if (pems.length === 0) return createServer(options, serve);
	const texts = pems.map((file) => readFileSync(file));
	const cert = texts.filter((_, i) => i % 2 === 0);
	const key = texts.filter((_, i) => i % 2 === 1);
	return createTlsServer({ ...options, cert, key, minVersion: 'TLSv1.3' }, serve);
}

makeServer().listen({
	port: Number(port),
	host: '0.0.0.0',
	backlog: BACKLOG,
});
