import type { Endpoint } from '../../core/address.ts';
import { errorText } from '../../core/errors.ts';
import type { SessionEvent } from '../../core/session-io.ts';
import type { ListenerSnapshot, Snapshot } from '../../core/snapshot.ts';
import { Driver } from '../driver.ts';
import type { Engine, EngineOptions, EngineSession } from '../engine.ts';
import { ACCEPTED } from '../session-events.ts';
import { Stragglers } from '../stragglers.ts';
import { BufferPool } from './buffers.ts';
import { ClosingConnections } from './closing.ts';
import { EpollConnection } from './connection.ts';
import { GateQueue } from './gate-queue.ts';
import { SO_LINGER, SOL_SOCKET, WATCHED } from './layouts.ts';
import type { Libc } from './libc.ts';
import { Lingerer } from './lingering.ts';
import type { EpollListener } from './listener.ts';
import { Listeners, type ListeningSockets } from './listeners.ts';
import { Loop } from './loop.ts';
import { PipePool } from './pipes.ts';
import { Poller } from './poller.ts';
import { RestingSockets } from './resting-sockets.ts';
import type { Ring } from './ring.ts';
import { RIDE_TERMS, type RideTerms, RingRelays } from './ring-relays.ts';
import { SocketAddress } from './sockaddr.ts';
import { LoopTimers } from './timers.ts';
import type { Tools } from './tools.ts';

/** How often sessions that have lasted get what only those need. */
const SETTLE_MS = 5_000;
/** What is read at a time. */
const SCRATCH_BYTES = 65_536;
const LINGER_OPTION = { level: SOL_SOCKET, name: SO_LINGER };

export interface EpollOptions<S extends EngineSession> extends EngineOptions<S> {
	readonly libc: Libc;
	readonly sockets: ListeningSockets;
	/** Pipes this worker may have. */
	readonly pipes: number;
	/** io_uring for relays of small messages; null: it is not to be had here. */
	readonly ring: Ring | null;
	readonly rides?: RideTerms;
}

/**
 * The engine that calls the kernel itself: epoll, recv, send and splice through FFI, in a loop of its own that
 * never returns to Node's. `turn` is one round of that loop.
 */
export class EpollEngine<S extends EngineSession> implements Engine<S> {
	readonly poller: Poller;
	readonly #options: EpollOptions<S>;
	readonly #libc: Libc;
	readonly #driver: Driver<S, EpollConnection>;
	readonly #loop: Loop;
	readonly #tools: Tools;
	readonly #ring: RingRelays | null;
	readonly #pipes: PipePool;
	readonly #lingerer: Lingerer;
	readonly #resting: RestingSockets;
	readonly #listeners: Listeners;
	readonly #closing: ClosingConnections;
	readonly #gates = new GateQueue();
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
		this.#ring = options.ring === null ? null : new RingRelays(libc, this.poller, options.ring);
		this.#pipes = new PipePool(libc, options.pipes);
		this.#driver = new Driver<S, EpollConnection>({
			clock,
			log,
			onSessionOver: (session) => this.#sessionOver(session),
			wakeAt: (deadlineNs) => {
				deadlines.nextNs = deadlineNs;
			},
		});
		const scratch = libc.allocate(SCRATCH_BYTES);
		this.#lingerer = new Lingerer(libc, this.poller, scratch, nowNs);
		this.#resting = new RestingSockets(libc, this.poller, nowNs, () => options.restingSockets());
		this.#closing = new ClosingConnections(nowNs, () => this.#checkIdle());
		this.#listeners = new Listeners({
			worker: options.worker,
			sockets: options.sockets,
			libc,
			poller: this.poller,
			address: new SocketAddress(libc),
			mayAccept: (listener) => options.mayAccept(listener),
			accepted: (from, fd, peer) => this.#accept(from, fd, peer),
			relieve: () => this.#resting.giveUp(),
			nowNs,
			log,
		});
		this.#timers = new LoopTimers(() => clock.nowNs());
		const own = [this.#timers, this.#lingerer, this.#resting, this.#closing];
		const timed = [deadlines, this.#gates, ...own, ...this.#listeners.timed];
		this.#loop = new Loop(this.#ring ?? this.poller, () => clock.nowNs(), timed);
		this.#tools = this.#makeTools(scratch);
		this.#settleSoon();
	}

	get pipesInUse(): number {
		return this.#pipes.inUse;
	}

	after(delayMs: number, run: () => void): () => void {
		return this.#timers.after(delayMs, run);
	}

	#settleSoon(): void {
		this.#timers.after(SETTLE_MS, () => {
			for (const connection of this.#driver.shells()) connection.settle();
			this.#settleSoon();
		});
	}

	/** One round: waits for events at most so long, and does all there is to do. */
	turn(longestMs?: number): void {
		this.#loop.turn(longestMs);
	}

	// --- listeners ---

	apply(snapshot: Snapshot, done: (failures: readonly string[]) => void): void {
		this.#snapshot = snapshot;
		done(this.#stopped ? [] : this.#listeners.apply(snapshot));
	}

	// --- sessions ---

	#accept(from: EpollListener, fd: number, peer: Endpoint): void {
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
		const local = listener.needsLocal && !from.isUnix ? this.#localOf(fd) : null;
		const facts = { listener: listener.index, peer, local };
		const session = this.#options.createSession(facts, connection.meter);
		const journey = this.#driver.add(session, connection);
		connection.report = (event) => this.#driver.tell(journey, event);
		const added = this.poller.add(fd, WATCHED, connection);
		this.#driver.tell(journey, added < 0 ? { type: 'kill', outcome: 'internal-error' } : ACCEPTED);
	}

	/** The address that a client has connected to, which its listener may not know. */
	#localOf(fd: number): Endpoint | null {
		const { address } = this.#tools;
		return this.#libc.getsockname(fd, address.buffer) < 0 ? null : address.take();
	}

	#sessionOver(session: S): void {
		this.#options.onSessionOver(session);
		this.#listeners.roomMade();
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

	// --- the end ---

	stopAccepting(): void {
		this.#stopped = true;
		this.#listeners.closeAll();
		this.#checkIdle();
	}

	#checkIdle(): void {
		if (!this.#stopped || this.#idleTold || this.#driver.size > 0 || this.#closing.size > 0) return;
		this.#idleTold = true;
		this.#options.onIdle();
	}

	hasten(): void {
		this.#closing.hasten();
		this.#lingerer.destroy();
	}

	destroy(): void {
		this.#stopped = true;
		this.#idleTold = true;
		this.#listeners.abandon();
		for (const connection of this.#driver.shells()) connection.abandon();
		this.#closing.abandon();
		this.#lingerer.destroy();
		this.#resting.giveUp();
		this.#pipes.destroy();
		this.#ring?.destroy();
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
			ring: this.#ring,
			rides: this.#options.rides ?? RIDE_TERMS,
			lingerer: this.#lingerer,
			stragglers: new Stragglers(() => this.#options.stragglers()),
			spare: this.#listeners.spare,
			resting: this.#resting,
			address: new SocketAddress(libc),
			nowNs: () => this.#loop.nowNs,
			pumpSoon: (relay) => this.#loop.pumpSoon(relay),
			watchClosing: (connection) => this.#closing.watch(connection),
			doneClosing: (connection) => this.#closing.done(connection),
			awaitGate: (relay, flow) => this.#gates.await(relay, flow),
			lookSoon: (relay, flow) => this.#gates.lookSoon(relay, flow, this.#loop.nowNs),
			leaveGate: (flow) => this.#gates.leave(flow),
			resetOnClose: (fd) => void libc.resetOnClose(fd, LINGER_OPTION),
		};
	}
}
