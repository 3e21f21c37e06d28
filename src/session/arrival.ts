import type { Granted } from '../core/desk.ts';
import type { ConnectFailure, Outcome } from '../core/outcome.ts';
import type { AcceptedFacts, SessionAction, TlsFacts } from '../core/session-io.ts';
import type { ListenerSnapshot, PoolSnapshot, RouteSnapshot, TerminateTls } from '../core/snapshot.ts';
import { NS_PER_SECOND } from '../core/units.ts';
import { Admission, type RefusalDecision } from '../policy/admission.ts';
import { refuseCertificate } from '../policy/client-auth.ts';
import { backoffMs } from '../policy/retry.ts';
import { findRoute } from '../policy/route.ts';
import type { World } from '../policy/world.ts';
import type { SessionContext, SessionDesk } from './context.ts';
import { type Awaited, Identity, mostBytes } from './identity.ts';
import type { Journal } from './journal.ts';
import { refusalDetail, takeOrQueue } from './placing.ts';
import { greetingFor, prefaceFor, secureFor } from './upstream.ts';

/** What a stage before the relay has come to; the session acts on it. */
export type Arrived =
	/** The client is refused, but held unanswered or delayed. */
	| { readonly to: 'hold'; readonly refusal: RefusalDecision }
	/** More of what the client sends has to be read. */
	| { readonly to: 'peek'; readonly awaited: Awaited; readonly beyond: number; readonly atMost: number }
	| { readonly to: 'handshake'; readonly tls: TerminateTls; readonly serverName: string | null }
	/** Wait in this pool's queue. */
	| { readonly to: 'wait'; readonly pool: PoolSnapshot }
	| { readonly to: 'connect'; readonly place: Granted }
	/** A limit that lets clients wait has no room: come to the gates again after so long. */
	| { readonly to: 'pause'; readonly delayMs: number }
	/** Try again after so long. */
	| { readonly to: 'retry'; readonly delayMs: number }
	| { readonly to: 'end'; readonly outcome: Outcome; readonly detail: string | null; readonly manner: 'fin' | 'reset' };

/**
 * A session's way from accept to a connect that succeeds: the gates, the route, a place at a backend or in a
 * queue, and further tries. It decides by the snapshot the client came in with, and is let go when the relay begins.
 */
export class Arrival {
	readonly world: World;
	/** Whom the engine tells of its turn in a queue. */
	private readonly session: object;
	private readonly context: SessionContext;
	private readonly facts: AcceptedFacts;
	private readonly listener: ListenerSnapshot;
	private readonly desk: SessionDesk;
	private readonly journal: Journal;
	private readonly admission: Admission;
	/** Null while nothing but the socket's address matters. */
	private identity: Identity | null;
	private awaited: Awaited | null = null;
	private route: RouteSnapshot | null = null;
	/** Where it waits. */
	private queue: PoolSnapshot | null = null;
	/** Where it tries to connect. */
	private place: Granted | null = null;

	constructor(
		session: object,
		context: SessionContext,
		facts: AcceptedFacts,
		listener: ListenerSnapshot,
		desk: SessionDesk,
		journal: Journal,
	) {
		this.world = context.world;
		this.session = session;
		this.context = context;
		this.facts = facts;
		this.listener = listener;
		this.desk = desk;
		this.journal = journal;
		this.admission = new Admission(listener, facts.peer);
		const { proxyProtocol, tls, needsLocal } = listener;
		this.identity = proxyProtocol === null && tls === null && !needsLocal ? null : new Identity(listener, facts);
		if (this.identity?.speaksForOthers === true) this.awaited = 'proxy-header';
	}

	/** How long the client may take for what is read of it. */
	get patienceMs(): number {
		const { proxyProtocol, timeouts } = this.listener;
		return this.awaited === 'proxy-header' ? (proxyProtocol?.timeoutMs ?? 0) : timeouts.clientHelloMs;
	}

	/** Through the gates, and on to a place. Behind the tarpit it goes on with the gate after the one that delayed it. */
	admit(nowNs: number): Arrived {
		const { admission, world, desk } = this;
		if (this.awaited === 'proxy-header') {
			const refusal = admission.runPeerGates(world, desk, nowNs);
			return refusal === null ? this.peek(0) : this.refuse(refusal);
		}
		const refusal = admission.run(world, desk, nowNs, null);
		this.journal.identify(admission, world.snapshot);
		this.countCountry();
		if (refusal !== null) return this.refuse(refusal);
		if (this.listener.tls === null) return this.findPlace(nowNs);
		this.awaited = 'client-hello';
		return this.peek(0);
	}

	private countCountry(): void {
		if (this.journal.countryCounted) return;
		this.journal.countryCounted = true;
		this.context.host.stats.country(this.journal.country, 1);
	}

	private refuse(refusal: RefusalDecision): Arrived {
		const { outcome, detail, manner } = refusal;
		if (manner === 'silent' || manner === 'tarpit') return { to: 'hold', refusal };
		if (manner === 'wait') return { to: 'pause', delayMs: refusal.holdForMs };
		return { to: 'end', outcome, detail, manner: manner === 'close' ? 'fin' : 'reset' };
	}

	private peek(beyond: number): Arrived {
		const awaited = this.awaited ?? 'client-hello';
		return { to: 'peek', awaited, beyond, atMost: mostBytes(awaited) };
	}

	/** The client has sent so much that nobody consumed; what is for us is taken, and answered, through `out`. */
	read(bytes: Uint8Array, nowNs: number, out: SessionAction[]): Arrived {
		const { identity, awaited } = this;
		if (identity === null || awaited === null) throw new Error('bytes that nobody asked for');
		const told = identity.read(awaited, bytes, out);
		if (told.type === 'more') return this.peek(told.beyond);
		if (told.type === 'bad') return { to: 'end', outcome: told.outcome, detail: told.detail, manner: 'fin' };
		this.awaited = null;
		if (awaited === 'client-hello') return this.helloRead(identity, nowNs);
		this.admission.client = identity.client;
		this.journal.client = identity.client;
		return this.admit(nowNs);
	}

	private helloRead(identity: Identity, nowNs: number): Arrived {
		const serverName = identity.hello?.serverName ?? null;
		this.journal.helloRead(identity.hello);
		const { tls } = this.listener;
		if (tls?.mode !== 'terminate') return this.findPlace(nowNs);
		return this.findRoute() === null ? NO_ROUTE : { to: 'handshake', tls, serverName };
	}

	/** What was awaited did not come in time; or the client has ended before it was whole. */
	unread(why: 'timeout' | 'truncated'): Arrived {
		const header = this.awaited === 'proxy-header';
		if (why === 'timeout') {
			const outcome = header ? 'proxy-header-timeout' : 'client-hello-timeout';
			return { to: 'end', outcome, detail: `${this.patienceMs} ms`, manner: 'fin' };
		}
		const outcome = header ? 'proxy-header-invalid' : 'client-hello-invalid';
		return { to: 'end', outcome, detail: 'the client ended in the middle of it', manner: 'fin' };
	}

	/** The client's TLS is off. */
	handshaken(tls: TlsFacts, nowNs: number): Arrived {
		const { listener, identity } = this;
		this.journal.secured(tls);
		this.context.host.stats.add('tlsHandshakes', 1);
		if (tls.resumed) this.context.host.stats.add('tlsResumptions', 1);
		if (identity !== null) identity.tls = tls;
		const auth = listener.tls?.mode === 'terminate' ? listener.tls.clientAuth : null;
		const detail = refuseCertificate(auth, tls.certificate);
		if (detail !== null) return { to: 'end', outcome: 'tls-failed', detail, manner: 'fin' };
		return this.findPlace(nowNs);
	}

	private findRoute(): RouteSnapshot | null {
		const { world, listener, journal, identity, admission } = this;
		const { address } = admission.client;
		const { country, region } = admission;
		const sni = identity?.hello?.serverName ?? null;
		const alpn = identity?.hello?.alpn ?? NO_PROTOCOLS;
		this.route ??= findRoute(world.snapshot, listener, { address, country, region, sni, alpn }, null);
		if (this.route !== null) journal.route = this.route.name;
		return this.route;
	}

	findPlace(nowNs: number): Arrived {
		const { world, listener, journal } = this;
		const { address } = this.admission.client;
		const route = this.findRoute();
		if (route === null) return NO_ROUTE;
		const request = { listener, address, tried: journal.tried };
		const result = takeOrQueue(world, route, request, this.desk, this.session, nowNs);
		if ('granted' in result) return this.connectTo(result.granted);
		if ('queuedIn' in result) {
			this.queue = result.queuedIn;
			return { to: 'wait', pool: result.queuedIn };
		}
		// A retry that finds no place ends with what the last connect died of.
		if (journal.lastFailure !== null) return this.connectFailed();
		const { verdict } = result.refused;
		const outcome = verdict === 'full' ? 'pool-full' : 'pool-down';
		return { to: 'end', outcome, detail: refusalDetail(result.refused, world.live), manner: 'fin' };
	}

	/** The place that was granted while it waited, if there is one. */
	claim(nowNs: number): Arrived | null {
		const place = this.desk.claim(nowNs);
		if (place === null) return null;
		this.leaveQueue(nowNs);
		return this.connectTo(place);
	}

	/** It waits no longer. */
	leaveQueue(nowNs: number): void {
		const { stats } = this.context.host;
		stats.add('queued', 1);
		stats.add('queuedSeconds', this.journal.unqueued(nowNs) / NS_PER_SECOND);
	}

	/** It has waited for as long as the queue lets anyone wait. */
	outwaited(): Arrived {
		const { queue } = this;
		const detail = queue === null ? null : `pool ${queue.name}: ${queue.queue?.timeoutMs} ms`;
		return { to: 'end', outcome: 'queue-timeout', detail, manner: 'fin' };
	}

	private connectTo(place: Granted): Arrived {
		const { attempts } = this.journal;
		if (attempts > 0) this.context.host.stats.add('retries', 1);
		else if (this.route?.pools[0] !== place.pool.index) this.context.host.stats.add('spills', 1);
		this.place = place;
		return { to: 'connect', place };
	}

	// --- the way to the backend ---

	/** What the backend gets before anything else. */
	preface({ pool }: Granted): Uint8Array | null {
		return pool.proxyProtocol === null ? null : prefaceFor(pool, this.known(), this.world.rng);
	}

	/** What is to be done with the connected backend before the relay; null: nothing more. */
	nextStep(after: 'connect' | 'greet'): SessionAction | null {
		const { pool, backend } = this.at();
		if (pool.tls === null && this.identity === null) return null;
		const greeting = after === 'connect' ? greetingFor(pool, this.known()) : null;
		return greeting ?? (pool.tls === null ? null : secureFor(pool.tls, backend, this.known()));
	}

	/** How long each of these steps may take. */
	get stepMs(): number {
		return this.at().pool.connectTimeoutMs;
	}

	private known(): Identity {
		this.identity ??= new Identity(this.listener, this.facts);
		return this.identity;
	}

	private at(): Granted {
		if (this.place === null) throw new Error('a connect without a backend');
		return this.place;
	}

	/** A connect failed: another try, or the end. */
	retry(cause: ConnectFailure | 'tls', code: string, nowNs: number): Arrived {
		const { pool, backend } = this.at();
		this.desk.release('backend', nowNs);
		if (cause !== 'own-shortage') this.context.host.tally.connect(backend.slot, false);
		this.journal.connectFailed(backend, cause, code);
		if (this.journal.attempts > pool.retries.attempts) return this.connectFailed();
		return { to: 'retry', delayMs: backoffMs(pool.retries, this.journal.attempts, this.world.rng()) };
	}

	private connectFailed(): Arrived {
		const failed = this.journal.lastFailure;
		const outcome = failed === null ? 'connect-failed' : OUTCOME_OF[failed.cause];
		return { to: 'end', outcome, detail: failed?.text ?? null, manner: 'reset' };
	}
}

const NO_ROUTE: Arrived = { to: 'end', outcome: 'no-route', detail: null, manner: 'fin' };
const NO_PROTOCOLS: readonly string[] = [];

/** What the last failure of a session that runs out of tries is called. */
const OUTCOME_OF: Readonly<Record<ConnectFailure | 'tls', Outcome>> = {
	refused: 'connect-failed',
	timeout: 'connect-failed',
	unreachable: 'connect-failed',
	'own-shortage': 'own-shortage',
	tls: 'upstream-tls-failed',
};
