import { readFileSync } from 'node:fs';

/** Systems whose SO_REUSEPORT spreads connections over several listeners, as libuv has it (`uv_tcp_bind`, UV_TCP_REUSEPORT). */
const REUSE_PORT_SYSTEMS: readonly string[] = ['linux', 'freebsd', 'sunos', 'aix'];

/** Whether every worker can have its own listening socket on one address; without it only worker 0 listens. */
export const canReusePort = (platform: string): boolean => REUSE_PORT_SYSTEMS.includes(platform);

/** Used where the system does not tell its maximum; kernels cut it down by themselves. */
const FALLBACK_BACKLOG = 4096;

/** The longest accept queue that this system allows (Linux: net.core.somaxconn, listen(2)). */
export function systemBacklog(): number {
	try {
		const value = Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'));
		return Number.isSafeInteger(value) && value > 0 ? value : FALLBACK_BACKLOG;
	} catch {
		return FALLBACK_BACKLOG;
	}
}
