import { constants } from 'node:os';
import t from 'tap';
import { ERRNO } from '../../../src/engine/epoll/errno.ts';
import { EPOLL_CTL_ADD, EPOLLIN, LAYOUTS } from '../../../src/engine/epoll/layouts.ts';
import { epollFd, libc, put, socketPair } from '../../support/native-tools.ts';

t.test('glibc and musl on x64 and arm64 are known; what was never run says so', async (t) => {
	t.same([...LAYOUTS.keys()].sort(), ['glibc-arm64', 'glibc-x64', 'musl-arm64', 'musl-x64']);
	const tested = [...LAYOUTS].filter(([, layout]) => layout.tested).map(([name]) => name);
	t.same(tested, ['glibc-x64']);
});

t.test('epoll_event is packed on x64 alone', async (t) => {
	for (const [name, { epollEventWords, epollDataWord }] of LAYOUTS) {
		t.same([epollEventWords, epollDataWord], name.endsWith('x64') ? [3, 1] : [4, 2], name);
	}
});

t.test(
	'the layout of this machine is the one the kernel has: what is stored with a descriptor comes back',
	async (t) => {
		const { epollEventWords: words, epollDataWord: at } = libc.layout;
		const epoll = epollFd(t);
		const event = libc.allocate(words * 4);
		const view = new Int32Array(event.bytes.buffer);
		const pairs = [socketPair(t), socketPair(t), socketPair(t)];
		for (const [i, { a, b }] of pairs.entries()) {
			view[0] = EPOLLIN;
			view[at] = 1_000 + i;
			view[at + 1] = -7 - i;
			t.equal(libc.epollCtl(epoll, EPOLL_CTL_ADD, b, event), 0);
			put(a, 'x');
		}
		const found = libc.allocate(8 * words * 4);
		const count = libc.epollWait(epoll, found, 8, 1_000);
		const got = new Int32Array(found.bytes.buffer);
		const seen = Array.from({ length: count }, (_, i) => [
			got[i * words],
			got[i * words + at],
			got[i * words + at + 1],
		]);
		t.same(
			seen.sort((x, y) => Number(x[1]) - Number(y[1])),
			[
				[1, 1_000, -7],
				[1, 1_001, -8],
				[1, 1_002, -9],
			],
		);
	},
);

t.test('error numbers are those of this system', async (t) => {
	for (const [name, number] of Object.entries(ERRNO)) {
		const own = constants.errno[name as keyof typeof constants.errno] as number | undefined;
		if (own !== undefined) t.equal(number, own, name);
	}
});
