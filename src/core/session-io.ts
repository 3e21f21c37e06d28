import type { Endpoint } from './address.ts';
import type { ConnectFailure } from './outcome.ts';
import type { BackendSnapshot, PoolSnapshot, TerminateTls, UpstreamTls } from './snapshot.ts';
import type { Side } from './units.ts';

/** What is known of a client connection when it is accepted. */
export interface AcceptedFacts {
	/** Index into `Snapshot.listeners`. */
	readonly listener: number;
	/** The socket's remote end; address null on a unix-domain socket. */
	readonly peer: Endpoint;
	/** The accepted socket's own end; null on a unix-domain socket, and where nobody asks (`ListenerSnapshot.needsLocal`). */
	readonly local: Endpoint | null;
}

/** A client's certificate, as the handshake left it. */
export interface ClientCertificate {
	/** It leads to the CA that the listener names. */
	readonly verified: boolean;
	/** Why not; null when verified. */
	readonly error: string | null;
	readonly commonName: string | null;
	/** DNS, e-mail and URI names of its subject alternative name, and its common name; in lower case. */
	readonly names: readonly string[];
	/** SHA-256 of the certificate, 64 hex digits in lower case. */
	readonly fingerprint: string;
}

/** What a handshake with a client came to. */
export interface TlsFacts {
	/** `TLSv1.3`. */
	readonly version: string;
	/** IANA's or OpenSSL's name, e.g. `TLS_AES_128_GCM_SHA256`. */
	readonly cipher: string;
	/** The protocol agreed on. */
	readonly alpn: string | null;
	readonly resumed: boolean;
	/** Null: it sent none. */
	readonly certificate: ClientCertificate | null;
}

/**
 * What an engine tells a session. Every event carries `nowNs` as an argument of `Session.handle`.
 * An engine reports each fact once, in the order in which it became known.
 */
export type SessionEvent =
	/** First event of every session. */
	| { readonly type: 'accepted' }
	/**
	 * The client sent its first byte before the relay began. Again when nothing is left of what it sent and more comes:
	 * after `consume`, and after `tls-ready` for the first byte inside.
	 */
	| { readonly type: 'early-bytes' }
	/**
	 * The answer to `peek`: all that was read of the client and not consumed, more than `beyond`. A view that is
	 * good for this step only.
	 */
	| { readonly type: 'bytes'; readonly bytes: Uint8Array }
	/** After `handshake`. */
	| { readonly type: 'tls-ready'; readonly tls: TlsFacts }
	/** After `handshake`: it failed, or the client ended in the middle of it. A RST is told as `reset`. */
	| { readonly type: 'tls-failed'; readonly reason: string }
	/**
	 * A side sent FIN and all its bytes have been read: a peek that waits for more is never answered. Under TLS: after
	 * close_notify, or a FIN without one.
	 */
	| { readonly type: 'eof'; readonly side: Side }
	/** A side was reset, or failed in a way that amounts to it. */
	| { readonly type: 'reset'; readonly side: Side }
	| { readonly type: 'connected' }
	/** Nothing was sent to the backend: where part of a preface was, `connected` is told and a `reset` behind it. */
	| { readonly type: 'connect-failed'; readonly cause: ConnectFailure; readonly code: string }
	/** After `greet`: the first bytes that the backend sent, at least one. Good for this step only. */
	| { readonly type: 'greeted'; readonly bytes: Uint8Array }
	/** After `secure`. */
	| { readonly type: 'upstream-tls-ready' }
	/** After `greet` or `secure`: the backend said no, or closed. Its socket is closed. */
	| { readonly type: 'upstream-tls-failed'; readonly reason: string }
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
	| { readonly type: 'kill'; readonly outcome: 'drained' | 'killed' | 'shutdown' | 'internal-error' };

/**
 * What a session asks of its engine, in order. A step adds a few of these to the engine's list.
 * After `close` only `closed` follows; the session is over then and the engine forgets it.
 */
export type SessionAction =
	/** Answer the client's refusal in this manner; a `close` follows at once, or later when held. */
	| { readonly type: 'hold' }
	/**
	 * Read the client, and answer `bytes` once, as soon as more than `beyond` bytes are there that nobody consumed.
	 * No more than about `atMost` are held; without a `peek` in force none are read but to see a FIN.
	 */
	| { readonly type: 'peek'; readonly beyond: number; readonly atMost: number }
	/** The first so many bytes of what the client sent were for us: nobody else gets them. */
	| { readonly type: 'consume'; readonly bytes: number }
	/** Write this to the client now. A few bytes, before the relay. */
	| { readonly type: 'reply'; readonly bytes: Uint8Array }
	/** Take the client's TLS off, with what was held of it first. From `tls-ready` on its bytes are those inside. */
	| { readonly type: 'handshake'; readonly tls: TerminateTls; readonly serverName: string | null }
	/**
	 * Open a connection to the backend. One at a time. `preface` is written first of all, before `connected` is told,
	 * and counted nowhere.
	 */
	| {
			readonly type: 'connect';
			readonly pool: PoolSnapshot;
			readonly backend: BackendSnapshot;
			readonly preface: Uint8Array | null;
	  }
	/** Write this to the connected backend and answer with what it says first: `greeted`. */
	| { readonly type: 'greet'; readonly bytes: Uint8Array }
	/** Speak TLS with the connected backend from now on. `serverName` null: none is sent, and its address is verified. */
	| {
			readonly type: 'secure';
			readonly tls: UpstreamTls;
			readonly serverName: string | null;
			readonly alpn: readonly string[];
	  }
	/** Drop the pending connect, greeting or upstream handshake without a trace; no event follows for it. */
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
