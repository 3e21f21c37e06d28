import type { Outcome } from '../core/outcome.ts';
import type { SessionFacts } from '../core/session-facts.ts';
import type { AcceptedFacts, RelayMeter, SessionAction, SessionEvent } from '../core/session-io.ts';
import type { ListenerTimeouts, SlotRef } from '../core/snapshot.ts';
import { ofSide, otherSide, type Side } from '../core/units.ts';
import type { RefusalDecision } from '../policy/admission.ts';
import { at } from '../policy/world.ts';
import { account, settle } from './account.ts';
import { CLOSE_FIN, CLOSE_RESET, FLUSH, HOLD, SHUTDOWN } from './actions.ts';
import { Arrival } from './arrival.ts';
import type { SessionContext, SessionDesk, SessionHost } from './context.ts';
import { factsOf } from './facts.ts';
import { Journal } from './journal.ts';
import { isEarlyReset, isHalfClosed, quietUntilNs } from './relay.ts';
import type { Next, Stage, Traveller } from './stage.ts';
import type { SessionState } from './state.ts';
import { after, Limits, NEVER, RESET_GRACE_MS } from './timers.ts';

/**
 * One client connection from accept to account. Synchronous and without sockets, clock or timers: an
 * engine feeds it events with the monotonic time and carries its actions out in order. What an event means before the
 * relay its stages decide (`arrival.ts`, then `dispatch.ts`); where the session goes from there stands in `follow`.
 */
export class Session implements Traveller {
	/** When the engine has to send `deadline`; Infinity for never. Read after every `handle`. */
	deadlineNs = NEVER;
	/** The engine's own. */
	journey: object | null = null;
	/** Counts up in its worker. */
	readonly number: number;
	readonly desk: SessionDesk;
	readonly journal: Journal;

	private readonly host: SessionHost;
	private readonly meter: RelayMeter;
	private readonly timeouts: ListenerTimeouts;
	private readonly limits: Limits;
	/** Dropped when nothing is left to decide, so that a long session does not keep an old snapshot alive. */
	private stage: Stage | null;
	private refusal: RefusalDecision | null = null;
	private state: SessionState = 'new';
	/** What the current state waits for; the limits stand beside it. */
	private stateDeadlineNs = NEVER;
	private resetSide: Side = 'client';

	constructor(context: SessionContext, facts: AcceptedFacts, meter: RelayMeter, nowNs: number) {
		const { world, host } = context;
		const listener = at(world.snapshot.listeners, facts.listener);
		this.number = host.nextNumber();
		this.host = host;
		this.meter = meter;
		this.timeouts = listener.timeouts;
		this.desk = host.openDesk();
		this.journal = new Journal(listener, world.snapshot.accessLog, facts, nowNs);
		this.stage = new Arrival(this, context, listener);
		this.limits = new Limits(nowNs, listener.timeouts);
	}

	get over(): boolean {
		return this.state === 'over';
	}

	get currentState(): SessionState {
		return this.state;
	}

	/** The backend this session holds or tries; null before and between tries. */
	get backendSlot(): SlotRef | null {
		return this.state === 'backoff' || this.state === 'queued' ? null : (this.journal.backend?.slot ?? null);
	}

	/** The snapshot this session still decides by; null once it no longer needs one. */
	get snapshotId(): number | null {
		return this.stage?.snapshotId ?? null;
	}

	/** How it looks to an operator. */
	facts(nowNs: number): SessionFacts {
		return factsOf(this.number, this.state, this.journal, this.meter, nowNs);
	}

	/** A bucket holds it back now. */
	get heldBack(): boolean {
		return this.meter.throttledSinceNs > 0;
	}

	/** Tells the totals of the bytes that have passed; called now and then while it lasts. */
	settle(): void {
		if (this.state !== 'closing' && this.state !== 'over') settle(this.host, this.journal, this.meter);
	}

	/** Takes one event and appends the actions it causes. After a `close` action only `closed` counts, and a fault. */
	handle(event: SessionEvent, nowNs: number, out: SessionAction[]): void {
		if (this.state === 'over') return;
		if (this.state !== 'closing') this.step(event, nowNs, out);
		else if (event.type === 'closed') this.vacate(nowNs);
		// Something went wrong while it ended, maybe before its `close` was carried out.
		else if (event.type === 'kill' && event.outcome === 'internal-error') out.push(CLOSE_RESET);
		this.deadlineNs = this.nextDeadlineNs();
	}

	private nextDeadlineNs(): number {
		if (this.state === 'closing' || this.state === 'over') return NEVER;
		if (this.state === 'flushing') return this.stateDeadlineNs;
		return Math.min(this.stateDeadlineNs, this.limits.nextNs);
	}

	private step(event: SessionEvent, nowNs: number, out: SessionAction[]): void {
		switch (event.type) {
			case 'closed':
				return;
			case 'deadline':
				return this.onDeadline(nowNs, out);
			case 'evict':
				if (this.state === 'silent' || this.state === 'tarpit') this.endHeld('too many held', nowNs, out);
				return;
			case 'drain':
				this.limits.drain(event.untilNs, event.outcome);
				if (nowNs >= event.untilNs) this.onDeadline(nowNs, out);
				return;
			case 'kill':
				return this.end(event.outcome, null, event.outcome === 'internal-error' ? 'reset' : 'fin', nowNs, out);
		}
		if (this.stage !== null) this.follow(this.stage.hear(this.state, event, nowNs, out), nowNs, out);
		else this.hear(event, nowNs, out);
	}

	// --- before the relay ---

	/** Goes where a stage says; null: nowhere. */
	private follow(next: Next | null, nowNs: number, out: SessionAction[]): void {
		if (next === null) return;
		switch (next.to) {
			case 'enter':
				this.enter(next.state, next.withinMs, nowNs);
				if (next.action !== null) out.push(next.action);
				return;
			case 'stay':
				out.push(next.action);
				return;
			case 'hold':
				return this.hold(next.refusal, nowNs, out);
			case 'dispatch':
				this.stage = next.stage;
				return this.follow(next.stage.findPlace(nowNs), nowNs, out);
			case 'relay':
				return this.startRelay(nowNs, out);
			case 'end':
				return this.end(next.outcome, next.detail, next.manner, nowNs, out);
		}
	}

	private enter(state: SessionState, waitMs: number, nowNs: number): void {
		this.state = state;
		this.stateDeadlineNs = after(nowNs, waitMs);
	}

	private hold(refusal: RefusalDecision, nowNs: number, out: SessionAction[]): void {
		const silent = refusal.manner === 'silent';
		this.refusal = refusal;
		this.enter(silent ? 'silent' : 'tarpit', refusal.holdForMs, nowNs);
		if (silent) this.stage = null;
		out.push(HOLD);
		this.host.held.add(this);
	}

	private endHeld(why: string, nowNs: number, out: SessionAction[]): void {
		const { refusal } = this;
		if (refusal !== null) this.end(refusal.outcome, `${refusal.detail} (${why})`, 'reset', nowNs, out);
	}

	// --- relay ---

	private startRelay(nowNs: number, out: SessionAction[]): void {
		const { journal } = this;
		const { listener, pool, backend, region } = journal;
		if (pool === null || backend === null) throw new Error('a relay without a backend');
		this.host.tally.connect(backend.slot, true);
		journal.relaying(nowNs);
		this.stage = null;
		this.state = 'relaying';
		const path = { listener: listener.slot, region: region?.slot ?? null, pool: pool.slot, backend: backend.slot };
		out.push({ type: 'relay', gates: this.desk.gates(path) });
		if (journal.clientEnded) out.push(SHUTDOWN.backend);
		this.awaitQuiet(nowNs);
	}

	/** Nobody decides for the session any more: it is in its relay, or held in silence. */
	private hear(event: SessionEvent, nowNs: number, out: SessionAction[]): void {
		switch (event.type) {
			case 'eof':
				if (this.state === 'silent') this.endHeld('client left', nowNs, out);
				else if (this.state === 'relaying') this.onEof(event.side, nowNs, out);
				return;
			case 'reset':
				if (this.state === 'silent') this.endHeld('client left', nowNs, out);
				else if (this.state === 'relaying') this.onReset(event.side, nowNs, out);
				else if (event.side !== this.resetSide) this.finishReset(nowNs, out);
				return;
			case 'flushed':
				if (this.state === 'flushing') this.finishReset(nowNs, out);
				return;
			case 'relay-ended':
				if (this.state === 'relaying') this.end('completed', null, 'fin', nowNs, out);
		}
	}

	private onEof(side: Side, nowNs: number, out: SessionAction[]): void {
		if (side === 'client') this.journal.clientEnded = true;
		else this.journal.backendEnded = true;
		this.journal.eofNs = nowNs;
		out.push(ofSide(SHUTDOWN, otherSide(side)));
		this.awaitQuiet(nowNs);
	}

	private onReset(side: Side, nowNs: number, out: SessionAction[]): void {
		const { backend } = this.journal;
		const counts = side === 'backend' && isEarlyReset(this.journal, this.meter, nowNs);
		if (counts && backend !== null) this.host.tally.earlyReset(backend.slot);
		this.resetSide = side;
		this.enter('flushing', RESET_GRACE_MS, nowNs);
		out.push(ofSide(FLUSH, otherSide(side)));
	}

	private finishReset(nowNs: number, out: SessionAction[]): void {
		this.end(this.resetSide === 'client' ? 'client-reset' : 'backend-reset', null, 'reset', nowNs, out);
	}

	private awaitQuiet(nowNs: number): void {
		this.stateDeadlineNs = quietUntilNs(this.timeouts, this.journal, this.meter, nowNs);
	}

	// --- time ---

	private onDeadline(nowNs: number, out: SessionAction[]): void {
		const due = this.limits.due(nowNs);
		if (due !== null && this.state !== 'flushing') return this.end(due, null, 'fin', nowNs, out);
		if (nowNs < this.stateDeadlineNs) return;
		if (this.state === 'tarpit') this.host.held.delete(this);
		if (this.stage !== null) this.follow(this.stage.expire(this.state, nowNs, out), nowNs, out);
		else if (this.state === 'silent') this.endHeld('held', nowNs, out);
		else if (this.state === 'relaying') this.onQuiet(nowNs, out);
		else this.finishReset(nowNs, out);
	}

	private onQuiet(nowNs: number, out: SessionAction[]): void {
		this.awaitQuiet(nowNs);
		if (nowNs < this.stateDeadlineNs) return;
		this.end(isHalfClosed(this.journal) ? 'half-close-timeout' : 'idle-timeout', null, 'fin', nowNs, out);
	}

	// --- account ---

	private end(
		outcome: Outcome,
		detail: string | null,
		manner: 'fin' | 'reset',
		nowNs: number,
		out: SessionAction[],
	): void {
		if (this.state === 'silent' || this.state === 'tarpit') this.host.held.delete(this);
		this.stage?.leave(this.state, nowNs, out);
		this.stage = null;
		this.state = 'closing';
		out.push(manner === 'fin' ? CLOSE_FIN : CLOSE_RESET);
		account(this.host, this.journal, this.meter, outcome, detail, nowNs);
	}

	/** Places are given back when the backend's socket is closed, so that a cap holds at the backend itself. */
	private vacate(nowNs: number): void {
		this.state = 'over';
		this.desk.releaseAll(nowNs);
	}
}
