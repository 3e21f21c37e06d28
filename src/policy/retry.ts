import type { RetryPolicy } from '../core/snapshot.ts';

/**
 * Delay before the next try, in milliseconds: doubles with every failure up to `maxBackoffMs`, of which
 * a random half is taken off, so that sessions that failed together do not come back together
 * ("equal jitter", Brooker, Exponential Backoff and Jitter, 2015). `failures` counts from 1.
 */
export function backoffMs(policy: RetryPolicy, failures: number, random: number): number {
	const full = Math.min(policy.maxBackoffMs, policy.backoffMs * 2 ** Math.min(failures - 1, 30));
	return full * (0.5 + random * 0.5);
}
