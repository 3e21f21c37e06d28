import type { SessionAction } from '../core/session-io.ts';
import type { Side } from '../core/units.ts';

/** The actions without facts of their own: one object each, for all sessions. */
export const HOLD: SessionAction = { type: 'hold' };
export const CANCEL_CONNECT: SessionAction = { type: 'cancel-connect' };
export const CLOSE_FIN: SessionAction = { type: 'close', manner: 'fin' };
export const CLOSE_RESET: SessionAction = { type: 'close', manner: 'reset' };
export const SHUTDOWN: Readonly<Record<Side, SessionAction>> = {
	client: { type: 'shutdown', side: 'client' },
	backend: { type: 'shutdown', side: 'backend' },
};
export const FLUSH: Readonly<Record<Side, SessionAction>> = {
	client: { type: 'flush', side: 'client' },
	backend: { type: 'flush', side: 'backend' },
};
