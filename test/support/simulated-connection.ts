import type { IpAddress } from '../../src/core/address.ts';
import type { RelayGates, SessionAction, SessionEvent, TlsFacts } from '../../src/core/session-io.ts';
import type { BackendSnapshot } from '../../src/core/snapshot.ts';
import type { Side } from '../../src/core/units.ts';
import { at } from '../../src/policy/world.ts';
import type { SessionContext } from '../../src/session/context.ts';
import { Session } from '../../src/session/session.ts';
import { POSTGRES_ACCEPT, POSTGRES_DECLINE } from '../../src/wire/postgres.ts';
import { type BenchMeter, ip, newMeter } from './session-bench.ts';
import { type FlowHost, SimFlows } from './simulated-buckets.ts';
import { type Dice, SimClient } from './simulated-client.ts';
import type { SimulatedHouse } from './simulated-house.ts';
import { OrderWatch } from './simulated-watch.ts';
import { tlsFacts } from './tls-terms.ts';

/** How a simulated backend treats a connect just now. */
export type Mood = 'well' | 'refuses' | 'hangs' | 'resets';

/** A backend that counts for itself: the oracle that caps are held against. */
export class SimBackend {
	open = 0;
	most = 0;
	mood: Mood = 'well';
}

/** What connections need of their simulation. */
export interface ConnectionHost extends FlowHost, Dice {
	readonly house: SimulatedHouse;
	/** Whose record is written in the step at hand. */
	tellingFor: OrderWatch | null;
	backendOf(backend: BackendSnapshot): SimBackend;
	opened(backend: BackendSnapshot): void;
	/** No backend's place was given back that nobody held. */
	checkBelow(): void;
	note(text: string): void;
	fault(text: string): void;
}

export interface ConnectionWorker {
	readonly context: SessionContext;
	readonly live: Set<Connection>;
}

const LOCAL = ip('203.0.113.1');

/** The simulated engine's part for one session: sockets that behave as chance has it. */
export class Connection {
	readonly session: Session;
	private readonly meter: BenchMeter = newMeter();
	private readonly simulation: ConnectionHost;
	private readonly worker: ConnectionWorker;
	private readonly number: number;
	private readonly client: SimClient;
	private readonly order: OrderWatch;
	private backend: BackendSnapshot | null = null;
	private pool = '';
	private flows: SimFlows | null = null;
	/** Raised to make what is still on the agenda void. */
	private connectEpoch = 0;
	private alarmNs = Number.POSITIVE_INFINITY;
	private gone = false;
	/** Answers on their way to the session. */
	private owed = 0;
	private readonly ended = { client: false, backend: false };
	private readonly sentFin = { client: false, backend: false };

	constructor(simulation: ConnectionHost, worker: ConnectionWorker, number: number, address: IpAddress) {
		this.simulation = simulation;
		this.worker = worker;
		this.number = number;
		const facts = { listener: 0, peer: { address, port: number % 65536 }, local: { address: LOCAL, port: 443 } };
		this.session = new Session(worker.context, facts, this.meter, simulation.agenda.nowNs);
		if (simulation.chance(0.05)) this.later(50, () => this.tell({ type: 'reset', side: 'client' }));
		const { snapshot } = simulation.house;
		const listener = at(snapshot.listeners, 0);
		this.client = new SimClient(listener, address, simulation.house.clientAddress(simulation.rng), simulation);
		this.order = new OrderWatch(snapshot, this.client, (text) => simulation.fault(`${number}: ${text}`));
		if (listener.tls !== null || this.client.speaksForOthers || simulation.chance(0.5))
			this.later(5, () => this.arrive());
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
		this.order.heard(event);
		this.simulation.tellingFor = this.order;
		this.session.handle(event, agenda.nowNs, out);
		this.simulation.note(`${this.number} ${event.type}`);
		for (const action of out) this.act(action);
		this.simulation.checkBelow();
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
		this.order.acted(action);
		switch (action.type) {
			case 'connect':
				this.pool = action.pool.name;
				return this.connect(action.backend);
			case 'cancel-connect':
				this.connectEpoch += 1;
				this.closeBackend();
				return;
			case 'peek':
				return this.answer(this.client.peek(action.beyond));
			case 'consume':
				return this.client.consume(action.bytes);
			case 'reply':
				return this.client.replied();
			case 'handshake':
				return this.handshake();
			case 'greet':
				return this.step({ type: 'greeted', bytes: this.simulation.chance(0.9) ? POSTGRES_ACCEPT : POSTGRES_DECLINE });
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
		}
	}

	private arrive(): void {
		const wasEmpty = !this.client.hasBytes;
		const bytes = this.client.arrive(this.simulation.chance(0.6) ? 1 : this.simulation.rng());
		if (wasEmpty && this.client.hasBytes) this.tell({ type: 'early-bytes' });
		this.answer(bytes);
		if (!this.client.done) this.later(5, () => this.arrive());
	}

	/** A moment later, as engines do that tell nothing while they carry out; what comes meanwhile is told after it. */
	private answer(bytes: Uint8Array | null): void {
		if (bytes === null) return;
		this.owed += 1;
		this.later(0.5, () => {
			this.owed -= 1;
			this.tell({ type: 'bytes', bytes });
		});
	}

	private handshake(): void {
		if (this.simulation.chance(0.05)) return;
		const failed = this.simulation.chance(0.1);
		this.later(5, () => {
			this.tell(failed ? { type: 'tls-failed', reason: 'alert' } : { type: 'tls-ready', tls: this.tlsFacts() });
			if (!failed && this.simulation.chance(0.5)) this.later(5, () => this.tell({ type: 'early-bytes' }));
		});
	}

	private tlsFacts(): TlsFacts {
		if (this.simulation.chance(0.6)) return tlsFacts();
		const verified = this.simulation.chance(0.8);
		const error = verified ? null : 'expired';
		const certificate = { verified, error, commonName: null, names: ['a.devices'], fingerprint: 'ff' };
		return tlsFacts({ certificate });
	}

	/** A step with the connected backend on the way to TLS: it answers, says no, or says nothing. */
	private step(answer: SessionEvent): void {
		const epoch = this.connectEpoch;
		if (this.simulation.chance(0.05)) return;
		const failed = this.simulation.chance(0.1);
		this.later(3, () => {
			if (epoch !== this.connectEpoch) return;
			if (!failed) return this.tell(answer);
			if (this.simulation.chance(0.2)) return this.tell({ type: 'reset', side: 'backend' });
			this.closeBackend();
			this.tell({ type: 'upstream-tls-failed', reason: 'no' });
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
		if (side === 'client' && this.owed > 0) return this.later(1, () => this.eof(side));
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
