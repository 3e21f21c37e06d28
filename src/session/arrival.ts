import type { Granted } from '../core/desk.ts';
import type { ConnectFailure, Outcome } from '../core/outcome.ts';
import type { AcceptedFacts } from '../core/session-io.ts';
import type { ListenerSnapshot, PoolSnapshot, RouteSnapshot } from '../core/snapshot.ts';
import { Admission, type RefusalDecision } from '../policy/admission.ts';
import { backoffMs } from '../policy/retry.ts';
import { findRoute } from '../policy/route.ts';
import type { World } from '../policy/world.ts';
import type { SessionContext, SessionDesk } from './context.ts';
import type { Journal } from './journal.ts';
import { refusalDetail, takeOrQueue } from './placing.ts';

/** What a stage before the relay has come to; the session acts on it. */
export type Arrived =
	/** The client is refused, but held unanswered or delayed. */
	| { readonly to: 'hold'; readonly refusal: RefusalDecision }
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
	}

	/** Through the gates, and on to a place. Behind the tarpit it goes on with the gate after the one that delayed it. */
	admit(nowNs: number): Arrived {
		const refusal = this.admission.run(this.world, this.desk, nowNs, null);
		this.journal.identify(this.admission, this.world.snapshot);
		if (refusal === null) return this.findPlace(nowNs);
		const { outcome, detail, manner } = refusal;
		if (manner === 'silent' || manner === 'tarpit') return { to: 'hold', refusal };
		if (manner === 'wait') return { to: 'pause', delayMs: refusal.holdForMs };
		return { to: 'end', outcome, detail, manner: manner === 'close' ? 'fin' : 'reset' };
	}

	findPlace(nowNs: number): Arrived {
		const { world, listener, journal } = this;
		const { country, region } = this.admission;
		const { address } = this.facts.peer;
		this.route ??= findRoute(world.snapshot, listener, { address, country, region }, null);
		if (this.route === null) return { to: 'end', outcome: 'no-route', detail: null, manner: 'fin' };
		journal.route = this.route.name;
		const request = { listener, address, tried: journal.tried };
		const result = takeOrQueue(world, this.route, request, this.desk, this.session, nowNs);
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
		this.journal.unqueued(nowNs);
		return this.connectTo(place);
	}

	/** It has waited for as long as the queue lets anyone wait. */
	outwaited(): Arrived {
		const { queue } = this;
		const detail = queue === null ? null : `pool ${queue.name}: ${queue.queue?.timeoutMs} ms`;
		return { to: 'end', outcome: 'queue-timeout', detail, manner: 'fin' };
	}

	private connectTo(place: Granted): Arrived {
		this.place = place;
		return { to: 'connect', place };
	}

	/** A connect failed: another try, or the end. */
	retry(cause: ConnectFailure, code: string, nowNs: number): Arrived {
		if (this.place === null) throw new Error('a connect without a backend');
		const { pool, backend } = this.place;
		this.desk.release('backend', nowNs);
		if (cause !== 'own-shortage') this.context.host.tally.connect(backend.slot, false);
		this.journal.connectFailed(backend, cause, code);
		if (this.journal.attempts > pool.retries.attempts) return this.connectFailed();
		return { to: 'retry', delayMs: backoffMs(pool.retries, this.journal.attempts, this.world.rng()) };
	}

	private connectFailed(): Arrived {
		const failed = this.journal.lastFailure;
		const outcome = failed?.cause === 'own-shortage' ? 'own-shortage' : 'connect-failed';
		return { to: 'end', outcome, detail: failed?.text ?? null, manner: 'reset' };
	}
}
