import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import t from 'tap';
import type { ProbeRequest } from '../../../src/control/probe/request.ts';
import { readProxyHeader } from '../../../src/wire/proxy-protocol.ts';
import { certificateAuthority } from '../../support/certificates.ts';
import { startBackend } from '../../support/echo.ts';
import { socketFolder } from '../../support/net-ports.ts';
import { peerOf } from '../../support/peers.ts';
import { GOOD, prober } from '../../support/probing.ts';
import { TlsPeer, upstreamTls } from '../../support/tls.ts';

const LOCAL = '0d0a0d0a000d0a515549540a20000000';

t.test('a probe says that it is nobody: LOCAL in version 2, its own addresses in version 1', async (t) => {
	const { run } = prober(t);
	const headers: [version: 'v1' | 'v2', host: string, header: (socket: Socket) => string][] = [
		['v2', '127.0.0.1', () => Buffer.from(LOCAL, 'hex').toString('latin1')],
		['v1', '127.0.0.1', ({ remotePort, localPort }) => `PROXY TCP4 127.0.0.9 127.0.0.1 ${remotePort} ${localPort}\r\n`],
		[
			'v1',
			'::1',
			({ remotePort, localPort }) => `PROXY TCP6 0:0:0:0:0:0:0:1 0:0:0:0:0:0:0:1 ${remotePort} ${localPort}\r\n`,
		],
	];
	for (const [version, host, header] of headers) {
		const backend = await startBackend(t, { host });
		const sourceAddress = host === '::1' ? null : '127.0.0.9';
		t.strictSame(await run(backend.address, { proxyProtocol: { version }, sourceAddress }), GOOD);
		const socket = await backend.accepted();
		const expected = header(socket);
		const peer = peerOf(socket);
		t.equal(await peer.ending(), 'fin', version);
		t.equal(peer.text, expected, version);
	}
});

t.test('over a unix socket version 1 knows no addresses', async (t) => {
	const { run } = prober(t);
	const backend = await startBackend(t, { path: socketFolder(t)('p.sock') });
	await run(backend.address, { proxyProtocol: { version: 'v1' } });
	const peer = peerOf(await backend.accepted());
	await peer.ending();
	t.equal(peer.text, 'PROXY UNKNOWN\r\n');
});

t.test('the header goes before everything else, TLS too', async (t) => {
	const { run } = prober(t);
	const ca = certificateAuthority(t);
	const clients: TlsPeer[] = [];
	const secure = createServer({ ...ca.issue(['127.0.0.1']) }, (tls) => {
		clients.push(new TlsPeer(tls, tls));
		tls.once('data', () => tls.end('HTTP/1.1 200 OK\r\n\r\n'));
	});
	const versions: number[] = [];
	const onClient = (socket: Socket): void => {
		socket.once('data', (bytes) => {
			socket.pause();
			const result = readProxyHeader(bytes);
			if (result.type !== 'parsed') return void socket.destroy();
			versions.push(result.header.version);
			socket.unshift(bytes.subarray(result.header.bytes));
			secure.emit('connection', socket);
		});
	};
	const backend = await startBackend(t, { onClient });
	const probes: ProbeRequest['probe'][] = [
		{ type: 'tls' },
		{ type: 'http', path: '/', status: [200] },
		{ type: 'script', steps: [{ send: 'a' }, { expect: '200' }] },
	];
	for (const probe of probes) {
		const tls = upstreamTls({ ca: ca.cert });
		t.strictSame(await run(backend.address, { probe, tls, proxyProtocol: { version: 'v2' } }), GOOD, probe.type);
	}
	t.strictSame(versions, [2, 2, 2]);
	for (const client of clients) t.equal(await client.ending(), 'fin');
});
