import type { AccessRecord } from '../../src/core/record.ts';
import type { BackendSnapshot, Limited, Snapshot } from '../../src/core/snapshot.ts';
import { NS_PER_MS } from '../../src/core/units.ts';
import { makeGeoReader } from '../../src/policy/geo.ts';
import { WorkerQueues } from '../../src/policy/worker-queues.ts';
import { at, makeWorld } from '../../src/policy/world.ts';
import { seededRng } from '../../src/rng.ts';
import type { SessionContext, SessionDesk } from '../../src/session/context.ts';
import { HeldClients } from '../../src/session/held.ts';
import { Holdings } from '../../src/shared/holdings.ts';
import { createStats, StatsWriter } from '../../src/shared/stats.ts';
import { WorkerBoard } from '../../src/shared/worker-board.ts';
import { Agenda } from './agenda.ts';
import { BucketWatch } from './simulated-buckets.ts';
import { Connection, type ConnectionHost, type Mood, SimBackend } from './simulated-connection.ts';
import type { SimulatedHouse } from './simulated-house.ts';
import { QueueWatch } from './simulated-queues.ts';
import type { OrderWatch } from './simulated-watch.ts';

/** How often the main thread looks after the queues. */
const KEEP_NS = 10 * NS_PER_MS;

export interface SimulationResult {
	readonly sessions: number;
	/** Of every event and its actions; the same seed gives the same. */
	readonly trace: number;
	readonly outcomes: ReadonlyMap<string, number>;
	/** What was seen to be wrong; empty when all held. */
	readonly faults: readonly string[];
	readonly mostOpen: ReadonlyMap<string, number>;
	/** By all relays, both ways. */
	readonly passedBytes: number;
	/** Directions that waited for a gate at once, at the most. */
	readonly mostWaiting: number;
	readonly virtualMs: number;
	readonly workersLost: number;
}

export interface SimulationOptions {
	readonly seed: number;
	readonly sessions: number;
	readonly workers: number;
	/** A planted fault: the desk of each session. */
	readonly desk?: (board: WorkerBoard, queues: WorkerQueues) => SessionDesk;
	/** A planted fault: a worker's queues. */
	readonly queues?: (board: WorkerBoard, wake: (worker: number) => void) => WorkerQueues;
	/** For planted faults after which counts go wrong beyond all bounds. */
	readonly stopAtFault?: boolean;
	/** A planted fault: false, and the main thread does not look after the queues. */
	readonly keep?: boolean;
	/** A planted fault: the limits that buckets get, instead of the configured ones. */
	readonly misapplied?: (snapshot: Snapshot) => Snapshot;
	/** A planted fault: what sessions take the configuration to be. */
	readonly misread?: (snapshot: Snapshot) => Snapshot;
}

interface SimWorker {
	readonly number: number;
	board: WorkerBoard;
	queues: WorkerQueues;
	context: SessionContext;
	readonly live: Set<Connection>;
}

/** Sessions, backends and workers in virtual time, with faults drawn from a seed. */
export class Simulation implements ConnectionHost {
	readonly agenda = new Agenda();
	readonly rng: () => number;
	readonly faults: string[] = [];
	readonly house: SimulatedHouse;
	tellingFor: OrderWatch | null = null;
	private readonly options: SimulationOptions;
	readonly bucketWatch = new BucketWatch((text) => this.fault(text));
	private readonly queueWatch: QueueWatch;
	private readonly workers: SimWorker[];
	private readonly backends = new Map<string, SimBackend>();
	private readonly outcomes = new Map<string, number>();
	private trace = 0x811c9dc5;
	private started = 0;
	private workersLost = 0;

	constructor(house: SimulatedHouse, options: SimulationOptions) {
		this.house = house;
		this.options = options;
		this.rng = seededRng(options.seed);
		this.queueWatch = new QueueWatch(house, (text) => this.fault(text));
		house.wake = (worker) => this.wake(worker);
		this.applyTerms();
		this.workers = Array.from({ length: options.workers }, (_, number) => this.newWorker(number));
	}

	run(): SimulationResult {
		const startNs = this.agenda.nowNs;
		this.agenda.after(0, () => this.arrive());
		this.agenda.after(0, () => this.disturb());
		this.agenda.after(0, () => this.keepQueues());
		while (!(this.options.stopAtFault === true && this.faults.length > 0) && this.agenda.step());
		this.checkEmpty();
		return {
			sessions: this.started,
			trace: this.trace >>> 0,
			outcomes: this.outcomes,
			faults: this.faults,
			passedBytes: this.bucketWatch.passedBytes,
			mostWaiting: this.bucketWatch.mostWaiting,
			virtualMs: (this.agenda.nowNs - startNs) / NS_PER_MS,
			mostOpen: new Map([...this.backends].map(([name, backend]) => [name, backend.most])),
			workersLost: this.workersLost,
		};
	}

	chance(probability: number): boolean {
		return this.rng() < probability;
	}

	ms(most: number): number {
		return this.rng() * most * NS_PER_MS;
	}

	backendOf(backend: BackendSnapshot): SimBackend {
		const known = this.backends.get(backend.name) ?? new SimBackend();
		this.backends.set(backend.name, known);
		return known;
	}

	note(text: string): void {
		for (let i = 0; i < text.length; i++) this.trace = Math.imul(this.trace ^ text.charCodeAt(i), 0x01000193);
	}

	fault(text: string): void {
		if (this.faults.length < 20) this.faults.push(text);
	}

	/** A cap as the backend itself sees it. */
	opened(backend: BackendSnapshot): void {
		const sim = this.backendOf(backend);
		sim.open += 1;
		sim.most = Math.max(sim.most, sim.open);
		const cap = this.house.capOf(backend.name);
		if (cap !== null && sim.open > cap) this.fault(`${backend.name} has ${sim.open} of ${cap}`);
	}

	checkBelow(): void {
		for (const { backends } of this.house.snapshot.pools) {
			for (const { name, slot } of backends) if (this.house.active(slot) < 0) this.fault(`${name} counts less than 0`);
		}
	}

	private newWorker(number: number): SimWorker {
		return { number, ...this.partsOf(number), live: new Set() };
	}

	private partsOf(number: number): Pick<SimWorker, 'board' | 'queues' | 'context'> {
		const board = new WorkerBoard(this.house.memory, number);
		const wake = (worker: number): void => this.wake(worker);
		const queues = this.options.queues?.(board, wake) ?? new WorkerQueues(board, wake);
		return { board, queues, context: this.contextOf(board, queues) };
	}

	/** A worker's event loop comes to its queues after a moment. */
	private wake(worker: number): void {
		this.agenda.after(this.ms(0.5), () => {
			const { queues, live } = at(this.workers, worker);
			const tell = (session: object): void => {
				for (const connection of live) if (connection.session === session) connection.tell({ type: 'grant' });
			};
			if (queues.lookAfter(tell, this.agenda.nowNs)) this.fault('a queue was stuck');
		});
	}

	private keepQueues(): void {
		if (this.idle) return;
		if (this.options.keep !== false) this.house.keeper.tick(this.agenda.nowNs);
		this.queueWatch.look(this.agenda.nowNs);
		this.agenda.after(KEEP_NS, () => this.keepQueues());
	}

	/** Everybody has come, and gone. */
	private get idle(): boolean {
		return this.started >= this.options.sessions && this.workers.every(({ live }) => live.size === 0);
	}

	private contextOf(board: WorkerBoard, queues: WorkerQueues): SessionContext {
		queues.apply(this.house.snapshot);
		const snapshot = this.options.misread?.(this.house.snapshot) ?? this.house.snapshot;
		const world = makeWorld(snapshot, {
			live: board.scoreboard,
			geo: makeGeoReader(snapshot.geo, { country: () => null }),
			rng: this.rng,
		});
		const evict = (session: object): void => this.agenda.after(0, () => this.evict(session));
		return {
			world,
			host: {
				clock: { wallMs: () => 0 },
				records: {
					access: (record) => this.recorded(record),
					log: () => {},
				},
				tally: { connect: () => {}, earlyReset: () => {}, moved: () => {}, refused: () => {}, ended: () => {} },
				stats: new StatsWriter(createStats()),
				nextNumber: () => 0,
				held: new HeldClients(snapshot.process.maxConnections ?? 1000, this.options.workers, evict),
				openDesk: () => this.options.desk?.(board, queues) ?? new Holdings(board, queues),
			},
		};
	}

	private recorded(record: AccessRecord): void {
		this.outcomes.set(record.outcome, (this.outcomes.get(record.outcome) ?? 0) + 1);
		this.tellingFor?.recorded(record);
	}

	private evict(session: object): void {
		for (const worker of this.workers) {
			for (const connection of worker.live) if (connection.session === session) connection.tell({ type: 'evict' });
		}
	}

	private arrive(): void {
		if (this.started >= this.options.sessions) return;
		this.started += 1;
		const worker = this.pickWorker();
		const connection = new Connection(this, worker, this.started, this.house.clientAddress(this.rng));
		worker.live.add(connection);
		connection.tell({ type: 'accepted' });
		this.agenda.after(this.ms(1), () => this.arrive());
	}

	private pickWorker(): SimWorker {
		const worker = this.workers[Math.floor(this.rng() * this.workers.length)];
		if (worker === undefined) throw new Error('a simulation needs a worker');
		return worker;
	}

	/** Now and then something breaks, heals, is reloaded or dies. */
	private disturb(): void {
		if (this.started >= this.options.sessions) return;
		const backend = this.house.someBackend(this.rng);
		const moods: readonly Mood[] = ['well', 'well', 'refuses', 'hangs', 'resets'];
		this.backendOf(backend).mood = moods[Math.floor(this.rng() * moods.length)] ?? 'well';
		if (this.chance(0.3)) this.house.setHealth(this.house.someBackend(this.rng), this.chance(0.3) ? 'down' : 'up');
		if (this.chance(0.005)) this.house.loseAll();
		if (this.chance(0.05)) this.loseWorker(this.pickWorker());
		if (this.chance(0.1)) this.reload();
		this.checkCaps();
		this.agenda.after(this.ms(40), () => this.disturb());
	}

	/** Its sessions vanish without a word; the kernel closes their sockets. */
	private loseWorker(worker: SimWorker): void {
		this.workersLost += 1;
		this.note(`lost ${worker.number}`);
		for (const connection of worker.live) connection.vanish();
		worker.live.clear();
		this.house.repair(worker.number);
		Object.assign(worker, this.partsOf(worker.number));
		this.house.keeper.tick(this.agenda.nowNs);
		this.house.keeper.wakeAll();
	}

	private reload(): void {
		this.note('reload');
		this.house.reload(this.rng);
		this.applyTerms();
		for (const worker of this.workers) worker.context = this.contextOf(worker.board, worker.queues);
	}

	private applyTerms(): void {
		this.house.applyTerms(this.agenda.nowNs, this.options.misapplied);
		this.bucketWatch.apply(this.house.snapshot, this.agenda.nowNs);
	}

	private checkCaps(): void {
		for (const [name, place] of this.house.places()) this.checkCap(name, place);
	}

	private checkCap(name: string, place: Limited): void {
		const active = this.house.active(place.slot);
		if (place.maxConnections !== null && active > place.maxConnections) {
			this.fault(`${name} counts ${active} of ${place.maxConnections}`);
		}
	}

	private checkEmpty(): void {
		for (const [name, place] of this.house.places()) {
			const active = this.house.active(place.slot);
			if (active !== 0) this.fault(`${name} still counts ${active}`);
		}
		for (const fault of this.house.audit()) this.fault(fault);
		for (const [name, backend] of this.backends) if (backend.open !== 0) this.fault(`${name} has ${backend.open} open`);
		const ended = [...this.outcomes.values()].reduce((sum, n) => sum + n, 0);
		if (this.workersLost === 0 && ended !== this.started) this.fault(`${this.started} sessions, ${ended} records`);
	}
}
