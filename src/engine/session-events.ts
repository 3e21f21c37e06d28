import type { SessionEvent } from '../core/session-io.ts';
import type { Side } from '../core/units.ts';

/** The events without facts of their own: one object each, for all sessions. */
export const ACCEPTED: SessionEvent = { type: 'accepted' };
export const EARLY_BYTES: SessionEvent = { type: 'early-bytes' };
export const CONNECTED: SessionEvent = { type: 'connected' };
export const UPSTREAM_TLS_READY: SessionEvent = { type: 'upstream-tls-ready' };
export const RELAY_ENDED: SessionEvent = { type: 'relay-ended' };
export const CLOSED: SessionEvent = { type: 'closed' };
export const EOF: Readonly<Record<Side, SessionEvent>> = {
	client: { type: 'eof', side: 'client' },
	backend: { type: 'eof', side: 'backend' },
};
export const RESET: Readonly<Record<Side, SessionEvent>> = {
	client: { type: 'reset', side: 'client' },
	backend: { type: 'reset', side: 'backend' },
};
export const FLUSHED: Readonly<Record<Side, SessionEvent>> = {
	client: { type: 'flushed', side: 'client' },
	backend: { type: 'flushed', side: 'backend' },
};
