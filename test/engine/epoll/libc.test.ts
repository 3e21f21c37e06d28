import t from 'tap';
import { DescriptorTable } from '../../../src/engine/epoll/descriptors.ts';
import { ERRNO, errnoName } from '../../../src/engine/epoll/errno.ts';
import {
	AF_INET,
	AF_UNIX,
	EPOLL_CLOEXEC,
	EPOLL_CTL_ADD,
	F_SETPIPE_SZ,
	IPPROTO_TCP,
	O_CLOEXEC,
	O_NONBLOCK,
	SHUT_WR,
	SO_ERROR,
	SO_KEEPALIVE,
	SO_LINGER,
	SOCK_CLOEXEC,
	SOCK_NONBLOCK,
	SOCK_STREAM,
	SOL_SOCKET,
	TCP_NODELAY,
} from '../../../src/engine/epoll/layouts.ts';
import { Libc, type NativeBuffer } from '../../../src/engine/epoll/libc.ts';
import { libc, pipeEnds, put, socketPair, take } from '../../support/native-tools.ts';

const CLOSED_FD = 1_000_000;
const STREAM = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

t.test('what fails answers its error number, negated', async (t) => {
	const buffer = libc.allocate(64);
	const failures: Readonly<Record<string, () => number | readonly number[]>> = {
		close: () => libc.close(CLOSED_FD),
		recv: () => libc.recv(CLOSED_FD, buffer, 0, 1, 0),
		send: () => libc.send(CLOSED_FD, buffer, 0, 1, 0),
		bind: () => libc.bind(CLOSED_FD, buffer, 16),
		listen: () => libc.listen(CLOSED_FD, 1),
		accept: () => libc.accept(CLOSED_FD, buffer, 0),
		connect: () => libc.connect(CLOSED_FD, buffer, 16),
		getsockname: () => libc.getsockname(CLOSED_FD, buffer),
		setOption: () => libc.setOption(CLOSED_FD, SOL_SOCKET, SO_KEEPALIVE, 1),
		getOption: () => libc.getOption(CLOSED_FD, SOL_SOCKET, SO_ERROR),
		resetOnClose: () => libc.resetOnClose(CLOSED_FD, { level: SOL_SOCKET, name: SO_LINGER }),
		shutdown: () => libc.shutdown(CLOSED_FD, SHUT_WR),
		fcntl: () => libc.fcntl(CLOSED_FD, F_SETPIPE_SZ, 65_536),
		splice: () => libc.splice(CLOSED_FD, CLOSED_FD, 1, 0),
		epollWait: () => libc.epollWait(CLOSED_FD, buffer, 1, 0),
		epollCtl: () => libc.epollCtl(CLOSED_FD, EPOLL_CTL_ADD, 0, buffer),
		signal: () => libc.signal(CLOSED_FD),
		takeSignals: () => libc.takeSignals(CLOSED_FD),
	};
	for (const [call, run] of Object.entries(failures)) t.equal(run(), -ERRNO.EBADF, call);
	t.equal(libc.socket(9_999, SOCK_STREAM), -ERRNO.EAFNOSUPPORT);
	t.equal(libc.pipe(0x7fffffff), -ERRNO.EINVAL);
	t.equal(libc.socketPair(AF_INET, SOCK_STREAM), -95, 'EOPNOTSUPP');
	t.equal(libc.epollCreate(12_345), -ERRNO.EINVAL);
	t.equal(errnoName(-95), 'errno 95');
	t.equal(errnoName(-ERRNO.EBADF), 'EBADF');
	t.equal(errnoName(111), 'ECONNREFUSED');
});

t.test('bytes pass, in part and whole, and the end is 0', async (t) => {
	const { a, b } = socketPair(t);
	const buffer = libc.allocate(16);
	t.equal(libc.recv(b, buffer, 0, 16, 0), -ERRNO.EAGAIN);
	buffer.bytes.set([1, 2, 3, 4, 5]);
	t.equal(libc.send(a, buffer, 1, 3, 0), 3);
	buffer.bytes.fill(0);
	t.equal(libc.recv(b, buffer, 8, 8, 0), 3);
	t.same([...buffer.bytes.subarray(8, 11)], [2, 3, 4]);
	t.equal(libc.shutdown(a, SHUT_WR), 0);
	t.equal(libc.recv(b, buffer, 0, 16, 0), 0);
});

t.test('options are written and read back', async (t) => {
	const fd = libc.socket(AF_INET, STREAM);
	t.teardown(() => libc.close(fd));
	t.equal(libc.getOption(fd, IPPROTO_TCP, TCP_NODELAY), 0);
	t.equal(libc.setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1), 0);
	t.equal(libc.getOption(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	t.equal(libc.getOption(fd, SOL_SOCKET, SO_ERROR), 0);
});

t.test('a pipe takes what splice brings', async (t) => {
	const { a, b } = socketPair(t);
	const { from, to } = pipeEnds(t);
	put(a, 'through a pipe');
	t.equal(libc.splice(b, to, 100, 0), 14);
	t.equal(libc.splice(from, b, 100, 0), 14);
	t.equal(take(a), 'through a pipe');
});

t.test('what does not lie inside its buffer is refused before the call', async (t) => {
	const { a } = socketPair(t);
	const small = libc.allocate(8);
	const outside: readonly (readonly [string, (buffer: NativeBuffer) => void])[] = [
		['recv past the end', (buffer) => libc.recv(a, buffer, 4, 5, 0)],
		['recv before the start', (buffer) => libc.recv(a, buffer, -1, 2, 0)],
		['send of a negative length', (buffer) => libc.send(a, buffer, 0, -1, 0)],
		['send past the end', (buffer) => libc.send(a, buffer, 0, 9, 0)],
		['bind', (buffer) => libc.bind(a, buffer, 9)],
		['connect', (buffer) => libc.connect(a, buffer, 9)],
		['epollCtl', (buffer) => libc.epollCtl(a, EPOLL_CTL_ADD, a, buffer)],
		['epollWait', (buffer) => libc.epollWait(a, buffer, 1, 0)],
	];
	for (const [call, run] of outside) t.throws(() => run(small), RangeError, call);
});

t.test('buffers are memory of their own, small ones too', async (t) => {
	const buffers = Array.from({ length: 64 }, (_, i) => libc.allocate(i + 1));
	t.equal(new Set(buffers.map(({ address }) => address)).size, 64);
	t.ok(buffers.every(({ bytes }) => bytes.byteOffset === 0 && bytes.buffer.byteLength === bytes.length));
});

t.test('who has a descriptor is written down when it opens and struck out when it closes', async (t) => {
	const table = new DescriptorTable(DescriptorTable.memoryFor(1024));
	const noting = new Libc({ owners: table.owners, mark: DescriptorTable.markOf(3) });
	const before = [...table.abandoned(3)];
	t.same(before, []);
	const pair = noting.socketPair(AF_UNIX, STREAM);
	const pipe = noting.pipe(O_NONBLOCK | O_CLOEXEC);
	if (typeof pair === 'number' || typeof pipe === 'number') throw new Error('no descriptors');
	const fds = [noting.socket(AF_INET, STREAM), noting.epollCreate(EPOLL_CLOEXEC), ...pair, ...pipe];
	for (const fd of fds) t.equal(table.owners[fd], 4, `descriptor ${fd}`);
	const [first = -1, ...others] = fds;
	noting.close(first);
	t.equal(table.owners[first], 0);
	t.same([...table.abandoned(2)], [], "another worker's");
	t.same(
		[...table.abandoned(3)],
		others.sort((x, y) => x - y),
	);
	t.same([...table.abandoned(3)], [], 'they are given once');
	for (const fd of others) noting.close(fd);
});

t.test('a refused open writes nothing down', async (t) => {
	const table = new DescriptorTable(DescriptorTable.memoryFor(1024));
	const noting = new Libc({ owners: table.owners, mark: 1 });
	noting.socket(9_999, SOCK_STREAM);
	noting.close(-1);
	t.same([...table.abandoned(0)], []);
	t.ok(table.owners.every((owner) => owner === 0));
});

t.test('the table is as large as the limit, within reason', async (t) => {
	t.equal(DescriptorTable.memoryFor(10).byteLength, 1024 * 4);
	t.equal(DescriptorTable.memoryFor(5_000).byteLength, 5_000 * 4);
	t.equal(DescriptorTable.memoryFor(Number.POSITIVE_INFINITY).byteLength, 2 ** 20 * 4);
});
