import {
	AF_UNIX,
	EFD_CLOEXEC,
	EFD_NONBLOCK,
	EPOLL_CLOEXEC,
	O_CLOEXEC,
	O_NONBLOCK,
	SOCK_CLOEXEC,
	SOCK_NONBLOCK,
	SOCK_STREAM,
} from './layouts.ts';
import { Libc } from './libc.ts';

/**
 * The C library, proven to do here what this engine needs: an epoll set, a bell, and bytes through a socket pair
 * and a pipe by splice. Answers it, or the reason why not.
 */
export function openTestedLibc(): { readonly libc: Libc } | { readonly reason: string } {
	try {
		const libc = new Libc();
		const reason = trySplice(libc) ?? tryBell(libc);
		return reason === null ? { libc } : { reason };
	} catch (error) {
		return { reason: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) };
	}
}

function trySplice(libc: Libc): string | null {
	const pair = libc.socketPair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
	const pipe = libc.pipe(O_NONBLOCK | O_CLOEXEC);
	if (typeof pair === 'number') return `socketpair failed with error ${-pair}`;
	if (typeof pipe === 'number') return `pipe2 failed with error ${-pipe}`;
	const buffer = libc.allocate(4);
	buffer.bytes.set([1, 2, 3, 4]);
	const sent = libc.send(pair[0], buffer, 0, 4, 0);
	const spliced = libc.splice(pair[1], pipe[1], 4, 0);
	const back = libc.splice(pipe[0], pair[1], 4, 0);
	buffer.bytes.fill(0);
	const got = libc.recv(pair[0], buffer, 0, 4, 0);
	for (const fd of [...pair, ...pipe]) libc.close(fd);
	if (sent === 4 && spliced === 4 && back === 4 && got === 4 && buffer.bytes[3] === 4) return null;
	return `splice does not work here (${sent}, ${spliced}, ${back}, ${got})`;
}

function tryBell(libc: Libc): string | null {
	const bell = libc.eventfd(EFD_NONBLOCK | EFD_CLOEXEC);
	const epoll = libc.epollCreate(EPOLL_CLOEXEC);
	const rung = libc.signal(bell);
	const heard = libc.takeSignals(bell);
	for (const fd of [bell, epoll]) if (fd >= 0) libc.close(fd);
	if (bell >= 0 && epoll >= 0 && rung === 8 && heard === 8) return null;
	return `eventfd or epoll does not work here (${bell}, ${epoll}, ${rung}, ${heard})`;
}
