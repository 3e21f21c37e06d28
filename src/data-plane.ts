import { monotonicClock } from './clock.ts';
import { GeoDatabases } from './control/geo/databases.ts';
import type { FromWorker, ScoreboardMemory, ToWorker, WorkerStart } from './core/messages.ts';
import type { Clock, Rng } from './core/ports.ts';
import { type SlotRef, type Snapshot, slotKey } from './core/snapshot.ts';
import { NS_PER_MS, NS_PER_SECOND } from './core/units.ts';
import type { Engine, EngineOptions } from './engine/engine.ts';
import { makeGeoReader } from './policy/geo.ts';
import { mayAccept } from './policy/overflow.ts';
import { WorkerQueues } from './policy/worker-queues.ts';
import { makeWorld } from './policy/world.ts';
import { seededRng } from './rng.ts';
import type { SessionContext, SessionHost, Tally } from './session/context.ts';
import { busiestClients, listSessions } from './session/directory.ts';
import { HeldClients } from './session/held.ts';
import { Session } from './session/session.ts';
import { Holdings } from './shared/holdings.ts';
import { RingWriter } from './shared/ring-writer.ts';
import { StatsWriter } from './shared/stats.ts';
import { beat, wakeWorker } from './shared/wake.ts';
import { WorkerBoard } from './shared/worker-board.ts';

/** How often sessions are looked over while an older snapshot is still in use. */
const SWEEP_MS = 50;
/** When a queue could not be changed because somebody kept its lock, or died with it. */
const QUEUE_AGAIN_MS = 5;

/**
 * How many clients may keep their sockets after their sessions, in all workers and in each: a part of the
 * descriptors that the default of `maxConnections` leaves free (`control/descriptors.ts`).
 */
const STRAGGLERS = 64;
const LEAST_STRAGGLERS = 2;

/** How often a worker shows that it lives. */
const BEAT_MS = 250;
/** Parts of its sessions whose bytes are told of with each beat, and how many at least. */
const SETTLE_PARTS = 4;
const LEAST_SETTLED = 500;
/** What is left of a delay after a beat. */
const LATENESS_FADES = 0.95;

/** What differs between the engines for the worker around them. */
export interface PlaneShell {
	makeEngine(options: EngineOptions<Session>): Engine<Session>;
	post(message: FromWorker): void;
	/** Makes a worker's loop look at its wake word. */
	wake(worker: number): void;
}

/**
 * One worker thread: the data plane of one core. Everything it is told comes through `receive`, and a changed wake
 * word through `lookAfterQueues`.
 */
export class DataPlane {
	private readonly clock: Clock = monotonicClock();
	private readonly databases = new GeoDatabases();
	private readonly start: WorkerStart;
	private readonly board: WorkerBoard;
	private readonly queues: WorkerQueues;
	private readonly records: RingWriter;
	private readonly stats: StatsWriter;
	private readonly rng: Rng;
	private lastNumber = 0;
	/** Sessions whose bytes are still to be told of in this round. */
	private settling: Iterator<Session> | null = null;
	/** Those of them, so far, that a bucket holds back. */
	private throttled = 0;
	private lateness = 0;
	private readonly shell: PlaneShell;
	private readonly engine: Engine<Session>;
	private readonly host: SessionHost;
	/** Workers of all engines. */
	private workers: number;
	private context: SessionContext | null = null;
	/** Snapshots not yet reported `released`, the newest among them. */
	private readonly live = new Set<number>();
	/** Backends that left the configuration, and until when their sessions may go on. */
	private readonly leaving = new Map<string, number>();
	private newest = 0;
	/** Accepting and all sessions are over, for good. */
	private idle: boolean = false;
	private cancelSweep: () => void = () => {};
	private cancelQueueLook: () => void = () => {};

	constructor(start: WorkerStart, shell: PlaneShell) {
		this.start = start;
		this.shell = shell;
		this.workers = start.workers;
		this.board = new WorkerBoard(start.memory, start.worker);
		const wakes = new Int32Array(start.memory.wakes);
		this.queues = new WorkerQueues(this.board, (worker) => {
			wakeWorker(wakes, worker);
			shell.wake(worker);
		});
		this.records = ringOf(start);
		this.stats = statsOf(start);
		this.rng = seededRng(start.seed);
		this.host = {
			clock: this.clock,
			records: this.records,
			tally: this.tally,
			stats: this.stats,
			nextNumber: () => {
				this.lastNumber += 1;
				return this.lastNumber;
			},
			held: new HeldClients(Number.POSITIVE_INFINITY, start.workers, (session) => this.evictSoon(session)),
			openDesk: () => new Holdings(this.board, this.queues),
		};
		this.engine = shell.makeEngine({
			worker: start.place,
			clock: this.clock,
			stragglers: () => Math.max(LEAST_STRAGGLERS, Math.floor(STRAGGLERS / this.workers)),
			restingSockets: () => Math.floor(this.freePlaces() / this.workers),
			createSession: (facts, meter) => new Session(this.lent(), facts, meter, this.clock.nowNs()),
			mayAccept: (listener) => this.mayAccept(listener),
			onSessionOver: () => {},
			onIdle: () => this.becomeIdle(),
			log: (event) => this.records.log(event),
		});
		this.keepBeating(wakes);
	}

	/** Queued sessions whose turn has come hear of it. */
	lookAfterQueues(): void {
		this.cancelQueueLook();
		const tell = (session: object): void => this.engine.tell(session, { type: 'grant' });
		if (!this.queues.lookAfter(tell, this.clock.nowNs())) return;
		this.cancelQueueLook = this.engine.after(QUEUE_AGAIN_MS, () => this.lookAfterQueues());
	}

	private keepBeating(wakes: Int32Array): void {
		beat(wakes, this.start.worker);
		this.settleSome();
		this.stats.set('pipes', this.engine.pipesInUse);
		const dueNs = this.clock.nowNs() + BEAT_MS * NS_PER_MS;
		this.engine.after(BEAT_MS, () => {
			this.noteLateness(this.clock.nowNs() - dueNs);
			this.keepBeating(wakes);
		});
	}

	/** The worst of late: a delay is shown for a while, until it fades. */
	private noteLateness(lateNs: number): void {
		this.lateness = Math.max(0, lateNs / NS_PER_SECOND, this.lateness * LATENESS_FADES);
		this.stats.set('loopDelaySeconds', this.lateness);
	}

	/** Totals of long sessions keep up with their bytes: all sessions are gone through in about a second, a part at a time. */
	private settleSome(): void {
		this.settling ??= this.engine.sessions()[Symbol.iterator]();
		const share = Math.ceil(this.sessionCount() / SETTLE_PARTS);
		for (let left = Math.max(share, LEAST_SETTLED); left > 0; left--) {
			const next = this.settling.next();
			if (next.done === true) {
				this.settling = null;
				this.stats.set('throttledSessions', this.throttled);
				this.throttled = 0;
				return;
			}
			next.value.settle();
			if (next.value.heldBack) this.throttled += 1;
		}
	}

	receive(message: ToWorker): void {
		switch (message.type) {
			case 'snapshot':
				this.workers = message.workers;
				return this.swap(message.snapshot, message.memory);
			case 'stop':
				if (this.idle) return this.becomeIdle();
				this.engine.stopAccepting();
				return this.engine.broadcast({ type: 'drain', untilNs: message.untilNs, outcome: 'shutdown' });
			case 'close-all':
				if (this.idle) return this.becomeIdle();
				this.engine.stopAccepting();
				this.engine.broadcast({ type: 'kill', outcome: 'shutdown' });
				return this.engine.hasten();
			case 'list': {
				const sessions = listSessions(this.engine.sessions(), message.filter, message, this.clock.nowNs());
				return this.shell.post({ type: 'listed', ask: message.ask, sessions });
			}
			case 'clients': {
				const { ask, listener, limit } = message;
				const clients = busiestClients(this.engine.sessions(), listener, limit, this.clock.nowNs());
				return this.shell.post({ type: 'clients', ask, clients });
			}
			case 'kill':
				return this.shell.post({ type: 'killed', ask: message.ask, found: this.kill(message.session) });
			case 'close-some':
				return this.closeSome(message.backend, message.count);
		}
	}

	private kill(number: number): boolean {
		for (const session of this.engine.sessions()) {
			if (session.number !== number) continue;
			this.engine.tell(session, { type: 'kill', outcome: 'killed' });
			return true;
		}
		return false;
	}

	private sessionCount(): number {
		const process = this.context?.world.snapshot.process;
		return process === undefined ? 0 : this.board.scoreboard.activeOf(this.start.worker, process.slot);
	}

	/** The oldest first. */
	private closeSome(backend: SlotRef, count: number): void {
		const key = slotKey(backend);
		let left = count;
		for (const session of [...this.engine.sessions()]) {
			if (left <= 0) return;
			if (session.backendSlot === null || slotKey(session.backendSlot) !== key || session.currentState === 'closing')
				continue;
			this.engine.tell(session, { type: 'kill', outcome: 'drained' });
			left -= 1;
		}
	}

	private becomeIdle(): void {
		this.idle = true;
		this.shell.post({ type: 'idle' });
	}

	/** What is prepared from a snapshot is built first, then one reference is swapped. */
	private swap(snapshot: Snapshot, memory: ScoreboardMemory): void {
		this.board.scoreboard.attach(memory);
		this.queues.apply(snapshot);
		const world = makeWorld(snapshot, {
			live: this.board.scoreboard,
			geo: makeGeoReader(snapshot.geo, this.databases.open(snapshot.geo.database)),
			rng: this.rng,
		});
		const before = this.context?.world.snapshot ?? null;
		this.host.held.follow(snapshot.process.maxConnections ?? Number.POSITIVE_INFINITY, this.workers);
		this.context = { world, host: this.host };
		this.newest = snapshot.id;
		this.live.add(snapshot.id);
		if (before !== null) this.noteLeaving(before, snapshot);
		this.engine.apply(snapshot, (failures) => {
			this.shell.post({ type: 'applied', snapshot: snapshot.id, failures });
			this.sweep();
		});
	}

	private mayAccept(listener: number): boolean {
		const { world } = this.lent();
		return mayAccept(world.snapshot, listener, world.live, this.clock.nowNs());
	}

	/** Sessions of the whole process that there is still room for. */
	private freePlaces(): number {
		const { slot, maxConnections } = this.lent().world.snapshot.process;
		if (maxConnections === null) return Number.POSITIVE_INFINITY;
		return Math.max(0, maxConnections - this.board.scoreboard.active(slot));
	}

	private lent(): SessionContext {
		if (this.context === null) throw new Error('a client before the first snapshot');
		return this.context;
	}

	private evictSoon(held: object): void {
		this.engine.after(0, () => this.engine.tell(held, { type: 'evict' }));
	}

	private readonly tally: Tally = {
		connect: (backend, ok) => {
			this.board.add(backend, 'connects', 1);
			if (!ok) this.board.add(backend, 'connectFailures', 1);
		},
		earlyReset: (backend) => this.board.add(backend, 'earlyResets', 1),
		refused: (listener) => this.board.add(listener, 'refused', 1),
		moved: (places, uploadBytes, downloadBytes) => {
			for (const slot of places) {
				this.board.add(slot, 'uploadBytes', uploadBytes);
				this.board.add(slot, 'downloadBytes', downloadBytes);
			}
		},
		ended: (places, uploadBytes, downloadBytes) => {
			for (const slot of places) this.board.addSession(slot, uploadBytes, downloadBytes);
		},
	};

	private noteLeaving(before: Snapshot, after: Snapshot): void {
		const staying = backendKeys(after);
		const untilNs = this.clock.nowNs() + after.drainMs * NS_PER_MS;
		for (const key of staying) this.leaving.delete(key);
		for (const key of backendKeys(before)) if (!staying.has(key)) this.leaving.set(key, untilNs);
	}

	/**
	 * Drains sessions on backends that left and lets go of snapshots that none needs. Sessions before their
	 * relay decide by the snapshot they came in with and may still pick such a backend, so this repeats.
	 */
	private sweep(): void {
		this.cancelSweep();
		this.drainLeaving();
		const needed = new Set<number | null>([this.newest]);
		for (const session of this.engine.sessions()) needed.add(session.snapshotId);
		for (const id of this.live) if (!needed.has(id)) this.letGo(id);
		if (this.live.size > 1) this.cancelSweep = this.engine.after(SWEEP_MS, () => this.sweep());
		else this.leaving.clear();
	}

	private drainLeaving(): void {
		if (this.leaving.size === 0) return;
		for (const untilNs of new Set(this.leaving.values())) {
			this.engine.broadcast({ type: 'drain', untilNs, outcome: 'drained' }, ({ backendSlot }) => {
				return backendSlot !== null && this.leaving.get(slotKey(backendSlot)) === untilNs;
			});
		}
	}

	private letGo(snapshot: number): void {
		this.live.delete(snapshot);
		this.shell.post({ type: 'released', snapshot });
	}
}

function statsOf(start: WorkerStart): StatsWriter {
	const block = start.memory.stats[start.worker];
	if (block === undefined) throw new RangeError(`worker ${start.worker} has no block of stats`);
	return new StatsWriter(block);
}

function ringOf(start: WorkerStart): RingWriter {
	const buffer = start.memory.rings[start.worker];
	if (buffer === undefined) throw new RangeError(`worker ${start.worker} has no record ring`);
	return new RingWriter(buffer);
}

const backendKeys = (snapshot: Snapshot): Set<string> =>
	new Set(snapshot.pools.flatMap((pool) => pool.backends.map((backend) => slotKey(backend.slot))));
