/**
 * The least that Node does as a proxy, to compare with.
 * Run: node bench/support/contenders/net-pipe-server.ts PORT HOST:PORT
 */
import { connect, createServer, type Socket } from 'node:net';

const BACKLOG = 65_535;
const [port, backend = ''] = process.argv.slice(2);
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

createServer({ allowHalfOpen: true, noDelay: true }, serve).listen({
	port: Number(port),
	host: '0.0.0.0',
	backlog: BACKLOG,
});
