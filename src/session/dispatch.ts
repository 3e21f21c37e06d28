import type { Granted } from '../core/desk.ts';
import type { ConnectFailure, Outcome } from '../core/outcome.ts';
import type { SessionAction, SessionEvent } from '../core/session-io.ts';
import type { PoolSnapshot, RouteSnapshot } from '../core/snapshot.ts';
import { NS_PER_SECOND } from '../core/units.ts';
import type { Admission } from '../policy/admission.ts';
import { backoffMs } from '../policy/retry.ts';
import { refusalOfTls } from '../wire/postgres.ts';
import { CANCEL_CONNECT } from './actions.ts';
import type { SessionContext } from './context.ts';
import { Identity } from './identity.ts';
import { refusalDetail, takeOrQueue } from './placing.ts';
import {
	CLIENT_LEFT,
	CLIENT_RESET,
	type Dispatching,
	enter,
	type Next,
	RELAY,
	type Traveller,
	turnAway,
} from './stage.ts';
import { isSteppingUp, type SessionState } from './state.ts';
import { asksForClient, greetingFor, prefaceFor, secureFor } from './upstream.ts';

/**
 * A session's way from its route to the relay: a place at a backend or in a queue, the connect, TLS with the backend,
 * and further tries. A backend's place is given back once its socket is closed, so that a cap holds at the backend
 * itself: what the session drops itself, it drops by an action, and the place goes with the next step.
 */
export class Dispatch implements Dispatching {
	private readonly session: Traveller;
	private readonly context: SessionContext;
	private readonly admission: Admission;
	private identity: Identity | null;
	private readonly route: RouteSnapshot;
	/** Where it waits. */
	private queue: PoolSnapshot | null = null;
	/** Where it tries to connect. */
	private place: Granted | null = null;
	/** A connection to the backend is open, or on its way. */
	private isOpen = false;
	/** What the handshake asks the backend for is the client's choice: that it fails need not be the backend's fault. */
	private isClientsChoice = false;

	constructor(
		session: Traveller,
		context: SessionContext,
		admission: Admission,
		identity: Identity | null,
		route: RouteSnapshot,
	) {
		this.session = session;
		this.context = context;
		this.admission = admission;
		this.identity = identity;
		this.route = route;
	}

	get snapshotId(): number {
		return this.context.world.snapshot.id;
	}

	hear(state: SessionState, event: SessionEvent, nowNs: number, out: SessionAction[]): Next | null {
		switch (event.type) {
			case 'early-bytes':
				this.session.journal.clientBytes = true;
				return null;
			case 'grant':
				return state === 'queued' ? this.claim(nowNs) : null;
			case 'connected':
				return state === 'connecting' ? this.connected(nowNs) : null;
			case 'connect-failed':
				return state === 'connecting' ? this.failed(event.cause, event.code, nowNs) : null;
			case 'greeted':
				return state === 'greeting' ? this.greeted(event.bytes, out) : null;
			case 'upstream-tls-ready':
				return state === 'securing' ? this.secured() : null;
			case 'upstream-tls-failed':
				return isSteppingUp(state) ? this.failed('tls', event.reason, nowNs) : null;
			case 'eof':
				if (event.side === 'client') return this.clientEnded(state);
				return isSteppingUp(state) ? this.dropped('tls', 'the backend closed the connection', out) : null;
			case 'reset':
				if (event.side === 'client') return CLIENT_RESET;
				return isSteppingUp(state) ? this.dropped('tls', 'the backend reset the connection', out) : null;
			default:
				return null;
		}
	}

	expire(state: SessionState, nowNs: number, out: SessionAction[]): Next | null {
		switch (state) {
			case 'queued':
				return this.claim(nowNs) ?? this.outwaited();
			case 'connecting':
				return this.dropped('timeout', 'no answer in time', out);
			case 'greeting':
				return this.dropped('tls', 'no answer to SSLRequest in time', out);
			case 'securing':
				this.isClientsChoice = false;
				return this.dropped('tls', 'no handshake in time', out);
			case 'backoff':
				this.session.desk.release('backend', nowNs);
				return this.findPlace(nowNs);
			default:
				return null;
		}
	}

	/** At once, before the sockets are closed: what may have been granted passes on. */
	leave(state: SessionState, nowNs: number, out: SessionAction[]): void {
		this.cancel(out);
		if (state !== 'queued') return;
		this.unqueued(nowNs);
		this.session.desk.leaveQueue(nowNs);
	}

	// --- a place ---

	findPlace(nowNs: number): Next {
		const { session, route } = this;
		const { desk, journal } = session;
		const { world } = this.context;
		const { listener, client } = this.admission;
		const request = { listener, address: client.address, tried: journal.tried, mayWaitFirst: true };
		const result = takeOrQueue(world, route, request, desk, session, nowNs);
		if ('granted' in result) return this.connectTo(result.granted, nowNs);
		if ('queuedIn' in result) {
			this.queue = result.queuedIn;
			journal.queued(this.queue, nowNs);
			return enter('queued', this.queue.queue?.timeoutMs ?? 0);
		}
		// A retry that finds no place ends with what the last connect died of.
		if (journal.lastFailure !== null) return this.connectFailed();
		const { verdict } = result.refused;
		const outcome = verdict === 'full' ? 'pool-full' : 'pool-down';
		return { to: 'end', outcome, detail: refusalDetail(result.refused, world.live), manner: 'fin' };
	}

	/** The place that was granted while it waited. A grant may come too early or for nothing: then there is none. */
	private claim(nowNs: number): Next | null {
		const place = this.session.desk.claim(nowNs);
		if (place === null) return null;
		this.unqueued(nowNs);
		return this.connectTo(place, nowNs);
	}

	private unqueued(nowNs: number): void {
		const { stats } = this.context.host;
		stats.add('queued', 1);
		stats.add('queuedSeconds', this.session.journal.unqueued(nowNs) / NS_PER_SECOND);
	}

	private outwaited(): Next {
		const { queue } = this;
		return turnAway('queue-timeout', `pool ${queue?.name}: ${queue?.queue?.timeoutMs} ms`);
	}

	private clientEnded(state: SessionState): Next | null {
		this.session.journal.clientEnded = true;
		return state === 'queued' && !this.session.journal.clientBytes ? CLIENT_LEFT : null;
	}

	// --- the backend ---

	private connectTo(place: Granted, nowNs: number): Next {
		const { pool, backend } = place;
		const { stats } = this.context.host;
		const { journal } = this.session;
		if (journal.attempts > 0) stats.add('retries', 1);
		else if (this.route.pools[0] !== pool.index) stats.add('spills', 1);
		this.place = place;
		this.isOpen = true;
		this.isClientsChoice = false;
		journal.connecting(place, nowNs);
		const { proxyProtocol } = pool;
		const preface = proxyProtocol === null ? null : prefaceFor(proxyProtocol, this.known(), this.context.world.rng);
		return enter('connecting', pool.connectTimeoutMs, { type: 'connect', pool, backend, preface });
	}

	private connected(nowNs: number): Next {
		const { pool } = this.reached();
		const connectNs = this.session.journal.connected(nowNs);
		this.context.host.stats.observe('connectSeconds', connectNs / NS_PER_SECOND);
		if (pool.tls === null && this.identity === null) return RELAY;
		const action = greetingFor(pool, this.known());
		if (action === null) return this.secure();
		return enter('greeting', pool.connectTimeoutMs, action);
	}

	private greeted(bytes: Uint8Array, out: SessionAction[]): Next {
		const refused = refusalOfTls(bytes);
		return refused === null ? this.secure() : this.dropped('tls', refused, out);
	}

	private secure(): Next {
		const { pool, backend } = this.reached();
		if (pool.tls === null) return RELAY;
		this.isClientsChoice = asksForClient(pool.tls, this.known());
		const action = secureFor(pool.tls, backend, this.known());
		return enter('securing', pool.connectTimeoutMs, action);
	}

	private secured(): Next {
		this.context.host.stats.add('upstreamTlsHandshakes', 1);
		return RELAY;
	}

	private known(): Identity {
		this.identity ??= new Identity(this.admission.listener, this.session.journal.facts);
		return this.identity;
	}

	private reached(): Granted {
		if (this.place === null) throw new Error('a connect without a backend');
		return this.place;
	}

	// --- failures ---

	/** The session lets go of the backend; its place is held until that has been carried out. */
	private dropped(cause: ConnectFailure | 'tls', why: string, out: SessionAction[]): Next {
		this.cancel(out);
		return this.tryAgain(cause, why);
	}

	private cancel(out: SessionAction[]): void {
		if (this.isOpen) out.push(CANCEL_CONNECT);
		this.isOpen = false;
	}

	/** The backend's socket is closed. */
	private failed(cause: ConnectFailure | 'tls', why: string, nowNs: number): Next {
		this.isOpen = false;
		this.session.desk.release('backend', nowNs);
		return this.tryAgain(cause, why);
	}

	/** Another try, or the end. */
	private tryAgain(cause: ConnectFailure | 'tls', why: string): Next {
		const { pool, backend } = this.reached();
		const { host, world } = this.context;
		if (cause === 'tls') host.stats.add('upstreamTlsFailures', 1);
		if (cause !== 'own-shortage') host.tally.connect(backend.slot, this.isClientsChoice);
		this.session.journal.connectFailed(backend, cause, why);
		if (this.session.journal.attempts > pool.retries.attempts) return this.connectFailed();
		return enter('backoff', backoffMs(pool.retries, this.session.journal.attempts, world.rng()));
	}

	private connectFailed(): Next {
		const failed = this.session.journal.lastFailure;
		const outcome = failed === null ? 'connect-failed' : OUTCOME_OF[failed.cause];
		return { to: 'end', outcome, detail: failed?.text ?? null, manner: 'reset' };
	}
}

/** What the last failure of a session that runs out of tries is called. */
const OUTCOME_OF: Readonly<Record<ConnectFailure | 'tls', Outcome>> = {
	refused: 'connect-failed',
	timeout: 'connect-failed',
	unreachable: 'connect-failed',
	'own-shortage': 'own-shortage',
	tls: 'upstream-tls-failed',
};
