import type { BindSnapshot } from '../../core/snapshot.ts';
import { ERRNO } from './errno.ts';
import {
	AF_INET6,
	IPPROTO_IPV6,
	IPPROTO_TCP,
	IPV6_V6ONLY,
	SO_OOBINLINE,
	SO_REUSEADDR,
	SO_REUSEPORT,
	SOCK_CLOEXEC,
	SOCK_NONBLOCK,
	SOCK_STREAM,
	SOL_SOCKET,
	TCP_NODELAY,
} from './layouts.ts';
import type { Libc } from './libc.ts';
import { addressFor } from './sockaddr.ts';

/**
 * Opens a listening socket: non-blocking, its clients with TCP_NODELAY and urgent data in line from the start (they
 * inherit it). Answers the descriptor, or a negated error number with nothing left open.
 */
export function openListeningSocket(libc: Libc, bind: BindSnapshot, reusePort: boolean, backlog: number): number {
	const address = addressFor(libc, bind.target);
	if (address === null) return -ERRNO.EINVAL;
	const fd = libc.socket(address.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) return fd;
	if (bind.target.type === 'tcp') {
		libc.setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
		if (reusePort) libc.setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1);
		if (address.family === AF_INET6) libc.setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, bind.v6Only ? 1 : 0);
		libc.setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
		libc.setOption(fd, SOL_SOCKET, SO_OOBINLINE, 1);
	}
	const bound = libc.bind(fd, address.buffer, address.length);
	const result = bound < 0 ? bound : libc.listen(fd, backlog);
	if (result >= 0) return fd;
	libc.close(fd);
	return result;
}
