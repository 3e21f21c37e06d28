import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import {
	AF_INET,
	AF_UNIX,
	EPOLL_CLOEXEC,
	F_SETFL,
	MSG_DONTWAIT,
	O_CLOEXEC,
	O_NONBLOCK,
	SOCK_CLOEXEC,
	SOCK_NONBLOCK,
	SOCK_STREAM,
} from '../../src/engine/epoll/layouts.ts';
import { Libc } from '../../src/engine/epoll/libc.ts';
import { openListeningSocket } from '../../src/engine/epoll/listening-sockets.ts';
import { SocketAddress } from '../../src/engine/epoll/sockaddr.ts';
import type { Teardown } from './echo.ts';

/** One for a whole test file: it is bound to the thread, not to a test. */
export const libc = new Libc();

/** Two connected non-blocking stream sockets; closed with the test, unless `closed` was told. */
export function socketPair(t: Teardown): { readonly a: number; readonly b: number } {
	const pair = libc.socketPair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (typeof pair === 'number') throw new Error(`socketpair: ${pair}`);
	const [a, b] = pair;
	t.teardown(() => {
		for (const fd of pair) libc.close(fd);
	});
	return { a, b };
}

/** As `socketPair`, of sockets that wait. */
export function blockingPair(t: Teardown): { readonly a: number; readonly b: number } {
	const pair = socketPair(t);
	for (const fd of [pair.a, pair.b]) libc.fcntl(fd, F_SETFL, 0);
	return pair;
}

/** Descriptors this process has open. */
export const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

/** As `socketPair`, over TCP. */
export function tcpPair(t: Teardown): { readonly a: number; readonly b: number } {
	const bind = { target: { type: 'tcp', host: '127.0.0.1', port: 0 }, v6Only: false } as const;
	const listener = openListeningSocket(libc, bind, false, 1);
	const address = new SocketAddress(libc);
	libc.getsockname(listener, address.buffer);
	const a = libc.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
	libc.connect(a, address.buffer, 16);
	const b = libc.accept(listener, address.buffer, SOCK_NONBLOCK | SOCK_CLOEXEC);
	libc.close(listener);
	if (a < 0 || b < 0) throw new Error(`no connection: ${a}, ${b}`);
	t.teardown(() => {
		for (const fd of [a, b]) libc.close(fd);
	});
	return { a, b };
}

/** Sends a text whole. */
export function put(fd: number, text: string): void {
	const bytes = Buffer.from(text, 'latin1');
	const buffer = libc.allocate(Math.max(bytes.length, 1));
	buffer.bytes.set(bytes);
	const sent = libc.send(fd, buffer, 0, bytes.length, 0);
	if (sent !== bytes.length) throw new Error(`sent ${sent} of ${bytes.length}`);
}

/** What is there to be read now; null at the end, a negated error number when it failed. */
export function take(fd: number, most = 65_536): string | number | null {
	const buffer = libc.allocate(most);
	const got = libc.recv(fd, buffer, 0, most, MSG_DONTWAIT);
	if (got < 0) return got;
	return got === 0 ? null : Buffer.from(buffer.bytes.subarray(0, got)).toString('latin1');
}

/** An epoll descriptor, closed with the test. */
export function epollFd(t: Teardown): number {
	const fd = libc.epollCreate(EPOLL_CLOEXEC);
	t.teardown(() => void libc.close(fd));
	return fd;
}

/** The two ends of a pipe, closed with the test. */
export function pipeEnds(t: Teardown): { readonly from: number; readonly to: number } {
	const made = libc.pipe(O_NONBLOCK | O_CLOEXEC);
	if (typeof made === 'number') throw new Error(`pipe2: ${made}`);
	t.teardown(() => {
		for (const fd of made) libc.close(fd);
	});
	return { from: made[0], to: made[1] };
}

interface Koffi {
	load(path: null): { func(declaration: string): (...args: number[]) => number };
}

/** Sends a text with a descriptor beside it, as only unix-domain sockets can (unix(7), SCM_RIGHTS). */
export function putWithDescriptor(fd: number, text: string, passed: number): void {
	const sendmsg = (createRequire(import.meta.url)('koffi') as Koffi)
		.load(null)
		.func('int64_t sendmsg(int, int64_t, int)');
	const [bytes, memory] = [libc.allocate(text.length), libc.allocate(96)];
	bytes.bytes.set(Buffer.from(text, 'latin1'));
	const view = new DataView(memory.bytes.buffer);
	// struct msghdr, then at 56 its one iovec, at 72 its one control message: level SOL_SOCKET, type SCM_RIGHTS.
	for (const [at, value] of [
		[16, memory.address + 56],
		[24, 1],
		[32, memory.address + 72],
		[40, 24],
		[56, bytes.address],
		[64, text.length],
		[72, 20],
	] as const) {
		view.setBigUint64(at, BigInt(value), true);
	}
	view.setInt32(80, 1, true);
	view.setInt32(84, 1, true);
	view.setInt32(88, passed, true);
	if (sendmsg(fd, memory.address, 0) !== text.length) throw new Error('sendmsg failed');
}
