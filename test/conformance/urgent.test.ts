import { AF_INET, SOCK_STREAM } from '../../src/engine/epoll/layouts.ts';
import { SocketAddress } from '../../src/engine/epoll/sockaddr.ts';
import { startBackend } from '../support/echo.ts';
import { allTargets } from '../support/harness.ts';
import { libc } from '../support/native-tools.ts';
import { configOf } from '../support/net-config.ts';
import { conformance } from '../support/net-rules.ts';
import { digestOf, patternOf, peerOf, until } from '../support/peers.ts';

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
	},
	allTargets(['epoll']),
	['epoll'],
);
