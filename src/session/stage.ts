import type { Outcome } from '../core/outcome.ts';
import type { SessionAction, SessionEvent } from '../core/session-io.ts';
import type { RefusalDecision } from '../policy/admission.ts';
import type { SessionDesk } from './context.ts';
import type { Journal } from './journal.ts';
import type { SessionState } from './state.ts';

/** What a client is asked to send first. */
export type Awaited = 'proxy-header' | 'client-hello';

/** Where a session goes from here. */
export type Next =
	/** Into this state, for so long at the most; with an action, if the engine is to do something. */
	| {
			readonly to: 'enter';
			readonly state: SessionState;
			readonly withinMs: number;
			readonly action: SessionAction | null;
	  }
	/** Nowhere: the state and its deadline stay. */
	| { readonly to: 'stay'; readonly action: SessionAction }
	/** The client is refused, but held unanswered or delayed. */
	| { readonly to: 'hold'; readonly refusal: RefusalDecision }
	/** The client is known and routed; this stage goes on. */
	| { readonly to: 'dispatch'; readonly stage: Dispatching }
	| { readonly to: 'relay' }
	| { readonly to: 'end'; readonly outcome: Outcome; readonly detail: string | null; readonly manner: 'fin' | 'reset' };

/** What a session lends to its stages; the engine tells it of its turn in a queue. */
export interface Traveller {
	readonly desk: SessionDesk;
	readonly journal: Journal;
}

/** What decides for a session before its relay: by the snapshot the client came in with, so it is let go when the relay begins. */
export interface Stage {
	readonly snapshotId: number;
	/** What an event means in a state that is this stage's. Null: nothing changes. */
	hear(state: SessionState, event: SessionEvent, nowNs: number, out: SessionAction[]): Next | null;
	/** The state has lasted as long as it may. */
	expire(state: SessionState, nowNs: number, out: SessionAction[]): Next | null;
	/** The session ends in this state. */
	leave(state: SessionState, nowNs: number, out: SessionAction[]): void;
}

/** The stage that looks for a backend. */
export interface Dispatching extends Stage {
	findPlace(nowNs: number): Next;
}

export const RELAY: Next = { to: 'relay' };
export const CLIENT_LEFT: Next = { to: 'end', outcome: 'client-left', detail: null, manner: 'fin' };
export const CLIENT_RESET: Next = { to: 'end', outcome: 'client-reset', detail: null, manner: 'reset' };
export const NO_ROUTE: Next = { to: 'end', outcome: 'no-route', detail: null, manner: 'fin' };

export const enter = (state: SessionState, withinMs: number, action: SessionAction | null = null): Next => ({
	to: 'enter',
	state,
	withinMs,
	action,
});

/** The client is turned away politely. */
export const turnAway = (outcome: Outcome, detail: string): Next => ({ to: 'end', outcome, detail, manner: 'fin' });
