import type { Granted } from '../core/desk.ts';
import type { ConnectFailure, Outcome } from '../core/outcome.ts';
import type { SessionFacts } from '../core/session-facts.ts';
import type { AcceptedFacts, RelayMeter, SessionAction, SessionEvent, TlsFacts } from '../core/session-io.ts';
import type { ListenerTimeouts, SlotRef } from '../core/snapshot.ts';
import { NS_PER_SECOND, otherSide, type Side } from '../core/units.ts';
import type { RefusalDecision } from '../policy/admission.ts';
import { at } from '../policy/world.ts';
import { refusalOfTls } from '../wire/postgres.ts';
import { account, settle } from './account.ts';
import { CANCEL_CONNECT, CLOSE_FIN, CLOSE_RESET, FLUSH, HOLD, SHUTDOWN } from './actions.ts';
import { Arrival, type Arrived } from './arrival.ts';
import type { SessionContext, SessionDesk, SessionHost } from './context.ts';
import { factsOf } from './facts.ts';
import { Journal } from './journal.ts';
import { after, EARLY_RESET_MS, Limits, NEVER, RESET_GRACE_MS } from './timers.ts';

/**
 * Where a session is on its journey. `proxy-header`, `client-hello`: what the client sends first is read. `handshaking`:
 * its TLS is taken off. `silent`: refused, held unanswered. `tarpit`: delayed before it is
 * served. `waiting`: accepted too early, another worker was faster (`overflow: wait`). `queued`: waits for a place at a full pool. `greeting`, `securing`: the backend is connected, TLS
 * with it has still to begin. `backoff`: between two tries to connect. `flushing`: one
 * side was reset, what it sent is still offered to the other. `closing`: ended and told of, the backend's socket is not yet closed.
 */
export type SessionState =
	| 'new'
	| 'proxy-header'
	| 'client-hello'
	| 'handshaking'
	| 'silent'
	| 'tarpit'
	| 'waiting'
	| 'queued'
	| 'connecting'
	| 'greeting'
	| 'securing'
	| 'backoff'
	| 'relaying'
	| 'flushing'
	| 'closing'
	| 'over';

/**
 * One client connection from accept to account. Synchronous and without sockets, clock or timers: an
 * engine feeds it events with the monotonic time and carries its actions out in order.
 */
export class Session {
	/** When the engine has to send `deadline`; Infinity for never. Read after every `handle`. */
	deadlineNs = NEVER;

	/** Counts up in its worker. */
	readonly number: number;
	private readonly host: SessionHost;
	private readonly meter: RelayMeter;
	private readonly timeouts: ListenerTimeouts;
	private readonly desk: SessionDesk;
	private readonly journal: Journal;
	private readonly limits: Limits;
	/** Dropped when nothing is left to decide, so that a long session does not keep an old snapshot alive. */
	private arrival: Arrival | null;
	private refusal: RefusalDecision | null = null;
	private state: SessionState = 'new';
	/** When the step in hand was told. */
	private nowNs: number;
	private earlyBytes = false;
	private clientEof = false;
	private backendEof = false;
	/** What the current state waits for; the limits stand beside it. */
	private stateDeadlineNs = NEVER;
	private resetSide: Side = 'client';

	constructor(context: SessionContext, facts: AcceptedFacts, meter: RelayMeter, nowNs: number) {
		const { world, host } = context;
		const listener = at(world.snapshot.listeners, facts.listener);
		this.number = host.nextNumber();
		this.host = host;
		this.meter = meter;
		this.nowNs = nowNs;
		this.timeouts = listener.timeouts;
		this.desk = host.openDesk();
		this.journal = new Journal(listener, world.snapshot.accessLog, facts, nowNs);
		this.arrival = new Arrival(this, context, facts, listener, this.desk, this.journal);
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
		return this.arrival?.world.snapshot.id ?? null;
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
		this.nowNs = nowNs;
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
			case 'accepted':
				if (this.state === 'new') this.follow(this.arriving().admit(nowNs), nowNs, out);
				return;
			case 'bytes':
				if (this.isReading) this.onBytes(event.bytes, nowNs, out);
				return;
			case 'tls-ready':
				if (this.state === 'handshaking') this.onTlsReady(event.tls, nowNs, out);
				return;
			case 'tls-failed':
				if (this.state === 'handshaking') this.endHandshake(event.reason, out);
				return;
			case 'greeted':
				if (this.state === 'greeting') this.onGreeted(event.bytes, nowNs, out);
				return;
			case 'upstream-tls-ready':
				if (this.state !== 'securing') return;
				this.host.stats.add('upstreamTlsHandshakes', 1);
				return this.startRelay(nowNs, out);
			case 'upstream-tls-failed':
				if (this.isSteppingUp) this.onConnectFailed('tls', event.reason, nowNs, out);
				return;
			case 'early-bytes':
				this.earlyBytes = true;
				return;
			case 'closed':
				return;
			case 'grant':
				if (this.state === 'queued') this.onGrant(nowNs, out);
				return;
			case 'eof':
				return this.onEof(event.side, nowNs, out);
			case 'reset':
				return this.onReset(event.side, nowNs, out);
			case 'connected':
				if (this.state === 'connecting') this.onConnected(nowNs, out);
				return;
			case 'connect-failed':
				if (this.state === 'connecting') this.onConnectFailed(event.cause, event.code, nowNs, out);
				return;
			case 'flushed':
				if (this.state === 'flushing') this.finishReset(out);
				return;
			case 'relay-ended':
				if (this.state === 'relaying') this.end('completed', null, 'fin', out);
				return;
			case 'deadline':
				return this.onDeadline(nowNs, out);
			case 'evict':
				if (this.state === 'silent' || this.state === 'tarpit') this.endHeld('too many held', out);
				return;
			case 'drain':
				this.limits.drain(event.untilNs, event.outcome);
				if (nowNs >= event.untilNs) this.onDeadline(nowNs, out);
				return;
			case 'kill':
				return this.end(event.outcome, null, event.outcome === 'internal-error' ? 'reset' : 'fin', out);
		}
	}

	// --- before the relay ---

	/** Acts on what a stage has come to. */
	private follow(arrived: Arrived, nowNs: number, out: SessionAction[]): void {
		switch (arrived.to) {
			case 'hold':
				return this.hold(arrived.refusal, nowNs, out);
			case 'peek':
				// More to read of the same moves no deadline.
				if (this.state !== arrived.awaited) this.enter(arrived.awaited, this.arriving().patienceMs, nowNs);
				out.push({ type: 'peek', beyond: arrived.beyond, atMost: arrived.atMost });
				return;
			case 'handshake':
				this.enter('handshaking', this.timeouts.tlsHandshakeMs, nowNs);
				out.push({ type: 'handshake', tls: arrived.tls, serverName: arrived.serverName });
				return;
			case 'wait':
				this.journal.queued(arrived.pool, nowNs);
				return this.enter('queued', arrived.pool.queue?.timeoutMs ?? 0, nowNs);
			case 'pause':
				return this.enter('waiting', arrived.delayMs, nowNs);
			case 'connect':
				return this.connect(arrived.place, nowNs, out);
			case 'retry':
				return this.enter('backoff', arrived.delayMs, nowNs);
			case 'end':
				return this.end(arrived.outcome, arrived.detail, arrived.manner, out);
		}
	}

	private enter(state: SessionState, waitMs: number, nowNs: number): void {
		this.state = state;
		this.stateDeadlineNs = after(nowNs, waitMs);
	}

	/** What the client sends first is still read. */
	private get isReading(): boolean {
		return this.state === 'proxy-header' || this.state === 'client-hello';
	}

	private onBytes(bytes: Uint8Array, nowNs: number, out: SessionAction[]): void {
		const before = out.length;
		const arrived = this.arriving().read(bytes, nowNs, out);
		for (const action of out.slice(before)) {
			// What was for us is no payload; the engine tells of the next byte behind it.
			if (action.type === 'consume' && action.bytes === bytes.length) this.earlyBytes = false;
		}
		this.follow(arrived, nowNs, out);
	}

	private onTlsReady(tls: TlsFacts, nowNs: number, out: SessionAction[]): void {
		// What it sent until now was the handshake, and no payload.
		this.earlyBytes = false;
		this.follow(this.arriving().handshaken(tls, nowNs), nowNs, out);
	}

	private hold(refusal: RefusalDecision, nowNs: number, out: SessionAction[]): void {
		const silent = refusal.manner === 'silent';
		this.refusal = refusal;
		this.enter(silent ? 'silent' : 'tarpit', refusal.holdForMs, nowNs);
		if (silent) this.arrival = null;
		out.push(HOLD);
		this.host.held.add(this);
	}

	private endHeld(why: string, out: SessionAction[]): void {
		const refusal = this.refusal;
		if (refusal === null) return;
		this.end(refusal.outcome, `${refusal.detail} (${why})`, 'reset', out);
	}

	private endHandshake(reason: string, out: SessionAction[]): void {
		this.host.stats.add('tlsFailures', 1);
		this.end('tls-failed', reason, 'fin', out);
	}

	private connect(place: Granted, nowNs: number, out: SessionAction[]): void {
		this.journal.connecting(place, nowNs);
		this.enter('connecting', place.pool.connectTimeoutMs, nowNs);
		const preface = this.arriving().preface(place);
		out.push({ type: 'connect', pool: place.pool, backend: place.backend, preface });
	}

	/** The backend is connected, and TLS with it has still to begin. */
	private get isSteppingUp(): boolean {
		return this.state === 'greeting' || this.state === 'securing';
	}

	private onConnected(nowNs: number, out: SessionAction[]): void {
		this.journal.connected(nowNs);
		this.host.stats.observe('connectSeconds', (this.journal.connectNs ?? 0) / NS_PER_SECOND);
		this.stepUp('connect', nowNs, out);
	}

	private stepUp(after: 'connect' | 'greet', nowNs: number, out: SessionAction[]): void {
		const arrival = this.arriving();
		const step = arrival.nextStep(after);
		if (step === null) return this.startRelay(nowNs, out);
		this.enter(step.type === 'greet' ? 'greeting' : 'securing', arrival.stepMs, nowNs);
		out.push(step);
	}

	private onGreeted(bytes: Uint8Array, nowNs: number, out: SessionAction[]): void {
		const refused = refusalOfTls(bytes);
		if (refused === null) return this.stepUp('greet', nowNs, out);
		out.push(CANCEL_CONNECT);
		this.onConnectFailed('tls', refused, nowNs, out);
	}

	private onConnectFailed(cause: ConnectFailure | 'tls', code: string, nowNs: number, out: SessionAction[]): void {
		this.state = 'backoff';
		if (cause === 'tls') this.host.stats.add('upstreamTlsFailures', 1);
		this.follow(this.arriving().retry(cause, code, nowNs), nowNs, out);
	}

	/** It may come too early or for nothing: what counts is whether there is a place to claim. */
	private onGrant(nowNs: number, out: SessionAction[]): void {
		const claimed = this.arriving().claim(nowNs);
		if (claimed !== null) this.follow(claimed, nowNs, out);
	}

	private onQueueTimeout(nowNs: number, out: SessionAction[]): void {
		this.onGrant(nowNs, out);
		if (this.state === 'queued') this.follow(this.arriving().outwaited(), nowNs, out);
	}

	// --- relay ---

	private startRelay(nowNs: number, out: SessionAction[]): void {
		const { listener, pool, backend, region } = this.journal;
		if (pool === null || backend === null) throw new Error('a relay without a backend');
		this.host.tally.connect(backend.slot, true);
		this.journal.relaying(nowNs);
		this.arrival = null;
		this.state = 'relaying';
		const path = { listener: listener.slot, region: region?.slot ?? null, pool: pool.slot, backend: backend.slot };
		out.push({ type: 'relay', gates: this.desk.gates(path) });
		if (this.clientEof) out.push(SHUTDOWN.backend);
		this.stateDeadlineNs = after(nowNs, this.quietMs());
	}

	/** How long the relay may be without a byte. */
	private quietMs(): number | null {
		const { idleMs, halfCloseMs } = this.timeouts;
		return this.clientEof || this.backendEof ? halfCloseMs : idleMs;
	}

	private onEof(side: Side, nowNs: number, out: SessionAction[]): void {
		if (this.state === 'silent') return this.endHeld('client left', out);
		if (this.state === 'flushing') return;
		if (side === 'client' && this.isReading) {
			if (!this.earlyBytes) return this.end('client-left', null, 'fin', out);
			return this.follow(this.arriving().unread('truncated'), nowNs, out);
		}
		if (side === 'client' && this.state === 'handshaking')
			return this.endHandshake('the client ended in the middle of the handshake', out);
		if (this.state === 'queued' && side === 'client' && !this.earlyBytes)
			return this.end('client-left', null, 'fin', out);
		if (side === 'client') this.clientEof = true;
		else this.backendEof = true;
		if (this.state !== 'relaying') return;
		out.push(SHUTDOWN[otherSide(side)]);
		this.journal.eofNs = nowNs;
		this.stateDeadlineNs = after(nowNs, this.quietMs());
	}

	private onReset(side: Side, nowNs: number, out: SessionAction[]): void {
		switch (this.state) {
			case 'silent':
				return this.endHeld('client left', out);
			case 'relaying':
				if (side === 'backend') this.noteEarlyReset(nowNs);
				this.state = 'flushing';
				this.resetSide = side;
				this.stateDeadlineNs = after(nowNs, RESET_GRACE_MS);
				out.push(FLUSH[otherSide(side)]);
				return;
			case 'flushing':
				if (side !== this.resetSide) this.finishReset(out);
				return;
			default:
				if (side === 'client') this.end('client-reset', null, 'reset', out);
		}
	}

	/**
	 * Only soon after the connect, and while the client has sent nothing, not even its FIN: no client may get a
	 * backend ejected by what it sends, nor by a silence that the backend loses patience with.
	 */
	private noteEarlyReset(nowNs: number): void {
		const { backend, relayNs } = this.journal;
		const untouched = this.meter.uploadBytes === 0 && this.meter.downloadBytes === 0 && !this.clientEof;
		const early = nowNs <= after(relayNs, EARLY_RESET_MS);
		if (untouched && early && backend !== null) this.host.tally.earlyReset(backend.slot);
	}

	private finishReset(out: SessionAction[]): void {
		this.end(this.resetSide === 'client' ? 'client-reset' : 'backend-reset', null, 'reset', out);
	}

	// --- time ---

	private onDeadline(nowNs: number, out: SessionAction[]): void {
		const due = this.limits.due(nowNs);
		if (due !== null && this.state !== 'flushing') return this.end(due, null, 'fin', out);
		if (nowNs < this.stateDeadlineNs) return;
		switch (this.state) {
			case 'silent':
				return this.endHeld('held', out);
			case 'waiting':
				return this.follow(this.arriving().admit(nowNs), nowNs, out);
			case 'tarpit':
				this.host.held.delete(this);
				return this.follow(this.arriving().admit(nowNs), nowNs, out);
			case 'proxy-header':
			case 'client-hello':
				return this.follow(this.arriving().unread('timeout'), nowNs, out);
			case 'handshaking':
				return this.endHandshake(`no handshake within ${this.timeouts.tlsHandshakeMs} ms`, out);
			case 'connecting':
				out.push(CANCEL_CONNECT);
				return this.onConnectFailed('timeout', 'no answer in time', nowNs, out);
			case 'greeting':
			case 'securing':
				out.push(CANCEL_CONNECT);
				return this.onConnectFailed('tls', 'no handshake in time', nowNs, out);
			case 'queued':
				return this.onQueueTimeout(nowNs, out);
			case 'backoff':
				return this.follow(this.arriving().findPlace(nowNs), nowNs, out);
			case 'relaying':
				return this.onQuiet(nowNs, out);
			case 'flushing':
				return this.finishReset(out);
		}
	}

	/**
	 * The quiet time may have begun anew since the deadline was set: bytes do not move deadlines. While a gate
	 * holds a direction back it has not begun.
	 */
	private onQuiet(nowNs: number, out: SessionAction[]): void {
		const since = this.heldBack ? nowNs : Math.max(this.meter.lastByteNs, this.journal.relayNs, this.journal.eofNs);
		const until = after(since, this.quietMs());
		if (nowNs < until) {
			this.stateDeadlineNs = until;
			return;
		}
		const halfClosed = this.clientEof || this.backendEof;
		this.end(halfClosed ? 'half-close-timeout' : 'idle-timeout', null, 'fin', out);
	}

	// --- account ---

	private end(outcome: Outcome, detail: string | null, manner: 'fin' | 'reset', out: SessionAction[]): void {
		if (this.state === 'connecting' || this.isSteppingUp) out.push(CANCEL_CONNECT);
		if (this.state === 'silent' || this.state === 'tarpit') this.host.held.delete(this);
		if (this.state === 'queued') this.leaveQueue();
		this.state = 'closing';
		this.arrival = null;
		out.push(manner === 'fin' ? CLOSE_FIN : CLOSE_RESET);
		account(this.host, this.journal, this.meter, outcome, detail, this.nowNs);
	}

	/** At once, before the sockets are closed: what may have been granted passes on. */
	private leaveQueue(): void {
		this.arriving().leaveQueue(this.nowNs);
		this.desk.leaveQueue(this.nowNs);
	}

	/** Places are given back when the backend's socket is closed, so that a cap holds at the backend itself. */
	private vacate(nowNs: number): void {
		this.state = 'over';
		this.desk.releaseAll(nowNs);
	}

	private arriving(): Arrival {
		if (this.arrival === null) throw new Error('a session in its relay decides nothing by a snapshot');
		return this.arrival;
	}
}
