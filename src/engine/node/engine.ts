import type { Socket } from 'node:net';
import type { Endpoint } from '../../core/address.ts';
import { errorText } from '../../core/errors.ts';
import type { SessionEvent } from '../../core/session-io.ts';
import type { ListenerSnapshot, Snapshot } from '../../core/snapshot.ts';
import { NS_PER_MS } from '../../core/units.ts';
import { bindFailure, type WantedBind, wantedBinds } from '../binds.ts';
import { Driver } from '../driver.ts';
import type { Engine, EngineOptions, EngineSession } from '../engine.ts';
import { canReusePort, systemBacklog } from '../platform.ts';
import { Stragglers } from '../stragglers.ts';
import { Closer } from './closing.ts';
import { Connection, type ConnectionHost } from './connection.ts';
import { DeadlineTimer } from './deadline-timer.ts';
import { GatheredWrites } from './gathered-writes.ts';
import { LaneTimer } from './lane-timer.ts';
import { NodeListener } from './listener.ts';
import { tcpLocal, tcpPeer, UNIX_PEER } from './peer-address.ts';
import { TlsStore } from './tls/tls-store.ts';
import { withKeepAlive } from './upstream.ts';

/** How often connections look after themselves. */
const SETTLE_MS = 1_000;

/**
 * The engine on `node:net`. What it cannot do, against the rules: it learns of a RST on a side whose
 * reading is stopped only at the next read; a write that fails may cost bytes that were still to be read
 * from that side, and under TLS, where OpenSSL writes of itself (session tickets), make a RST look like a FIN;
 * at EMFILE the runtime accepts and closes by itself; a client that was reset before it was accepted has lost its
 * address and is closed without a session; a listening socket is closed with what waits in its queue, which is
 * reset unless the system lets another one have it (net.ipv4.tcp_migrate_req).
 */
export function createNodeEngine<S extends EngineSession>(options: EngineOptions<S>): Engine<S> {
	return new NodeEngine(options);
}

class NodeEngine<S extends EngineSession> implements Engine<S>, ConnectionHost {
	readonly closer: Closer;
	readonly laneTimer: LaneTimer;
	readonly gatheredWrites = new GatheredWrites();
	readonly stragglers: Stragglers;
	readonly tls = new TlsStore();
	readonly #options: EngineOptions<S>;
	readonly #driver: Driver<S, Connection>;
	readonly #timer: DeadlineTimer;
	readonly #reusePort = canReusePort(process.platform);
	readonly #backlog = systemBacklog();
	readonly #listeners = new Map<string, NodeListener>();
	readonly #settling: NodeJS.Timeout;
	#snapshot: Snapshot | null = null;
	#stopped = false;
	#idleTold = false;

	constructor(options: EngineOptions<S>) {
		this.#options = options;
		this.#timer = new DeadlineTimer(
			() => this.nowNs(),
			(nowNs) => this.#driver.runDue(nowNs),
		);
		this.#driver = new Driver<S, Connection>({
			clock: options.clock,
			log: options.log,
			onSessionOver: (session) => this.#sessionOver(session),
			wakeAt: (deadlineNs) => this.#timer.wakeAt(deadlineNs),
		});
		this.#settling = setInterval(() => {
			for (const connection of this.#driver.shells()) connection.settle();
		}, SETTLE_MS).unref();
		this.laneTimer = new LaneTimer(() => this.nowNs());
		this.stragglers = new Stragglers(() => options.stragglers());
		this.closer = new Closer(
			() => this.nowNs() / NS_PER_MS,
			() => this.#checkIdle(),
		);
	}

	/** This engine copies. */
	readonly pipesInUse = 0;

	nowNs(): number {
		return this.#options.clock.nowNs();
	}

	// --- listeners ---

	apply(snapshot: Snapshot, done: (failures: readonly string[]) => void): void {
		this.#snapshot = snapshot;
		this.tls.apply(snapshot);
		if (this.#stopped) return done([]);
		const wanted = wantedBinds(snapshot, this.#options.worker, this.#reusePort);
		for (const [key, listener] of this.#listeners) {
			const stays = wanted.get(key);
			if (stays === undefined) this.#closeListener(key, listener);
			else listener.listener = stays.listener;
		}
		const opening = [...wanted.values()].map((bind) => this.#ensureOpen(bind, snapshot));
		void Promise.all(opening).then((failures) => done(failures.filter((failure) => failure !== null)));
	}

	async #ensureOpen(wanted: WantedBind, snapshot: Snapshot): Promise<string | null> {
		const { key, bind } = wanted;
		const listener = this.#listeners.get(key) ?? this.#openListener(wanted);
		const code = await listener.opened;
		if (code === null) return null;
		if (this.#listeners.get(key) === listener) this.#listeners.delete(key);
		return bindFailure(snapshot.listeners[wanted.listener]?.name ?? '', bind, code);
	}

	#openListener({ key, bind, listener }: WantedBind): NodeListener {
		const opened = new NodeListener({
			bind,
			listener,
			// A single worker too: an address may give way to one that overlaps it, and both are open for a moment.
			reusePort: this.#reusePort,
			backlog: this.#backlog,
			onClient: (from, socket) => this.#accept(from, socket),
		});
		this.#listeners.set(key, opened);
		return opened;
	}

	#closeListener(key: string, listener: NodeListener): void {
		this.#listeners.delete(key);
		listener.close();
	}

	// --- sessions ---

	#accept(from: NodeListener, socket: Socket): void {
		const listener = this.#snapshot?.listeners[from.listener];
		const unix = from.bind.target.type === 'unix';
		const peer = unix ? UNIX_PEER : tcpPeer(socket);
		if (listener === undefined || peer === null) {
			// Reset before it was accepted: there is no client to speak of.
			socket.on('error', () => {}).destroy();
			return;
		}
		try {
			this.#begin(listener, socket, unix, peer);
		} catch (error) {
			this.#options.log({ level: 'error', msg: 'internal error at accept', fields: { error: errorText(error) } });
			socket.on('error', () => {});
			this.closer.reset({ socket, transport: socket, unix });
		}
	}

	#begin(listener: ListenerSnapshot, socket: Socket, unix: boolean, peer: Endpoint): void {
		if (!unix) withKeepAlive(socket, listener.keepAlive);
		const connection = new Connection(this, socket, unix, listener.keepAlive);
		const local = listener.needsLocal && !unix ? tcpLocal(socket) : null;
		const session = this.#options.createSession({ listener: listener.index, peer, local }, connection.meter);
		const journey = this.#driver.add(session, connection);
		connection.report = (event) => this.#driver.tell(journey, event);
		connection.start();
		this.#driver.tell(journey, { type: 'accepted' });
	}

	#sessionOver(session: S): void {
		this.#options.onSessionOver(session);
		this.#checkIdle();
	}

	sessions(): Iterable<S> {
		return this.#driver.sessions();
	}

	tell(session: object, event: SessionEvent): void {
		this.#driver.tellSession(session, event);
	}

	broadcast(event: SessionEvent, which?: (session: S) => boolean): void {
		this.#driver.broadcast(event, which);
	}

	after(delayMs: number, run: () => void): () => void {
		const timer = setTimeout(run, delayMs);
		return () => clearTimeout(timer);
	}

	// --- the end ---

	stopAccepting(): void {
		this.#stopped = true;
		for (const [key, listener] of this.#listeners) this.#closeListener(key, listener);
		this.#checkIdle();
	}

	#checkIdle(): void {
		if (!this.#stopped || this.#idleTold || this.#driver.size > 0 || this.closer.pending) return;
		this.#idleTold = true;
		this.#options.onIdle();
	}

	hasten(): void {
		this.closer.hasten();
	}

	destroy(): void {
		this.#stopped = true;
		this.#idleTold = true;
		for (const [key, listener] of this.#listeners) this.#closeListener(key, listener);
		for (const connection of this.#driver.shells()) connection.abandon();
		clearInterval(this.#settling);
		this.closer.destroy();
		this.#timer.clear();
		this.laneTimer.clear();
	}
}
