import type { IpAddress } from '../../src/core/address.ts';
import type { RelayGates, SessionAction, SessionEvent, TlsFacts } from '../../src/core/session-io.ts';
import type { BackendSnapshot, Limited, Snapshot } from '../../src/core/snapshot.ts';
import { NS_PER_MS, type Side } from '../../src/core/units.ts';
import { makeGeoReader } from '../../src/policy/geo.ts';
import { WorkerQueues } from '../../src/policy/worker-queues.ts';
import { at, makeWorld } from '../../src/policy/world.ts';
import { seededRng } from '../../src/rng.ts';
import type { SessionContext, SessionDesk } from '../../src/session/context.ts';
import { HeldClients } from '../../src/session/held.ts';
import { Session } from '../../src/session/session.ts';
import { Holdings } from '../../src/shared/holdings.ts';
import { createStats, StatsWriter } from '../../src/shared/stats.ts';
import { WorkerBoard } from '../../src/shared/worker-board.ts';
import { Agenda } from './agenda.ts';
import { type BenchMeter, newMeter } from './session-bench.ts';
import { BucketWatch, SimFlows } from './simulated-buckets.ts';
import { greetingAnswer, SimClient } from './simulated-client.ts';
import type { SimulatedHouse } from './simulated-house.ts';
import { QueueWatch } from './simulated-queues.ts';

/** How a simulated backend treats a connect just now. */
type Mood = 'well' | 'refuses' | 'hangs' | 'resets';

/** How often the main thread looks after the queues. */
const KEEP_NS = 10 * NS_PER_MS;

/** A backend that counts for itself: the oracle that caps are held against. */
class SimBackend {
	open = 0;
	most = 0;
	mood: Mood = 'well';
}

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
export class Simulation {
	readonly agenda = new Agenda();
	readonly rng: () => number;
	readonly faults: string[] = [];
	readonly house: SimulatedHouse;
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
					access: ({ outcome }) => void this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1),
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

/** The simulated engine's part for one session: sockets that behave as chance has it. */
class Connection {
	readonly session: Session;
	private readonly meter: BenchMeter = newMeter();
	private readonly simulation: Simulation;
	private readonly worker: SimWorker;
	private readonly number: number;
	private readonly client: SimClient;
	private backend: BackendSnapshot | null = null;
	private pool = '';
	private flows: SimFlows | null = null;
	/** Raised to make what is still on the agenda void. */
	private connectEpoch = 0;
	private alarmNs = Number.POSITIVE_INFINITY;
	private gone = false;
	private readonly ended = { client: false, backend: false };
	private readonly sentFin = { client: false, backend: false };

	constructor(simulation: Simulation, worker: SimWorker, number: number, address: IpAddress) {
		this.simulation = simulation;
		this.worker = worker;
		this.number = number;
		const facts = { listener: 0, peer: { address, port: number % 65536 }, local: null };
		this.session = new Session(worker.context, facts, this.meter, simulation.agenda.nowNs);
		if (simulation.chance(0.05)) this.later(50, () => this.tell({ type: 'reset', side: 'client' }));
		const listener = at(worker.context.world.snapshot.listeners, 0);
		const client = simulation.house.clientAddress(simulation.rng);
		this.client = new SimClient(listener, address, client, (share) => simulation.chance(share));
		if (listener.tls !== null || simulation.chance(0.5)) this.later(5, () => this.arriveFirst());
		if (simulation.chance(0.05)) this.later(20, () => this.eof('client'));
	}

	vanish(): void {
		this.gone = true;
		this.flows?.vanish();
		this.closeBackend();
	}

	tell(event: SessionEvent): void {
		if (this.gone) return;
		const { agenda } = this.simulation;
		const out: SessionAction[] = [];
		this.session.handle(event, agenda.nowNs, out);
		this.simulation.note(`${this.number} ${event.type}`);
		for (const action of out) this.act(action);
		if (this.session.over) {
			this.gone = true;
			this.worker.live.delete(this);
		} else this.arm();
	}

	/** One alarm at a time: a later deadline waits for the earlier alarm, as engines do. */
	private arm(): void {
		const { deadlineNs } = this.session;
		if (deadlineNs >= this.alarmNs) return;
		this.alarmNs = deadlineNs;
		this.simulation.agenda.at(deadlineNs, () => {
			if (this.alarmNs !== deadlineNs) return;
			this.alarmNs = Number.POSITIVE_INFINITY;
			if (this.session.deadlineNs <= this.simulation.agenda.nowNs) this.tell({ type: 'deadline' });
			else if (!this.gone && this.session.deadlineNs !== Number.POSITIVE_INFINITY) this.arm();
		});
	}

	private act(action: SessionAction): void {
		this.simulation.note(action.type);
		switch (action.type) {
			case 'connect':
				this.pool = action.pool.name;
				return this.connect(action.backend);
			case 'cancel-connect':
				this.connectEpoch += 1;
				this.closeBackend();
				return;
			case 'peek': {
				const bytes = this.client.peek(action.beyond);
				if (bytes !== null) this.later(1, () => this.tell({ type: 'bytes', bytes }));
				return;
			}
			case 'consume':
				return this.client.consume(action.bytes);
			case 'reply':
				return;
			case 'handshake':
				return this.handshake();
			case 'greet':
				return this.step({ type: 'greeted', bytes: greetingAnswer(this.simulation.chance(0.9)) });
			case 'secure':
				return this.step({ type: 'upstream-tls-ready' });
			case 'relay':
				return this.relay(action.gates);
			case 'shutdown':
				this.sentFin[action.side] = true;
				return this.checkEnded();
			case 'flush':
				if (this.simulation.chance(0.8)) this.later(5, () => this.tell({ type: 'flushed', side: action.side }));
				return;
			case 'close':
				this.flows?.stop();
				return this.later(2, () => {
					this.closeBackend();
					this.tell({ type: 'closed' });
				});
			case 'hold':
				return;
		}
	}

	private arriveFirst(): void {
		this.tell({ type: 'early-bytes' });
		this.arrive();
	}

	private arrive(): void {
		const bytes = this.client.arrive(this.simulation.chance(0.6) ? 1 : this.simulation.rng());
		if (bytes !== null) this.tell({ type: 'bytes', bytes });
		if (!this.client.done) this.later(5, () => this.arrive());
	}

	private handshake(): void {
		if (this.simulation.chance(0.05)) return;
		const failed = this.simulation.chance(0.1);
		const tls: TlsFacts = { version: 'TLSv1.3', cipher: 'X', alpn: null, resumed: false, certificate: null };
		this.later(5, () => this.tell(failed ? { type: 'tls-failed', reason: 'alert' } : { type: 'tls-ready', tls }));
	}

	/** A step with the connected backend on the way to TLS: it answers, says no, or says nothing. */
	private step(answer: SessionEvent): void {
		const epoch = this.connectEpoch;
		if (this.simulation.chance(0.05)) return;
		const failed = this.simulation.chance(0.1);
		this.later(3, () => {
			if (epoch !== this.connectEpoch) return;
			if (failed) this.closeBackend();
			this.tell(failed ? { type: 'upstream-tls-failed', reason: 'no' } : answer);
		});
	}

	private connect(backend: BackendSnapshot): void {
		const epoch = ++this.connectEpoch;
		const { mood } = this.simulation.backendOf(backend);
		if (mood === 'hangs') return;
		this.later(3, () => {
			if (epoch !== this.connectEpoch || this.session.currentState !== 'connecting') return;
			if (mood === 'refuses') return this.tell({ type: 'connect-failed', cause: 'refused', code: 'ECONNREFUSED' });
			this.backend = backend;
			this.simulation.opened(backend);
			this.tell({ type: 'connected' });
			if (mood === 'resets') this.later(1, () => this.tell({ type: 'reset', side: 'backend' }));
		});
	}

	private relay(gates: RelayGates): void {
		const flows = new SimFlows(this.simulation, gates, this.meter, 'game', this.pool);
		this.flows = flows;
		this.later(30, () => flows.start());
		const first: Side = this.simulation.chance(0.5) ? 'client' : 'backend';
		if (this.simulation.chance(0.94)) this.later(60, () => this.eof(first));
		if (this.simulation.chance(0.92)) this.later(120, () => this.eof(first === 'client' ? 'backend' : 'client'));
		if (this.simulation.chance(0.03)) this.later(80, () => this.tell({ type: 'reset', side: first }));
	}

	private eof(side: Side): void {
		if (this.ended[side]) return;
		this.ended[side] = true;
		if (side === 'client') this.client.stop();
		this.tell({ type: 'eof', side });
		this.checkEnded();
	}

	private checkEnded(): void {
		const both = this.sentFin.client && this.sentFin.backend && this.ended.client && this.ended.backend;
		if (both) this.later(1, () => this.tell({ type: 'relay-ended' }));
	}

	private closeBackend(): void {
		if (this.backend === null) return;
		this.simulation.backendOf(this.backend).open -= 1;
		this.backend = null;
	}

	private later(mostMs: number, run: () => void): void {
		this.simulation.agenda.after(this.simulation.ms(mostMs), () => {
			if (!this.gone) run();
		});
	}
}
