import { connect, type Socket } from 'node:net';
import type { BackendSnapshot, KeepAlive, PoolSnapshot } from '../../core/snapshot.ts';

/**
 * Starts a connect to a backend. One address, one try: choosing another is the session's business.
 * @throws what `net.connect` throws for options it does not take.
 */
export function openUpstream(pool: PoolSnapshot, backend: BackendSnapshot, keepAlive: KeepAlive): Socket {
	const { target } = backend;
	if (target.type === 'unix') return connect({ path: target.path, allowHalfOpen: true });
	const socket = connect({
		host: target.host,
		port: target.port,
		...(pool.sourceAddress === null ? {} : { localAddress: pool.sourceAddress }),
		allowHalfOpen: true,
		autoSelectFamily: false,
		noDelay: true,
	});
	return withKeepAlive(socket, keepAlive);
}

/** TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT; Node counts whole seconds. Before 24.19 it knows the first alone. */
export const withKeepAlive = (socket: Socket, { idleMs, intervalMs, count }: KeepAlive): Socket =>
	socket.setKeepAlive(true, wholeSeconds(idleMs), wholeSeconds(intervalMs), count);

/** 0 would mean "leave it as it is". */
const wholeSeconds = (ms: number): number => Math.max(1_000, ms);
