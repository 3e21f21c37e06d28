import type { Endpoint } from '../../core/address.ts';
import { errorText } from '../../core/errors.ts';
import type { SessionEvent } from '../../core/session-io.ts';
import type { ListenerSnapshot, Snapshot } from '../../core/snapshot.ts';
import { bindFailure, type WantedBind, wantedBinds } from '../binds.ts';
import { Driver } from '../driver.ts';
import type { Engine, EngineOptions, EngineSession } from '../engine.ts';
import { BufferPool } from './buffers.ts';
import { ClosingConnections } from './closing.ts';
import { EpollConnection, WATCHED } from './connection.ts';
import { errnoName } from './errno.ts';
import { GateQueue } from './gate-queue.ts';
import { SO_LINGER, SOL_SOCKET } from './layouts.ts';
import type { Libc } from './libc.ts';
import { Lingerer } from './lingering.ts';
import { EpollListener } from './listener.ts';
import { Loop } from './loop.ts';
import { PipePool } from './pipes.ts';
import { Poller } from './poller.ts';
import { ACCEPTED } from './session-events.ts';
import { SocketAddress } from './sockaddr.ts';
import { Starvation } from './starvation.ts';
import { LoopTimers } from './timers.ts';
import type { Tools } from './tools.ts';

/** What is read at a time. */
const SCRATCH_BYTES = 65_536;
const LINGER_OPTION = { level: SOL_SOCKET, name: SO_LINGER };

/** Where listening descriptors come from: they belong to the main thread, and outlive the worker. */
export interface ListeningSockets {
	/** A non-blocking listening socket for this address, or a negated error number. */
	open(wanted: WantedBind): number;
	/** This worker will not use it again; its queue has been emptied. */
	release(wanted: WantedBind, fd: number): void;
}

export interface EpollOptions<S extends EngineSession> extends EngineOptions<S> {
	readonly libc: Libc;
	readonly sockets: ListeningSockets;
	/** Pipes this worker may have. */
	readonly pipes: number;
}

interface OpenListener {
	wanted: WantedBind;
	readonly listener: EpollListener;
}

/**
 * The engine that calls the kernel itself: epoll, recv, send and splice through FFI, in a loop of its own that
 * never returns to Node's. `turn` is one round of that loop.
 */
export class EpollEngine<S extends EngineSession> implements Engine<S> {
	readonly poller: Poller;
	readonly #options: EpollOptions<S>;
	readonly #libc: Libc;
	readonly #driver: Driver<S>;
	readonly #loop: Loop;
	readonly #tools: Tools;
	readonly #pipes: PipePool;
	readonly #lingerer: Lingerer;
	readonly #listeners = new Map<string, OpenListener>();
	readonly #connections = new Map<S, EpollConnection>();
	readonly #closing: ClosingConnections;
	readonly #gates = new GateQueue();
	readonly #starvation: Starvation;
	readonly #timers: LoopTimers;
	#snapshot: Snapshot | null = null;
	#stopped = false;
	#idleTold = false;

	constructor(options: EpollOptions<S>) {
		const { libc, clock, log } = options;
		const nowNs = (): number => this.#loop.nowNs;
		const deadlines = { nextNs: Number.POSITIVE_INFINITY, runDue: (now: number) => this.#driver.runDue(now) };
		this.#options = options;
		this.#libc = libc;
		this.poller = new Poller(libc);
		this.#pipes = new PipePool(libc, options.pipes);
		this.#driver = new Driver<S>({
			clock,
			log,
			onSessionOver: (session) => this.#sessionOver(session),
			wakeAt: (deadlineNs) => {
				deadlines.nextNs = deadlineNs;
			},
		});
		const scratch = libc.allocate(SCRATCH_BYTES);
		this.#lingerer = new Lingerer(libc, this.poller, scratch, nowNs);
		this.#closing = new ClosingConnections(nowNs, () => this.#checkIdle());
		this.#starvation = new Starvation({
			pauseAll: () => this.#eachListener((listener) => listener.pause()),
			resumeAll: () => this.#eachListener((listener) => void listener.resume()),
			nowNs,
			log,
		});
		this.#timers = new LoopTimers(() => clock.nowNs());
		const timed = [deadlines, this.#gates, this.#timers, this.#lingerer, this.#closing, this.#starvation];
		this.#loop = new Loop(this.poller, () => clock.nowNs(), timed);
		this.#tools = this.#makeTools(scratch);
	}

	after(delayMs: number, run: () => void): () => void {
		return this.#timers.after(delayMs, run);
	}

	#eachListener(run: (listener: EpollListener) => void): void {
		for (const { listener } of this.#listeners.values()) run(listener);
	}

	/** One round: waits for events at most so long, and does all there is to do. */
	turn(longestMs?: number): void {
		this.#loop.turn(longestMs);
	}

	// --- listeners ---

	apply(snapshot: Snapshot, done: (failures: readonly string[]) => void): void {
		this.#snapshot = snapshot;
		done(this.#stopped ? [] : this.#openWanted(snapshot));
	}

	#openWanted(snapshot: Snapshot): readonly string[] {
		const wanted = wantedBinds(snapshot, this.#options.worker, true);
		for (const [key, open] of this.#listeners) {
			const stays = wanted.get(key);
			if (stays === undefined) this.#closeListener(key, open);
			else open.listener.listener = stays.listener;
		}
		const failures: string[] = [];
		for (const bind of wanted.values()) {
			const result = this.#ensureOpen(bind, snapshot);
			if (result !== null) failures.push(result);
		}
		return failures;
	}

	#ensureOpen(wanted: WantedBind, snapshot: Snapshot): string | null {
		const config = snapshot.listeners[wanted.listener];
		const known = this.#listeners.get(wanted.key);
		if (known !== undefined) {
			known.wanted = wanted;
			if (config !== undefined) known.listener.setKeepAlive(config.keepAlive);
			return null;
		}
		const fd = this.#options.sockets.open(wanted);
		if (fd < 0) return bindFailure(config?.name ?? '', wanted.bind, errnoName(fd));
		const listener = new EpollListener(this.#tools, fd, wanted.bind, wanted.listener, {
			accepted: (from, client, peer) => this.#accept(from, client, peer),
			starved: (_from, error) => this.#starvation.begin(error),
		});
		if (config !== undefined) listener.setKeepAlive(config.keepAlive);
		const resumed = listener.resume();
		if (resumed < 0) return bindFailure(config?.name ?? '', wanted.bind, errnoName(resumed));
		this.#listeners.set(wanted.key, { wanted, listener });
		return null;
	}

	/** What waits in its queue was promised service: it is taken in before the address goes. */
	#closeListener(key: string, { wanted, listener }: OpenListener): void {
		this.#listeners.delete(key);
		while (!listener.paused && !listener.acceptSome());
		listener.pause();
		this.#options.sockets.release(wanted, listener.fd);
	}

	// --- sessions ---

	#accept(from: EpollListener, fd: number, peer: Endpoint): void {
		this.#starvation.end();
		const listener = this.#snapshot?.listeners[from.listener];
		if (listener === undefined) {
			this.#libc.close(fd);
			return;
		}
		try {
			this.#begin(listener, from, fd, peer);
		} catch (error) {
			this.#options.log({ level: 'error', msg: 'internal error at accept', fields: { error: errorText(error) } });
			this.poller.forget(fd);
			this.#libc.close(fd);
		}
	}

	#begin(listener: ListenerSnapshot, from: EpollListener, fd: number, peer: Endpoint): void {
		const connection = new EpollConnection(this.#tools, fd, from.isUnix, listener.keepAlive);
		const facts = { listener: listener.index, peer, local: from.localOf(fd) };
		const session = this.#options.createSession(facts, connection.meter);
		const journey = this.#driver.add(session, connection);
		this.#connections.set(session, connection);
		connection.report = (event) => this.#driver.tell(journey, event);
		const added = this.poller.add(fd, WATCHED, connection);
		this.#driver.tell(journey, added < 0 ? { type: 'kill', outcome: 'internal-error' } : ACCEPTED);
	}

	#sessionOver(session: S): void {
		this.#connections.delete(session);
		this.#options.onSessionOver(session);
		this.#starvation.runDue();
		this.#checkIdle();
	}

	sessions(): Iterable<S> {
		return this.#driver.sessions();
	}

	tell(session: object, event: SessionEvent): void {
		this.#connections.get(session as S)?.report(event);
	}

	broadcast(event: SessionEvent, which?: (session: S) => boolean): void {
		this.#driver.broadcast(event, which);
	}

	// --- the end ---

	stopAccepting(): void {
		this.#stopped = true;
		for (const [key, open] of this.#listeners) this.#closeListener(key, open);
		this.#checkIdle();
	}

	#checkIdle(): void {
		if (!this.#stopped || this.#idleTold || this.#driver.size > 0 || this.#closing.size > 0) return;
		this.#idleTold = true;
		this.#options.onIdle();
	}

	destroy(): void {
		this.#stopped = true;
		this.#idleTold = true;
		for (const [key, open] of this.#listeners) {
			this.#listeners.delete(key);
			open.listener.pause();
			this.#options.sockets.release(open.wanted, open.listener.fd);
		}
		for (const connection of this.#connections.values()) connection.abandon();
		this.#closing.abandon();
		this.#lingerer.destroy();
		this.#pipes.destroy();
		this.#libc.close(this.poller.fd);
	}

	// --- what connections borrow ---

	#makeTools(scratch: Tools['scratch']): Tools {
		const { libc } = this.#options;
		return {
			libc,
			poller: this.poller,
			pipes: this.#pipes,
			buffers: new BufferPool(libc, SCRATCH_BYTES),
			scratch,
			lingerer: this.#lingerer,
			address: new SocketAddress(libc),
			nowNs: () => this.#loop.nowNs,
			pumpSoon: (connection) => this.#loop.pumpSoon(connection),
			watchClosing: (connection) => this.#closing.watch(connection),
			doneClosing: (connection) => this.#closing.done(connection),
			awaitGate: (connection, flow) => this.#gates.await(connection, flow),
			leaveGate: (flow) => this.#gates.leave(flow),
			resetOnClose: (fd) => void libc.resetOnClose(fd, LINGER_OPTION),
		};
	}
}
