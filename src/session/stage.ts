import type { Granted } from '../core/desk.ts';
import type { Outcome } from '../core/outcome.ts';
import type { SessionAction, SessionEvent } from '../core/session-io.ts';
import type { PoolSnapshot, TerminateTls } from '../core/snapshot.ts';
import type { RefusalDecision } from '../policy/admission.ts';
import type { SessionDesk } from './context.ts';
import type { Journal } from './journal.ts';
import type { SessionState } from './state.ts';

/** What a client is asked to send first. */
export type Awaited = 'proxy-header' | 'client-hello';

/** Where a session goes from here; it changes its state and its deadline accordingly. */
export type Next =
	/** The client is refused, but held unanswered or delayed. */
	| { readonly to: 'hold'; readonly refusal: RefusalDecision }
	/** A limit that lets clients wait has no room: come to the gates again after so long. */
	| { readonly to: 'pause'; readonly delayMs: number }
	/** More of what the client sends has to be read; `withinMs` counts from when the first of it was awaited. */
	| {
			readonly to: 'read';
			readonly awaited: Awaited;
			readonly withinMs: number;
			readonly beyond: number;
			readonly atMost: number;
	  }
	| { readonly to: 'handshake'; readonly tls: TerminateTls; readonly serverName: string | null }
	/** The client is known and routed; this stage goes on. */
	| { readonly to: 'dispatch'; readonly stage: Dispatching }
	/** Wait in this pool's queue. */
	| { readonly to: 'queue'; readonly pool: PoolSnapshot }
	| { readonly to: 'connect'; readonly place: Granted; readonly preface: Uint8Array | null }
	/** The connected backend is asked for TLS (`greet`), or TLS with it begins (`secure`). */
	| {
			readonly to: 'step-up';
			readonly state: 'greeting' | 'securing';
			readonly action: SessionAction;
			readonly withinMs: number;
	  }
	/** Try again after so long. */
	| { readonly to: 'retry'; readonly delayMs: number }
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

/** The client is turned away politely. */
export const turnAway = (outcome: Outcome, detail: string): Next => ({ to: 'end', outcome, detail, manner: 'fin' });
