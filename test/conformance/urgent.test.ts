import { AF_INET, SOCK_NONBLOCK, SOCK_STREAM } from '../../src/engine/epoll/layouts.ts';
import { openListeningSocket } from '../../src/engine/epoll/listening-sockets.ts';
import { SocketAddress } from '../../src/engine/epoll/sockaddr.ts';
import { startBackend } from '../support/echo.ts';
import { allTargets } from '../support/harness.ts';
import { libc } from '../support/native-tools.ts';
import { configOf } from '../support/net-config.ts';
import { conformance } from '../support/net-rules.ts';
import { dial, digestOf, patternOf, peerOf, until } from '../support/peers.ts';

/** Marks the last byte as urgent (send(2)). */
const MSG_OOB = 1;

conformance(
	{
		'urgent data comes through in its place, as plain bytes, and stops nothing': async (t, target) => {
			const backend = await startBackend(t);
			const balancer = await target.start(t, configOf([backend.address]));
			const [host = '', port = ''] = balancer.address().split(':');
			const address = new SocketAddress(libc);
			const fd = libc.socket(address.put({ type: 'tcp', host, port: Number(port) }), SOCK_STREAM);
			t.teardown(() => void libc.close(fd));
			t.equal(address.family, AF_INET);
			t.equal(libc.connect(fd, address.buffer, address.length), 0);
			const data = patternOf(3_000);
			const buffer = libc.allocate(data.length);
			buffer.bytes.set(data);
			for (const [at, bytes, flags] of [
				[0, 1_000, 0],
				[1_000, 500, MSG_OOB],
				[1_500, 1_000, 0],
				[2_500, 1, MSG_OOB],
				[2_501, 499, 0],
			] as const) {
				t.equal(libc.send(fd, buffer, at, bytes, flags), bytes);
			}
			const server = peerOf(await backend.accepted());
			await until('all has come', () => server.bytes >= data.length);
			t.equal(server.digest, digestOf(data));
		},
		'so does urgent data that a backend sends before all else': async (t, target) => {
			const bind = { target: { type: 'tcp', host: '127.0.0.1', port: 0 }, v6Only: false } as const;
			const [listener, address] = [openListeningSocket(libc, bind, false, 8), new SocketAddress(libc)];
			t.teardown(() => void libc.close(listener));
			libc.getsockname(listener, address.buffer);
			const balancer = await target.start(t, configOf([`127.0.0.1:${address.take().port}`]));
			const client = await dial(t, balancer.address());
			let backend = -1;
			await until('it is connected', () => {
				backend = libc.accept(listener, address.buffer, SOCK_NONBLOCK);
				return backend >= 0;
			});
			const buffer = libc.allocate(3);
			buffer.bytes.set(Buffer.from('!ok'));
			libc.send(backend, buffer, 0, 1, MSG_OOB);
			t.equal(await client.heard(1), '!');
			libc.send(backend, buffer, 1, 2, 0);
			t.equal(await client.heard(3), '!ok');
			client.fin();
			libc.close(backend);
			t.equal(await client.ending(), 'fin');
		},
	},
	allTargets(['epoll']),
	['epoll'],
);
