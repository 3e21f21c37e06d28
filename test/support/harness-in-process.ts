import { monotonicClock } from '../../src/clock.ts';
import { type AccessLine, accessLine } from '../../src/control/access-line.ts';
import { AddressBook } from '../../src/control/addresses.ts';
import { BucketKeeper } from '../../src/control/bucket-keeper.ts';
import { compileSnapshot } from '../../src/control/config/compile.ts';
import { parseConfigObject } from '../../src/control/config/load.ts';
import type { Config, ConfigInput } from '../../src/control/config/schema.ts';
import { countriesOf } from '../../src/control/geo/continents.ts';
import { HealthKeeper } from '../../src/control/health-keeper.ts';
import { Log } from '../../src/control/log.ts';
import { afterTimeout } from '../../src/control/probe-schedule.ts';
import { Probes } from '../../src/control/probes.ts';
import { KEEP_MS, QueueKeeper } from '../../src/control/queue-keeper.ts';
import { everyInterval } from '../../src/control/resolve.ts';
import { readTlsFiles } from '../../src/control/tls/files.ts';
import { tlsSource } from '../../src/control/tls/source.ts';
import { TicketKeys } from '../../src/control/tls/tickets.ts';
import type { LogEvent } from '../../src/core/record.ts';
import { type Snapshot, slotKey } from '../../src/core/snapshot.ts';
import { NS_PER_MS } from '../../src/core/units.ts';
import type { Engine, EngineFactory } from '../../src/engine/engine.ts';
import { EpollEngine } from '../../src/engine/epoll/engine.ts';
import { makeGeoReader } from '../../src/policy/geo.ts';
import { mayAccept } from '../../src/policy/overflow.ts';
import { WorkerQueues } from '../../src/policy/worker-queues.ts';
import { makeWorld } from '../../src/policy/world.ts';
import { seededRng } from '../../src/rng.ts';
import type { SessionContext } from '../../src/session/context.ts';
import { HeldClients } from '../../src/session/held.ts';
import { Session } from '../../src/session/session.ts';
import { Holdings } from '../../src/shared/holdings.ts';
import { SlotRegistry } from '../../src/shared/registry.ts';
import { Repair } from '../../src/shared/repair.ts';
import { createStats, StatsWriter } from '../../src/shared/stats.ts';
import { WorkerBoard } from '../../src/shared/worker-board.ts';
import type { Assembly } from './harness.ts';
import { withoutHealth } from './without-health.ts';

/** One worker in the test's own thread: a chosen engine under real sessions and a real scoreboard. */
export class InProcess implements Assembly {
	readonly records: AccessLine[] = [];
	readonly events: LogEvent[] = [];
	readonly engine: Engine<Session>;
	readonly #registry = new SlotRegistry({ workers: 1, seed: 1 });
	readonly #board = new WorkerBoard(this.#registry.memory, 0);
	readonly #buckets = new BucketKeeper(this.#registry.scoreboard);
	readonly #book = new AddressBook();
	readonly #clock = monotonicClock();
	readonly #idle = Promise.withResolvers<void>();
	readonly #keeper = new QueueKeeper(this.#registry.scoreboard, () => this.#wake());
	readonly #queues = new WorkerQueues(this.#board, () => this.#wake());
	readonly #keeping = setInterval(() => this.#keeper.tick(this.#clock.nowNs()), KEEP_MS);
	readonly #probes = new Probes();
	readonly #tickets = new TicketKeys({ every: () => () => {}, rotated: () => {} });
	readonly #health: HealthKeeper;
	#context: SessionContext | null = null;
	#rng = seededRng(1);
	#snapshots = 0;

	static async start(config: Config, create: EngineFactory): Promise<InProcess> {
		const worker = new InProcess(create);
		try {
			await worker.#apply(config);
		} catch (error) {
			clearInterval(worker.#keeping);
			worker.engine.destroy();
			throw error;
		}
		return worker;
	}

	readonly #stats = new StatsWriter(createStats());

	private constructor(create: EngineFactory) {
		this.#health = new HealthKeeper({
			board: this.#registry.scoreboard,
			log: new Log({ output: null, onLog: (event) => this.events.push(event), onRecord: null }, 'debug'),
			clock: this.#clock,
			schedule: { probe: this.#probes.probe, after: afterTimeout, rng: seededRng(1) },
			every: everyInterval,
		});
		this.engine = create<Session>({
			worker: 0,
			clock: this.#clock,
			stragglers: () => 64,
			restingSockets: () => 64,
			createSession: (facts, meter) => new Session(this.#lent(), facts, meter, this.#clock.nowNs()),
			mayAccept: (listener) => {
				const { world } = this.#lent();
				return mayAccept(world.snapshot, listener, world.live, this.#clock.nowNs());
			},
			onSessionOver: () => {},
			onIdle: () => this.#idle.resolve(),
			log: (event) => this.events.push(event),
		});
	}

	get addresses(): Assembly['addresses'] {
		return this.#book.listening;
	}

	reload(config: ConfigInput): Promise<void> {
		return this.#apply(parseConfigObject(withoutHealth(config)));
	}

	async stop(drainMs: number): Promise<void> {
		const untilNs = this.#clock.nowNs() + drainMs * NS_PER_MS;
		this.engine.stopAccepting();
		this.engine.broadcast({ type: 'drain', untilNs, outcome: 'shutdown' });
		await this.#idle.promise;
		clearInterval(this.#keeping);
		this.#health.stop();
		this.#probes.close();
		this.engine.destroy();
	}

	get ran(): string {
		return this.engine instanceof EpollEngine ? 'epoll' : 'node';
	}

	async killAll(): Promise<void> {
		this.engine.broadcast({ type: 'kill', outcome: 'killed' });
	}

	readonly plantFault = (): void => {
		this.#rng = () => {
			throw new Error('planted');
		};
	};

	#wake(): void {
		setImmediate(() => {
			this.#queues.lookAfter((session) => this.engine.tell(session, { type: 'grant' }), this.#clock.nowNs());
		});
	}

	isZero(): boolean {
		return new Repair(this.#registry.scoreboard).isZero();
	}

	async #apply(config: Config): Promise<void> {
		const tls = tlsSource(await readTlsFiles(config), this.#tickets);
		const plan = await this.#book.plan(config);
		this.#snapshots += 1;
		const snapshot = compileSnapshot(config, {
			id: this.#snapshots,
			slots: {
				claim: (kind, name, address) => this.#registry.claim(kind, name, address),
				queue: (key) => this.#registry.queue(key),
				clientTable: (key, size, rates) => this.#registry.clientTable(key, size, rates.length),
			},
			resolved: new Map(),
			ports: plan.ports,
			geoDatabase: 'embedded',
			tls,
			countriesOf,
			defaultMaxConnections: 10_000,
		});
		this.#board.scoreboard.attach(this.#registry.memory);
		this.#health.apply(snapshot);
		this.#keeper.apply(snapshot);
		this.#queues.apply(snapshot);
		this.#buckets.applyTerms(snapshot, this.#clock.nowNs());
		this.#context = this.#contextFor(snapshot);
		const failures = await new Promise<readonly string[]>((done) => this.engine.apply(snapshot, done));
		if (failures.length > 0) throw new Error(failures.join('\n'));
		this.#health.settle();
		this.#book.adopt(plan);
		this.#drainLeaving(snapshot);
	}

	/** What the worker does for sessions on backends that the snapshot no longer has. */
	#drainLeaving(snapshot: Snapshot): void {
		const staying = new Set(snapshot.pools.flatMap(({ backends }) => backends.map(({ slot }) => slotKey(slot))));
		const untilNs = this.#clock.nowNs() + snapshot.drainMs * NS_PER_MS;
		this.engine.broadcast({ type: 'drain', untilNs, outcome: 'drained' }, ({ backendSlot }) => {
			return backendSlot !== null && !staying.has(slotKey(backendSlot));
		});
	}

	#contextFor(snapshot: Snapshot): SessionContext {
		const world = makeWorld(snapshot, {
			live: this.#board.scoreboard,
			geo: makeGeoReader(snapshot.geo, { country: () => null }),
			rng: () => this.#rng(),
		});
		const evict = (held: object): void => {
			setImmediate(() => this.engine.broadcast({ type: 'evict' }, (session) => session === held));
		};
		return {
			world,
			host: {
				clock: this.#clock,
				records: {
					access: (record) => this.records.push(accessLine(record)),
					log: (event) => this.events.push(event),
				},
				tally: {
					connect: (slot, ok) => this.#board.add(slot, ok ? 'connects' : 'connectFailures', 1),
					earlyReset: (slot) => this.#board.add(slot, 'earlyResets', 1),
					moved: () => {},
					refused: () => {},
					ended: () => {},
				},
				stats: this.#stats,
				nextNumber: () => 0,
				held: new HeldClients(snapshot.process.maxConnections ?? Number.POSITIVE_INFINITY, 1, evict),
				openDesk: () => new Holdings(this.#board, this.#queues),
			},
		};
	}

	#lent(): SessionContext {
		if (this.#context === null) throw new Error('a client before the first snapshot');
		return this.#context;
	}
}
