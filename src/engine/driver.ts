import { errorText } from '../core/errors.ts';
import type { RelayGates, SessionAction, SessionEvent } from '../core/session-io.ts';
import type { BackendSnapshot, PoolSnapshot, TerminateTls, UpstreamTls } from '../core/snapshot.ts';
import type { Side } from '../core/units.ts';
import { type DeadlineEntry, Deadlines } from './deadlines.ts';
import type { EngineOptions, EngineSession } from './engine.ts';
import { Roster, type RosterEntry } from './roster.ts';

/** The hands of one session: each method carries out the action of its name (see `SessionAction`). */
export interface Shell {
	hold(): void;
	peek(beyond: number, atMost: number): void;
	consume(bytes: number): void;
	reply(bytes: Uint8Array): void;
	handshake(tls: TerminateTls, serverName: string | null): void;
	connect(pool: PoolSnapshot, backend: BackendSnapshot, preface: Uint8Array | null): void;
	greet(bytes: Uint8Array): void;
	secure(tls: UpstreamTls, serverName: string | null, alpn: readonly string[]): void;
	cancelConnect(): void;
	relay(gates: RelayGates): void;
	shutdown(side: Side): void;
	flush(side: Side): void;
	/** Owes a `closed` event in return, in the call or later. */
	close(manner: 'fin' | 'reset'): void;
}

/** A session with its shell and its place among the others and the deadlines. Engines pass it back to `tell`. */
export class Journey<S extends EngineSession = EngineSession, H extends Shell = Shell>
	implements DeadlineEntry, RosterEntry<Journey<S, H>>
{
	readonly session: S;
	readonly shell: H;
	older: Journey<S, H> | null = null;
	newer: Journey<S, H> | null = null;
	/** The session is over; nothing more is told. */
	ended = false;
	heapIndex = -1;
	heapKeyNs = 0;
	dueNs = Number.POSITIVE_INFINITY;

	constructor(session: S, shell: H) {
		this.session = session;
		this.shell = shell;
	}
}

const DEADLINE: SessionEvent = { type: 'deadline' };
const FAULT: SessionEvent = { type: 'kill', outcome: 'internal-error' };

type DriverOptions<S extends EngineSession> = Pick<EngineOptions<S>, 'clock' | 'onSessionOver' | 'log'> & {
	/** The earliest deadline has become this one; wake by calling `runDue` no earlier. Infinity: none is left. */
	readonly wakeAt: (deadlineNs: number) => void;
};

/**
 * Runs the sessions of one engine: events in, actions out to the shells, deadlines kept. An event that
 * comes up while actions are carried out waits its turn, so a session is never entered twice.
 * A session or shell that throws is ended alone, with outcome `internal-error`.
 */
export class Driver<S extends EngineSession, H extends Shell = Shell> {
	readonly #options: DriverOptions<S>;
	readonly #journeys = new Roster<Journey<S, H>>();
	readonly #deadlines = new Deadlines<Journey<S, H>>();
	/** Events that came up while actions were carried out, in their order, and whom each is for. */
	readonly #waiting: SessionEvent[] = [];
	readonly #waitingFor: Journey<S, H>[] = [];
	readonly #actions: SessionAction[] = [];
	#busy = false;

	constructor(options: DriverOptions<S>) {
		this.#options = options;
	}

	get size(): number {
		return this.#journeys.size;
	}

	*sessions(): Generator<S> {
		for (const journey of this.#journeys) yield journey.session;
	}

	*shells(): Generator<H> {
		for (const journey of this.#journeys) yield journey.shell;
	}

	/** Take in a new session; its first event is still to be told. */
	add(session: S, shell: H): Journey<S, H> {
		const journey = new Journey(session, shell);
		session.journey = journey;
		this.#journeys.add(journey);
		return journey;
	}

	/** As `tell`, for a session that another part of the worker knows. Nothing happens when it is none of this driver's. */
	tellSession(session: object, event: SessionEvent): void {
		const { journey } = session as Partial<S>;
		if (journey instanceof Journey) this.tell(journey, event);
	}

	/** Give a session an event and carry out what it answers. Nothing happens once it is over. */
	tell(journey: Journey<S, H>, event: SessionEvent): void {
		if (journey.ended) return;
		if (this.#busy) {
			this.#waiting.push(event);
			this.#waitingFor.push(journey);
			return;
		}
		this.#busy = true;
		try {
			this.#step(journey, event);
			if (this.#waiting.length > 0) this.#tellWaiting();
		} finally {
			this.#busy = false;
		}
		this.#options.wakeAt(this.#deadlines.nextNs);
	}

	/** Those that come up meanwhile are told, too. */
	#tellWaiting(): void {
		for (let i = 0; i < this.#waiting.length; i++) {
			const journey = this.#waitingFor[i];
			const event = this.#waiting[i];
			if (journey !== undefined && event !== undefined) this.#step(journey, event);
		}
		// Taking them from the front would move the others each time.
		while (this.#waiting.length > 0) this.#waiting.pop();
		while (this.#waitingFor.length > 0) this.#waitingFor.pop();
	}

	broadcast(event: SessionEvent, which?: (session: S) => boolean): void {
		for (const journey of this.#journeys) {
			if (which === undefined || which(journey.session)) this.tell(journey, event);
		}
	}

	/** Tell every session whose deadline has passed. One that does not move its deadline is not told twice. */
	runDue(nowNs: number): void {
		for (let turns = this.#deadlines.size; turns > 0; turns--) {
			const journey = this.#deadlines.takeDue(nowNs);
			if (journey === null) break;
			this.tell(journey, DEADLINE);
		}
		this.#options.wakeAt(this.#deadlines.nextNs);
	}

	#step(journey: Journey<S, H>, event: SessionEvent): void {
		if (journey.ended) return;
		try {
			this.#exchange(journey, event);
		} catch (error) {
			this.#endFaulty(journey, error);
		}
		if (journey.ended) return;
		if (journey.session.over) this.#forget(journey);
		else this.#deadlines.set(journey, journey.session.deadlineNs);
	}

	#exchange(journey: Journey<S, H>, event: SessionEvent): void {
		const actions = this.#actions;
		while (actions.length > 0) actions.pop();
		journey.session.handle(event, this.#options.clock.nowNs(), actions);
		for (const action of actions) this.#carryOut(journey, action);
		// Setting the length leaves the fast path of the runtime; most steps have one action or none.
		while (actions.length > 0) actions.pop();
	}

	#carryOut(journey: Journey<S, H>, action: SessionAction): void {
		const { shell } = journey;
		switch (action.type) {
			case 'hold':
				return shell.hold();
			case 'connect':
				return shell.connect(action.pool, action.backend, action.preface);
			case 'peek':
				return shell.peek(action.beyond, action.atMost);
			case 'consume':
				return shell.consume(action.bytes);
			case 'reply':
				return shell.reply(action.bytes);
			case 'handshake':
				return shell.handshake(action.tls, action.serverName);
			case 'greet':
				return shell.greet(action.bytes);
			case 'secure':
				return shell.secure(action.tls, action.serverName, action.alpn);
			case 'cancel-connect':
				return shell.cancelConnect();
			case 'relay':
				return shell.relay(action.gates);
			case 'shutdown':
				return shell.shutdown(action.side);
			case 'flush':
				return shell.flush(action.side);
			case 'close':
				return shell.close(action.manner);
		}
	}

	#forget(journey: Journey<S, H>): void {
		journey.ended = true;
		journey.session.journey = null;
		this.#journeys.remove(journey);
		this.#deadlines.remove(journey);
		this.#options.onSessionOver(journey.session);
	}

	/** The session is asked to end by itself, for its record and its holdings; if that fails too, it is dropped. */
	#endFaulty(journey: Journey<S, H>, error: unknown): void {
		this.#logFault(error);
		try {
			this.#exchange(journey, FAULT);
		} catch (second) {
			this.#logFault(second);
			this.#drop(journey);
		}
	}

	#drop(journey: Journey<S, H>): void {
		try {
			journey.shell.close('reset');
		} catch (error) {
			this.#logFault(error);
		}
		this.#forget(journey);
	}

	#logFault(error: unknown): void {
		const stack = error instanceof Error ? (error.stack ?? null) : null;
		this.#options.log({
			level: 'error',
			msg: 'internal error in a session',
			fields: { error: errorText(error), stack },
		});
	}
}
