import fc from 'fast-check';
import t from 'tap';
import { AF_INET, AF_INET6, AF_UNIX, SOCKADDR_BYTES } from '../../../src/engine/epoll/layouts.ts';
import { addressFor, SocketAddress } from '../../../src/engine/epoll/sockaddr.ts';
import { formatAddress } from '../../../src/policy/address.ts';
import { libc } from '../../support/native-tools.ts';

t.test('an IPv4 address is laid out as the kernel has it', async (t) => {
	const address = new SocketAddress(libc);
	t.equal(address.put({ type: 'tcp', host: '192.0.2.7', port: 0x1234 }), AF_INET);
	t.equal(address.length, 16);
	t.same([...address.buffer.bytes.subarray(0, 16)], [2, 0, 0x12, 0x34, 192, 0, 2, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
});

t.test('an IPv6 address is, too', async (t) => {
	const address = new SocketAddress(libc);
	t.equal(address.put({ type: 'tcp', host: '2001:db8::1', port: 443 }), AF_INET6);
	t.equal(address.length, 28);
	const bytes = [10, 0, 1, 187, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
	t.same([...address.buffer.bytes.subarray(0, 28)], bytes);
});

t.test('an IPv4-mapped address is its IPv4 address', async (t) => {
	const address = new SocketAddress(libc);
	t.equal(address.put({ type: 'tcp', host: '::ffff:192.0.2.7', port: 1 }), AF_INET);
});

t.test('a path ends with a zero and may have 107 bytes', async (t) => {
	const address = new SocketAddress(libc);
	address.buffer.bytes.fill(255);
	t.equal(address.put({ type: 'unix', path: '/a' }), AF_UNIX);
	t.equal(address.length, 5);
	t.same([...address.buffer.bytes.subarray(0, 5)], [1, 0, 47, 97, 0]);
	t.same(address.take(), { address: null, port: 0 }, 'it has no address');
	const longest = `/${'x'.repeat(SOCKADDR_BYTES - 4)}`;
	address.put({ type: 'unix', path: longest });
	t.equal(address.length, SOCKADDR_BYTES);
	t.throws(() => address.put({ type: 'unix', path: `${longest}x` }), RangeError);
	t.throws(() => address.put({ type: 'unix', path: `/${'é'.repeat(60)}` }), RangeError, 'bytes, not letters');
});

t.test('what is no address is refused', async (t) => {
	const address = new SocketAddress(libc);
	for (const host of ['', 'localhost', '1.2.3', '1.2.3.4.5', '256.0.0.1', '::g', '[::1]']) {
		t.throws(() => address.put({ type: 'tcp', host, port: 1 }), RangeError, host);
		t.equal(addressFor(libc, { type: 'tcp', host, port: 1 }), null, host);
	}
});

t.test('any address and port come back as they went in', async (t) => {
	const address = new SocketAddress(libc);
	const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
	const v4 = word.map((d) => ({ a: 0, b: 0, c: 0xffff, d }));
	const v6 = fc.record({ a: word, b: word, c: word, d: word });
	const back = fc.property(fc.oneof(v4, v6), fc.integer({ min: 0, max: 65_535 }), (given, port) => {
		address.put({ type: 'tcp', host: formatAddress(given), port });
		const taken = address.take();
		return taken.address !== null && formatAddress(taken.address) === formatAddress(given) && taken.port === port;
	});
	t.doesNotThrow(() => fc.assert(back));
});
