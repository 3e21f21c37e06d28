import type { Endpoint } from './address.ts';
import type { ConnectFailure } from './outcome.ts';
import type { BackendSnapshot, PoolSnapshot } from './snapshot.ts';
import type { Side } from './units.ts';

/** What is known of a client connection when it is accepted. */
export interface AcceptedFacts {
	/** Index into `Snapshot.listeners`. */
	readonly listener: number;
	/** The socket's remote end; address null on a unix-domain socket. */
	readonly peer: Endpoint;
}

/**
 * What an engine tells a session. Every event carries `nowNs` as an argument of `Session.handle`.
 * An engine reports each fact once, in the order in which it became known.
 */
export type SessionEvent =
	/** First event of every session. */
	| { readonly type: 'accepted' }
	/** The client sent its first byte before the relay began. */
	| { readonly type: 'early-bytes' }
	/** A side sent FIN and all its bytes have been read. */
	| { readonly type: 'eof'; readonly side: Side }
	/** A side was reset, or failed in a way that amounts to it. */
	| { readonly type: 'reset'; readonly side: Side }
	| { readonly type: 'connected' }
	| { readonly type: 'connect-failed'; readonly cause: ConnectFailure; readonly code: string }
	/** A place may stand ready for this session, which waits in a queue; never told from inside another step. */
	| { readonly type: 'grant' }
	/** All that was read from the other side has been taken by the kernel for this side; only after `flush`. */
	| { readonly type: 'flushed'; readonly side: Side }
	/** Both sides sent FIN, both got it, nothing is left to write. */
	| { readonly type: 'relay-ended' }
	/** `Session.deadlineNs` has passed. */
	| { readonly type: 'deadline' }
	/** Too many clients are held unanswered; this one, the oldest, has to go. */
	| { readonly type: 'evict' }
	/** The session may go on until `untilNs`, then ends with `outcome`. A later one only shortens. */
	| { readonly type: 'drain'; readonly untilNs: number; readonly outcome: 'drained' | 'shutdown' }
	/**
	 * Last event of every session, owed after `close`: the backend's socket is closed (at once when there
	 * was none). Only now are places given back, so that a cap holds at the backend itself, too.
	 */
	| { readonly type: 'closed' }
	/** End now. */
	| { readonly type: 'kill'; readonly outcome: 'drained' | 'shutdown' | 'internal-error' };

/**
 * What a session asks of its engine, in order. A step adds a few of these to the engine's list.
 * After `close` only `closed` follows; the session is over then and the engine forgets it.
 */
export type SessionAction =
	/** Answer the client's refusal in this manner; a `close` follows at once, or later when held. */
	| { readonly type: 'hold' }
	/** Open a connection to the backend. One at a time. */
	| { readonly type: 'connect'; readonly pool: PoolSnapshot; readonly backend: BackendSnapshot }
	/** Drop the pending connect without a trace; no event follows for it. */
	| { readonly type: 'cancel-connect' }
	/** Move bytes both ways, each direction as its gate allows; what the client sent early goes first. */
	| { readonly type: 'relay'; readonly gates: RelayGates }
	/** Send FIN to this side once all that was read for it is written. The other direction goes on. */
	| { readonly type: 'shutdown'; readonly side: Side }
	/** Read no more from either side; report `flushed` when what was read for this side is written. */
	| { readonly type: 'flush'; readonly side: Side }
	/** Close what is open of both sockets: FIN after what was written, or RST. Always the last action. */
	| { readonly type: 'close'; readonly manner: 'fin' | 'reset' };

/** One direction's way through its token buckets. The engine asks before it writes on, and keeps what may not pass. */
export interface RelayGate {
	/** How many of `want` bytes may pass now. 0: none; ask again at `readyNs`. */
	ask(want: number, nowNs: number): number;
	/** Monotonic; after `ask` answered 0. It may have changed by then: that is no promise. */
	readonly readyNs: number;
	/** Bytes that `ask` allowed and that were not moved after all. */
	unused(bytes: number): void;
	/** The direction has ended, or nothing will be asked for a while: what is reserved goes back to the others. */
	rest(): void;
}

export interface RelayGates {
	readonly upload: RelayGate;
	readonly download: RelayGate;
}

/**
 * What an engine measures while relaying. One object (or view) per session, written by the engine,
 * read by the session when a deadline passes and when it ends; nothing is called per chunk.
 */
export interface RelayMeter {
	readonly uploadBytes: number;
	readonly downloadBytes: number;
	/** Monotonic time at which the last byte passed either way; 0 before the first. */
	readonly lastByteNs: number;
	/** Time in which a gate held at least one direction back, but for the spell that lasts. */
	readonly throttledNs: number;
	/** Since when a gate holds a direction back; 0 while none does. */
	readonly throttledSinceNs: number;
}
