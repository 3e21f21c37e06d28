import { parentPort, workerData } from 'node:worker_threads';
import { monotonicClock } from './clock.ts';
import { GeoDatabases } from './control/geo/databases.ts';
import type { FromWorker, ScoreboardMemory, ToWorker, WorkerStart } from './core/messages.ts';
import type { Clock, Rng } from './core/ports.ts';
import type { SlotRef, Snapshot } from './core/snapshot.ts';
import { NS_PER_MS } from './core/units.ts';
import type { Engine } from './engine/engine.ts';
import { createNodeEngine } from './engine/node/engine.ts';
import { WakeListener } from './engine/node/wake-listener.ts';
import { makeGeoReader } from './policy/geo.ts';
import { WorkerQueues } from './policy/worker-queues.ts';
import { makeWorld, type World } from './policy/world.ts';
import { seededRng } from './rng.ts';
import type { SessionContext, Tally } from './session/context.ts';
import { HeldClients } from './session/held.ts';
import { Session } from './session/session.ts';
import { Holdings } from './shared/holdings.ts';
import { RingWriter } from './shared/ring-writer.ts';
import { wakeWorker } from './shared/wake.ts';
import { WorkerBoard } from './shared/worker-board.ts';

/** How often sessions are looked over while an older snapshot is still in use. */
const SWEEP_MS = 50;
/** When a queue could not be changed because somebody kept its lock, or died with it. */
const QUEUE_AGAIN_MS = 5;

/** One worker thread: the data plane of one core. Everything it is told comes through `receive`. */
class DataPlane {
	private readonly clock: Clock = monotonicClock();
	private readonly databases = new GeoDatabases();
	private readonly start: WorkerStart;
	private readonly board: WorkerBoard;
	private readonly queues: WorkerQueues;
	private readonly records: RingWriter;
	private readonly rng: Rng;
	private readonly post: (message: FromWorker) => void;
	private readonly engine: Engine<Session>;
	private context: SessionContext | null = null;
	/** Snapshots not yet reported `released`, the newest among them. */
	private readonly live = new Set<number>();
	/** Backends that left the configuration, and until when their sessions may go on. */
	private readonly leaving = new Map<string, number>();
	private newest = 0;
	/** Accepting and all sessions are over, for good. */
	private idle: boolean = false;
	private sweeper: NodeJS.Timeout | null = null;
	private queueTimer: NodeJS.Timeout | null = null;

	constructor(start: WorkerStart, post: (message: FromWorker) => void) {
		this.start = start;
		this.post = post;
		this.board = new WorkerBoard(start.memory, start.worker);
		const wakes = new Int32Array(start.memory.wakes);
		this.queues = new WorkerQueues(this.board, (worker) => wakeWorker(wakes, worker));
		this.records = ringOf(start);
		this.rng = seededRng(start.seed);
		this.engine = createNodeEngine<Session>({
			worker: start.worker,
			workers: start.workers,
			clock: this.clock,
			createSession: (facts, meter) => new Session(this.lent(), facts, meter, this.clock.nowNs()),
			onSessionOver: () => {},
			onIdle: () => this.becomeIdle(),
			log: (event) => this.records.log(event),
		});
		new WakeListener(start.memory.wakes, start.worker, () => this.lookAfterQueues());
	}

	/** Queued sessions whose turn has come hear of it. */
	private lookAfterQueues(): void {
		if (this.queueTimer !== null) clearTimeout(this.queueTimer);
		this.queueTimer = null;
		const tell = (session: object): void => this.engine.tell(session, { type: 'grant' });
		if (!this.queues.lookAfter(tell, this.clock.nowNs())) return;
		this.queueTimer = setTimeout(() => this.lookAfterQueues(), QUEUE_AGAIN_MS);
	}

	receive(message: ToWorker): void {
		switch (message.type) {
			case 'snapshot':
				return this.swap(message.snapshot, message.memory);
			case 'stop':
				this.engine.stopAccepting();
				return this.engine.broadcast({ type: 'drain', untilNs: message.untilNs, outcome: 'shutdown' });
			case 'close-all':
				if (this.idle) return this.becomeIdle();
				this.engine.broadcast({ type: 'kill', outcome: 'shutdown' });
				return this.engine.stopAccepting();
		}
	}

	private becomeIdle(): void {
		this.idle = true;
		this.post({ type: 'idle' });
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
		this.context = this.contextFor(world);
		this.newest = snapshot.id;
		this.live.add(snapshot.id);
		if (before !== null) this.noteLeaving(before, snapshot);
		void this.engine.apply(snapshot).then((failures) => {
			this.post({ type: 'applied', snapshot: snapshot.id, failures });
			this.sweep();
		});
	}

	private contextFor(world: World): SessionContext {
		const cap = world.snapshot.process.maxConnections ?? Number.POSITIVE_INFINITY;
		return {
			world,
			clock: this.clock,
			records: this.records,
			tally: this.tally,
			held: this.context?.held ?? new HeldClients(cap, this.start.workers, (session) => this.evictSoon(session)),
			openDesk: () => new Holdings(this.board, this.queues),
		};
	}

	private lent(): SessionContext {
		if (this.context === null) throw new Error('a client before the first snapshot');
		return this.context;
	}

	private evictSoon(held: object): void {
		setImmediate(() => this.engine.broadcast({ type: 'evict' }, (session) => session === held));
	}

	private readonly tally: Tally = {
		connect: (backend, ok) => {
			this.board.add(backend, 'connects', 1);
			if (!ok) this.board.add(backend, 'connectFailures', 1);
		},
		earlyReset: (backend) => this.board.add(backend, 'earlyResets', 1),
		ended: (places, uploadBytes, downloadBytes) => {
			for (const slot of places) {
				this.board.add(slot, 'sessions', 1);
				this.board.add(slot, 'uploadBytes', uploadBytes);
				this.board.add(slot, 'downloadBytes', downloadBytes);
			}
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
		if (this.sweeper !== null) clearTimeout(this.sweeper);
		this.sweeper = null;
		this.drainLeaving();
		const needed = new Set<number | null>([this.newest]);
		for (const session of this.engine.sessions()) needed.add(session.snapshotId);
		for (const id of this.live) if (!needed.has(id)) this.letGo(id);
		if (this.live.size > 1) this.sweeper = setTimeout(() => this.sweep(), SWEEP_MS);
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
		this.post({ type: 'released', snapshot });
	}
}

function ringOf(start: WorkerStart): RingWriter {
	const buffer = start.memory.rings[start.worker];
	if (buffer === undefined) throw new RangeError(`worker ${start.worker} has no record ring`);
	return new RingWriter(buffer);
}

const slotKey = (slot: SlotRef): string => `${slot.index}.${slot.generation}`;

const backendKeys = (snapshot: Snapshot): Set<string> =>
	new Set(snapshot.pools.flatMap((pool) => pool.backends.map((backend) => slotKey(backend.slot))));

function run(): void {
	const port = parentPort;
	if (port === null) throw new Error('worker.ts is started as a worker thread only');
	const plane = new DataPlane(workerData as WorkerStart, (message) => port.postMessage(message));
	port.on('message', (message: ToWorker) => plane.receive(message));
}

run();
