import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import t from 'tap';
import type { ProbeRequest } from '../../../src/control/probe/request.ts';
import { certificateAuthority } from '../../support/certificates.ts';
import { startBackend, type Teardown } from '../../support/echo.ts';
import { socketFolder } from '../../support/net-ports.ts';
import { peerOf, until } from '../../support/peers.ts';
import { bad, GOOD, prober } from '../../support/probing.ts';
import { upstreamTls } from '../../support/tls.ts';

const http = (more: { path?: string; status?: number[] } = {}) =>
	({ probe: { type: 'http', path: '/', status: [200], ...more } }) as const;

/** A server of HTTP, and how its clients ended. */
async function listen(t: Teardown, server: Server) {
	const endings: string[] = [];
	server.on('connection', (socket: Socket) => {
		let ending = 'closed';
		socket.on('error', (error: NodeJS.ErrnoException) => (ending = error.code ?? error.message));
		socket.on('close', () => endings.push(ending));
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.teardown(() => server.close());
	return { endings, port: (server.address() as AddressInfo).port };
}

const startHttp = async (t: Teardown, answer: RequestListener) => {
	const { endings, port } = await listen(t, createServer(answer));
	return { endings, address: `127.0.0.1:${port}` };
};

t.test('the status decides, whatever the body', async (t) => {
	const { probes, run } = prober(t);
	const cases: [what: string, answer: RequestListener, status: number[], result: typeof GOOD][] = [
		['200', (_, response) => response.end('fine'), [200], GOOD],
		['204', (_, response) => response.writeHead(204).end(), [200, 204], GOOD],
		['503', (_, response) => response.writeHead(503).end(), [200], bad('expected status 200, got 503')],
		[
			'301',
			(_, response) => response.writeHead(301, { location: '/' }).end(),
			[200, 204],
			bad('expected status 200 or 204, got 301'),
		],
		['100 kB', (_, response) => response.end(Buffer.alloc(100_000)), [200], GOOD],
		[
			'102 before it',
			(_, response) => {
				response.writeProcessing();
				response.end();
			},
			[200],
			GOOD,
		],
	];
	for (const [what, answer, status, result] of cases) {
		const { address, endings } = await startHttp(t, answer);
		t.strictSame(await run(address, http({ status })), result, what);
		await until('the server has noticed', () => endings.length === 1);
		t.strictSame(endings, ['closed'], `${what}: without an error`);
		await until('the probe has gone', () => probes.sockets === 0);
	}
});

t.test('it ends with a FIN, and leaves the server to end first', async (t) => {
	const { probes, run } = prober(t);
	const head = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n';
	const cases: [what: string, onClient: (socket: Socket) => void][] = [
		['at once', (socket) => socket.end(`${head}all`)],
		['later', (socket) => socket.write(head, () => setTimeout(() => socket.end(Buffer.alloc(100_000)), 50))],
		['never', (socket) => socket.write(`${head}all`)],
	];
	for (const [what, onClient] of cases) {
		const backend = await startBackend(t, { onClient });
		t.strictSame(await run(backend.address, http()), GOOD, what);
		const peer = peerOf(await backend.accepted());
		t.equal(await peer.ending(), 'fin', what);
		if (what === 'never') t.equal(probes.sockets, 1, 'it reads on until the server ends');
		peer.fin();
		await until('the probe has gone', () => probes.sockets === 0);
	}
});

t.test('a body without end is left', async (t) => {
	const { probes, run } = prober(t);
	const { address } = await startHttp(t, (_, response) => {
		const more = (): void => {
			while (!response.destroyed && response.write(Buffer.alloc(60_000)));
		};
		response.on('drain', more);
		more();
	});
	t.strictSame(await run(address, http()), GOOD);
	await until('the probe has gone', () => probes.sockets === 0);
});

t.test('what is asked', async (t) => {
	const { run } = prober(t);
	const ca = certificateAuthority(t);
	const issued = ca.issue(['a.example', '127.0.0.1']);
	const asked: IncomingMessage[] = [];
	const answer: RequestListener = (request, response) => {
		asked.push(request);
		response.end();
	};
	const plain = await listen(t, createServer(answer));
	const secure = await listen(t, createTlsServer({ cert: issued.cert, key: issued.key }, answer));
	const tls = upstreamTls({ ca: ca.cert, alpn: ['mqtt'] });
	const cases: [port: number, more: Partial<ProbeRequest>, host: string][] = [
		[plain.port, {}, `127.0.0.1:${plain.port}`],
		[plain.port, { hostName: 'a.example' }, `a.example:${plain.port}`],
		[secure.port, { tls }, `127.0.0.1:${secure.port}`],
		[secure.port, { tls: { ...tls, serverName: { name: 'a.example' } } }, `a.example:${secure.port}`],
	];
	for (const [port, more, host] of cases) {
		t.strictSame(await run(`127.0.0.1:${port}`, { ...http({ path: '/healthz?deep' }), ...more }), GOOD);
		t.match(asked.at(-1), { method: 'GET', url: '/healthz?deep', httpVersion: '1.1' });
		t.strictSame(asked.at(-1)?.headers, { host, 'user-agent': 'sluice', connection: 'close' });
	}
	await until('the servers have noticed', () => plain.endings.length === 2 && secure.endings.length === 2);
	t.strictSame([...plain.endings, ...secure.endings], ['closed', 'closed', 'closed', 'closed']);
	t.match(await run(`127.0.0.1:${plain.port}`, { ...http(), tls }), { type: 'bad', reason: /^TLS handshake failed: / });
});

t.test('what is no answer', async (t) => {
	const { run } = prober(t);
	const cases: [what: string, onClient: (socket: Socket) => void, reason: string | RegExp][] = [
		['another protocol', (socket) => socket.write('220 mail\r\n'), /^no HTTP answer: Expected HTTP/],
		['silence', () => {}, 'no HTTP answer within 300 ms'],
		['half a head', (socket) => socket.write('HTTP/1.1 200 OK\r\nA: b\r\n'), 'no HTTP answer within 300 ms'],
		[
			'a head too large',
			(socket) => socket.write(`HTTP/1.1 200 OK\r\nA: ${'b'.repeat(20_000)}`),
			/^no HTTP answer: .*[Oo]verflow/,
		],
		[
			'two lengths',
			(socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'),
			/^no HTTP answer: /,
		],
		['a FIN', (socket) => socket.end(), 'no HTTP answer: closed'],
		['a FIN in the head', (socket) => socket.end('HTTP/1.1 200'), 'no HTTP answer: closed'],
		['a RST', (socket) => socket.once('data', () => socket.resetAndDestroy()), 'no HTTP answer: read ECONNRESET'],
		[
			'another protocol from now on',
			(socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n'),
			'expected status 200, got 101',
		],
	];
	for (const [what, onClient, reason] of cases) {
		const { address } = await startBackend(t, { onClient });
		const timeoutMs = reason === 'no HTTP answer within 300 ms' ? 300 : 10_000;
		t.match(await run(address, { ...http(), timeoutMs }), { type: 'bad', reason }, what);
	}
});

t.test('over a unix socket', async (t) => {
	const { run } = prober(t);
	const path = socketFolder(t)('h.sock');
	let host: string | undefined;
	const server = createServer((request, response) => {
		({ host } = request.headers);
		response.end();
	}).listen(path);
	await once(server, 'listening');
	t.teardown(() => server.close());
	t.strictSame(await run(`unix:${path}`, http()), GOOD);
	t.equal(host, 'localhost');
});
