import type { RelayMeter } from '../core/session-io.ts';
import type { ListenerTimeouts } from '../core/snapshot.ts';
import type { Journal } from './journal.ts';
import { after, EARLY_RESET_MS } from './timers.ts';

/** How long the relay may be without a byte; null: for ever. */
export function quietMs({ idleMs, halfCloseMs }: ListenerTimeouts, journal: Journal): number | null {
	return isHalfClosed(journal) ? halfCloseMs : idleMs;
}

export const isHalfClosed = ({ clientEnded, backendEnded }: Journal): boolean => clientEnded || backendEnded;

/**
 * When the relay will have been quiet for too long: bytes do not move deadlines, so the quiet time may have begun anew since
 * one was set. While a gate holds a direction back it has not begun.
 */
export function quietUntilNs(timeouts: ListenerTimeouts, journal: Journal, meter: RelayMeter, nowNs: number): number {
	const heldBack = meter.throttledSinceNs > 0;
	const since = heldBack ? nowNs : Math.max(meter.lastByteNs, journal.relayNs, journal.eofNs);
	return after(since, quietMs(timeouts, journal));
}

/**
 * Whether a backend's reset counts against it. Only soon after the connect, and while the client has sent nothing, not even
 * its FIN: no client may get a backend ejected by what it sends, nor by a silence that the backend loses patience with.
 */
export function isEarlyReset({ relayNs, clientEnded }: Journal, meter: RelayMeter, nowNs: number): boolean {
	const untouched = meter.uploadBytes === 0 && meter.downloadBytes === 0 && !clientEnded;
	return untouched && nowNs <= after(relayNs, EARLY_RESET_MS);
}
