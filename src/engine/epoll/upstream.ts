import type { SocketTarget } from '../../core/address.ts';
import type { BackendSnapshot, KeepAlive, PoolSnapshot } from '../../core/snapshot.ts';
import { MS_PER_SECOND } from '../../core/units.ts';
import { type End, NO_FD } from './end.ts';
import { ERRNO } from './errno.ts';
import {
	AF_UNIX,
	IP_BIND_ADDRESS_NO_PORT,
	IPPROTO_IP,
	IPPROTO_TCP,
	SO_KEEPALIVE,
	SO_OOBINLINE,
	SOCK_CLOEXEC,
	SOCK_NONBLOCK,
	SOCK_STREAM,
	SOL_SOCKET,
	TCP_KEEPCNT,
	TCP_KEEPIDLE,
	TCP_KEEPINTVL,
	TCP_NODELAY,
} from './layouts.ts';
import type { Libc } from './libc.ts';
import { NO_SOCKET } from './resting-sockets.ts';
import { addressFor, type SocketAddress } from './sockaddr.ts';
import type { Tools } from './tools.ts';

/** `fd` negative: the negated error number. `connected`: at once, as on loopback and unix-domain sockets. */
export interface OpenedUpstream {
	readonly fd: number;
	readonly connected: boolean;
	/** It is one that rested, and is in the epoll set. */
	readonly registered: boolean;
	/** See `End`. */
	readonly restsAs: number;
}

const STREAM = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
/** A session that moved more has made its socket's buffers grow. */
const MOST_MOVED_BYTES = 65_536;
const SHORT: ReadonlySet<number> = new Set([-ERRNO.EMFILE, -ERRNO.ENFILE]);

/** Starts a connect to a backend. One address, one try: choosing another is the session's business. */
export function openUpstream(tools: Tools, pool: PoolSnapshot, backend: BackendSnapshot): OpenedUpstream {
	const { libc } = tools;
	const address = addressOf(libc, backend.target);
	if (address === null) return refused(-ERRNO.EINVAL);
	const restsAs = pool.sourceAddress === null && address.family !== AF_UNIX ? address.family : 0;
	const rested = restsAs === 0 ? null : connectRested(tools, address, restsAs);
	if (rested !== null) return rested;
	let fd = libc.socket(address.family, STREAM);
	if (SHORT.has(fd) && tools.resting.giveUp()) fd = libc.socket(address.family, STREAM);
	if (SHORT.has(fd) && tools.spare.lend()) fd = libc.socket(address.family, STREAM);
	if (fd < 0) return refused(fd);
	const bound = address.family === AF_UNIX ? 0 : bindSource(tools, fd, pool.sourceAddress);
	if (bound < 0) return failed(tools, fd, bound);
	const result = libc.connect(fd, address.buffer, address.length);
	if (result !== 0 && result !== -ERRNO.EINPROGRESS) return failed(tools, fd, result);
	return { fd, connected: result === 0, registered: false, restsAs };
}

/** Null when none rests, or it cannot be connected again: a new one is tried then. */
function connectRested(tools: Tools, address: SocketAddress, restsAs: number): OpenedUpstream | null {
	const { libc, resting, poller } = tools;
	const fd = resting.take(restsAs);
	if (fd === NO_SOCKET) return null;
	const result = libc.connect(fd, address.buffer, address.length);
	if (result === 0 || result === -ERRNO.EINPROGRESS) {
		return { fd, connected: result === 0, registered: true, restsAs };
	}
	poller.forget(fd);
	libc.close(fd);
	return null;
}

/**
 * Leaves the socket of a session that is over to later connects, if its connection has ended in order and nothing is
 * different about it; true: it is the session's no more. Buffers that have grown stay so large, and keep-alive is
 * another listener's: TCP_NODELAY may stay, since a first piece never waits.
 */
export function leaveUpstream({ libc, resting }: Tools, end: End, movedBytes: number, tuned: boolean): boolean {
	const { fd, restsAs } = end;
	if (restsAs === 0 || !end.finSent || end.lost || movedBytes > MOST_MOVED_BYTES) return false;
	if (!resting.rest(fd, restsAs)) return false;
	if (tuned) libc.setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
	end.fd = NO_FD;
	return true;
}

/** Written down once for each backend of a snapshot, since that takes longer than many a system call. */
const ADDRESSES = new WeakMap<SocketTarget, SocketAddress | null>();

/** Null when there is no such socket address. */
function addressOf(libc: Libc, target: SocketTarget): SocketAddress | null {
	const known = ADDRESSES.get(target);
	if (known !== undefined) return known;
	const address = addressFor(libc, target);
	ADDRESSES.set(target, address);
	return address;
}

/** Small pieces do not wait for the acknowledgement of those before (tcp(7), TCP_NODELAY). */
export function sendAtOnce(libc: Libc, fd: number): void {
	libc.setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

/** Urgent data is read in its place. Sockets that were accepted have this from their listener; here it is set when there is need. */
export function keepUrgentByte(libc: Libc, end: End): void {
	end.restsAs = 0;
	if (!end.unix) libc.setOption(end.fd, SOL_SOCKET, SO_OOBINLINE, 1);
}

/** TCP_NODELAY and keep-alive. */
export function tuneUpstream(libc: Libc, fd: number, keepAlive: KeepAlive): void {
	sendAtOnce(libc, fd);
	setKeepAlive(libc, fd, keepAlive);
}

/** The kernel counts whole seconds; what is accepted from a listener inherits its setting (tcp(7)). */
export function setKeepAlive(libc: Libc, fd: number, { idleMs, intervalMs, count }: KeepAlive): void {
	libc.setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	libc.setOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, Math.max(1, Math.round(idleMs / MS_PER_SECOND)));
	libc.setOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, Math.max(1, Math.round(intervalMs / MS_PER_SECOND)));
	libc.setOption(fd, IPPROTO_TCP, TCP_KEEPCNT, count);
}

/** The port is left to connect(2), so that it can be shared between backends (ip(7)). */
function bindSource(tools: Tools, fd: number, sourceAddress: string | null): number {
	if (sourceAddress === null) return 0;
	const { libc, address } = tools;
	libc.setOption(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	address.put({ type: 'tcp', host: sourceAddress, port: 0 });
	return libc.bind(fd, address.buffer, address.length);
}

function failed(tools: Tools, fd: number, error: number): OpenedUpstream {
	tools.libc.close(fd);
	return refused(error);
}

const refused = (error: number): OpenedUpstream => ({ fd: error, connected: false, registered: false, restsAs: 0 });
