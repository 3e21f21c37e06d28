import type { SessionAction, SessionEvent, TlsFacts } from '../core/session-io.ts';
import type { ListenerSnapshot, RouteSnapshot } from '../core/snapshot.ts';
import { Admission, type RefusalDecision } from '../policy/admission.ts';
import { refuseCertificate } from '../policy/client-auth.ts';
import { findRoute } from '../policy/route.ts';
import type { SessionContext } from './context.ts';
import { Dispatch } from './dispatch.ts';
import { Identity, mostBytes } from './identity.ts';
import {
	type Awaited,
	CLIENT_LEFT,
	CLIENT_RESET,
	enter,
	type Next,
	NO_ROUTE,
	type Stage,
	type Traveller,
	turnAway,
} from './stage.ts';
import { isReading, type SessionState } from './state.ts';

/**
 * A session's way from accept to its route: the gates, what the client sends first, its TLS. The peer passes the
 * first gates, the client whom it speaks for the others; both are one where no PROXY header is awaited.
 */
export class Arrival implements Stage {
	private readonly session: Traveller;
	private readonly context: SessionContext;
	private readonly listener: ListenerSnapshot;
	private readonly admission: Admission;
	/** Null where nothing but the socket's address matters. */
	private readonly identity: Identity | null;
	private awaited: Awaited | null = null;
	private route: RouteSnapshot | null = null;

	constructor(session: Traveller, context: SessionContext, listener: ListenerSnapshot) {
		const { facts } = session.journal;
		this.session = session;
		this.context = context;
		this.listener = listener;
		this.admission = new Admission(listener, facts.peer);
		const { proxyProtocol, tls } = listener;
		this.identity = proxyProtocol === null && tls === null ? null : new Identity(listener, facts);
		if (this.identity?.speaksForOthers === true) this.awaited = 'proxy-header';
	}

	get snapshotId(): number {
		return this.context.world.snapshot.id;
	}

	hear(state: SessionState, event: SessionEvent, nowNs: number, out: SessionAction[]): Next | null {
		switch (event.type) {
			case 'accepted':
				return state === 'new' ? this.admit(nowNs) : null;
			case 'early-bytes':
				this.session.journal.clientBytes = true;
				return null;
			case 'bytes':
				return isReading(state) ? this.read(event.bytes, nowNs, out) : null;
			case 'eof':
				return event.side === 'client' ? this.clientEnded(state) : null;
			case 'reset':
				return event.side === 'client' ? CLIENT_RESET : null;
			case 'tls-ready':
				return state === 'handshaking' ? this.handshaken(event.tls) : null;
			case 'tls-failed':
				return state === 'handshaking' ? this.handshakeFailed(event.reason) : null;
			default:
				return null;
		}
	}

	expire(state: SessionState, nowNs: number): Next | null {
		switch (state) {
			case 'waiting':
			case 'tarpit':
				return this.admit(nowNs);
			case 'proxy-header':
				return turnAway('proxy-header-timeout', `${this.patienceMs} ms`);
			case 'client-hello':
				return turnAway('client-hello-timeout', `${this.patienceMs} ms`);
			case 'handshaking':
				return this.handshakeFailed(`no handshake within ${this.listener.timeouts.tlsHandshakeMs} ms`);
			default:
				return null;
		}
	}

	/** Nothing of it outlives it. */
	leave(): void {}

	// --- the gates ---

	/** Behind the tarpit it goes on with the gate after the one that delayed it. */
	private admit(nowNs: number): Next {
		const { admission, session } = this;
		const { world } = this.context;
		if (this.awaited === 'proxy-header') {
			const refusal = admission.runPeerGates(world, session.desk, nowNs, null);
			return refusal === null ? this.askFor('proxy-header') : refuse(refusal);
		}
		const refusal = admission.run(world, session.desk, nowNs, null);
		session.journal.identify(admission, world.snapshot);
		if (refusal?.manner !== 'wait') this.countCountry();
		if (refusal !== null) return refuse(refusal);
		if (this.listener.tls === null) return this.goOn();
		return this.askFor('client-hello');
	}

	/** Known for good from now on. */
	private countCountry(): void {
		const { journal } = this.session;
		if (journal.countryCounted) return;
		journal.countryCounted = true;
		this.context.host.stats.country(journal.country, 1);
	}

	// --- what the client sends first ---

	private askFor(awaited: Awaited): Next {
		this.awaited = awaited;
		return this.isAtEnd(0) ? this.cutShort() : enter(awaited, this.patienceMs, peekFor(awaited, 0));
	}

	private get patienceMs(): number {
		const { proxyProtocol, timeouts } = this.listener;
		return this.awaited === 'proxy-header' ? (proxyProtocol?.timeoutMs ?? 0) : timeouts.clientHelloMs;
	}

	/** It ended before it was asked: no more than these bytes come, and the engine would have nothing to answer. */
	private isAtEnd(seen: number): boolean {
		const { clientEnded, clientBytes } = this.session.journal;
		return clientEnded && (seen > 0 || !clientBytes);
	}

	/** What is for us is taken, and answered, through `out`. */
	private read(bytes: Uint8Array, nowNs: number, out: SessionAction[]): Next {
		const { identity, awaited } = this;
		const { journal } = this.session;
		if (identity === null || awaited === null) throw new Error('bytes that nobody asked for');
		const told = identity.read(awaited, bytes, out);
		journal.clientBytes = identity.unread > 0;
		if (told.type === 'more') {
			if (this.isAtEnd(told.beyond)) return this.cutShort();
			return { to: 'stay', action: peekFor(awaited, told.beyond) };
		}
		if (told.type === 'bad') return turnAway(told.outcome, told.detail);
		this.awaited = null;
		if (awaited === 'client-hello') return this.helloRead(identity);
		this.admission.client = identity.client;
		journal.client = identity.client;
		return this.admit(nowNs);
	}

	private clientEnded(state: SessionState): Next | null {
		this.session.journal.clientEnded = true;
		if (isReading(state)) return this.cutShort();
		return state === 'handshaking' ? this.handshakeFailed('the client ended in the middle of the handshake') : null;
	}

	/** It ended, and what was awaited is not whole. */
	private cutShort(): Next {
		if (!this.session.journal.clientBytes) return CLIENT_LEFT;
		const outcome = this.awaited === 'proxy-header' ? 'proxy-header-invalid' : 'client-hello-invalid';
		return turnAway(outcome, 'the client ended in the middle of it');
	}

	// --- route and handshake ---

	private helloRead(identity: Identity): Next {
		const { listener } = this;
		this.session.journal.helloRead(identity.hello);
		if (listener.tls?.mode !== 'terminate') return this.goOn();
		this.findRoute();
		const serverName = identity.hello?.serverName ?? null;
		if (this.route === null) return NO_ROUTE;
		const action: SessionAction = { type: 'handshake', tls: listener.tls, serverName };
		return enter('handshaking', listener.timeouts.tlsHandshakeMs, action);
	}

	private handshaken(tls: TlsFacts): Next {
		const { listener, identity } = this;
		const { stats } = this.context.host;
		stats.add('tlsHandshakes', 1);
		if (tls.resumed) stats.add('tlsResumptions', 1);
		this.session.journal.secured(tls);
		if (identity !== null) identity.tls = tls;
		const auth = listener.tls?.mode === 'terminate' ? listener.tls.clientAuth : null;
		const detail = refuseCertificate(auth, tls.certificate);
		return detail === null ? this.goOn() : turnAway('tls-failed', detail);
	}

	private handshakeFailed(reason: string): Next {
		this.context.host.stats.add('tlsFailures', 1);
		return turnAway('tls-failed', reason);
	}

	/** No handshake is made and no backend is looked for before there is a route. */
	private goOn(): Next {
		if (this.route === null) this.findRoute();
		if (this.route === null) return NO_ROUTE;
		const { session, context, admission, identity, route } = this;
		return { to: 'dispatch', stage: new Dispatch(session, context, admission, identity, route) };
	}

	private findRoute(): void {
		const { client, country, region } = this.admission;
		const hello = this.identity?.hello ?? null;
		const sni = hello === null ? null : hello.serverName;
		const alpn = hello === null ? NO_PROTOCOLS : hello.alpn;
		const facts = { address: client.address, country, region, sni, alpn };
		this.route = findRoute(this.context.world.snapshot, this.listener, facts, null);
		if (this.route !== null) this.session.journal.route = this.route.name;
	}
}

const NO_PROTOCOLS: readonly string[] = [];

const peekFor = (awaited: Awaited, beyond: number): SessionAction => ({
	type: 'peek',
	beyond,
	atMost: mostBytes(awaited),
});

function refuse(refusal: RefusalDecision): Next {
	const { outcome, detail, manner } = refusal;
	if (manner === 'silent' || manner === 'tarpit') return { to: 'hold', refusal };
	if (manner === 'wait') return enter('waiting', refusal.holdForMs);
	return { to: 'end', outcome, detail, manner: manner === 'close' ? 'fin' : 'reset' };
}
