import type { Clock } from '../core/ports.ts';
import type { LogEvent } from '../core/record.ts';
import type { AcceptedFacts, RelayMeter, SessionAction, SessionEvent } from '../core/session-io.ts';
import type { SlotRef, Snapshot } from '../core/snapshot.ts';

/** What an engine needs of a session; `session/session.ts` is the one that ships. */
export interface EngineSession {
	/** Answers one event at once: appends its actions to `out`, in order. */
	handle(event: SessionEvent, nowNs: number, out: SessionAction[]): void;
	/** Absolute, monotonic; Infinity for none. Read by the engine after every `handle`. */
	readonly deadlineNs: number;
	/** True once it has given everything back, which it does at `closed`. */
	readonly over: boolean;
	/** The backend it holds a place of, or null. */
	readonly backendSlot: SlotRef | null;
	/** The engine's own, to find the session's sockets by; null while it has none. */
	journey: object | null;
}

/** What a worker gives its engine; `S` is the session type that `createSession` makes. */
export interface EngineOptions<S extends EngineSession = EngineSession> {
	/** Its place among the workers of this engine, from 0. */
	readonly worker: number;
	readonly clock: Clock;
	/** How many clients may keep their sockets for a while after their sessions are over, by now; see `Stragglers`. */
	stragglers(): number;
	/** How many sockets that nobody uses may be kept for later connects, by now: the room of sessions that are not there. */
	restingSockets(): number;
	/**
	 * Whether a client of this listener may be taken out of the kernel's queue now (`overflow: wait`); an index into
	 * the snapshot last given to `apply`. An engine whose runtime accepts by itself cannot ask.
	 */
	mayAccept(listener: number): boolean;
	/** `facts.listener` is an index into the snapshot last given to `apply`. */
	createSession(facts: AcceptedFacts, meter: RelayMeter): S;
	/** The session is over; the engine has forgotten it. The client may still be taking its last bytes. */
	onSessionOver(session: S): void;
	/** Once, after `stopAccepting`: no session is left and all their last bytes are written. May come from inside `stopAccepting`. */
	onIdle(): void;
	log(event: LogEvent): void;
}

/**
 * The shell around the sessions of one worker: it owns the sockets, turns what happens on them into
 * session events and carries session actions out. It decides nothing.
 */
export interface Engine<S extends EngineSession = EngineSession> {
	/**
	 * Make this snapshot's binds the open listeners: those it adds are opened, those it no longer has stop
	 * accepting, those that stay are not touched. Sessions of a removed listener go on.
	 * Accepted connections are numbered by this snapshot from the moment of the call, before `done` is called,
	 * so the caller's own `createSession` context must be swapped first, in the same turn.
	 * `done` (perhaps within the call) gets one message for each address that could not be opened, ready to print
	 * (`listener game: cannot bind 0.0.0.0:7000: address in use`); a failed address is tried again at the next call.
	 */
	apply(snapshot: Snapshot, done: (failures: readonly string[]) => void): void;
	/** Close all listeners for good; sessions go on. */
	stopAccepting(): void;
	/** The live ones, oldest first; one that ends meanwhile is skipped. */
	sessions(): Iterable<S>;
	/** Give one session an event; nothing happens when it is not, or no longer, one of this engine's. */
	tell(session: object, event: SessionEvent): void;
	/** Give an event to every live session that `which` picks (absent: all). For `drain` and `kill`. */
	broadcast(event: SessionEvent, which?: (session: S) => boolean): void;
	/** Pipes for splicing that are in use now. */
	readonly pipesInUse: number;
	/** Calls `run` once after so long, unless what it answers is called before: an engine's own loop may run no other timers. */
	after(delayMs: number, run: () => void): () => void;
	/** Close what sessions that have ended left open, with no more time for last bytes; each is still told `closed`. */
	hasten(): void;
	/** End everything now without another word to the sessions: sockets are destroyed, timers cleared. */
	destroy(): void;
}

/** What makes an engine of one kind. */
export type EngineFactory = <S extends EngineSession>(options: EngineOptions<S>) => Engine<S>;
