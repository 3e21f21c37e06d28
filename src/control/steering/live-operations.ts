import type { LogEvent, LogLevel } from '../../core/record.ts';
import { NS_PER_MS } from '../../core/units.ts';
import type { Explanation } from '../../policy/explain.ts';
import type { ExplainQuery, Operations, Requester } from '../admin/operations.ts';
import type {
	AlertView,
	BackendAddition,
	BucketView,
	ChangeView,
	ClientView,
	CountryView,
	DiffView,
	DrainOrder,
	EventView,
	HistoryQuery,
	HistoryView,
	ListenerView,
	PoolView,
	RegionView,
	ReloadView,
	SessionPage,
	SessionQuery,
	SessionView,
	ShapingChange,
	StatusView,
} from '../admin/views.ts';
import { ClientRates } from './client-rates.ts';
import { diffView } from './diff-view.ts';
import { Drainer } from './drainer.ts';
import { EventLog } from './event-log.ts';
import { explainLive } from './live-explain.ts';
import { bucketViews, type LiveParts, listenerViews, poolViews, regionViews } from './live-views.ts';
import { Orders } from './orders.ts';
import { Sampler } from './sampler.ts';
import { SessionFinder } from './session-finder.ts';
import { type Started, statusView } from './status-view.ts';
import { type Steered, snapshotOf } from './steered.ts';
import { WorkerDesk } from './worker-desk.ts';

/** How often rates are taken. */
const SAMPLE_MS = 1_000;

/** What others keep, and operations show. */
export interface Beside {
	alerts(): readonly AlertView[];
	history(query: HistoryQuery): Promise<HistoryView>;
}

/** Workers know bytes alone: so many of their busiest clients are looked through for those with the highest rates. */
const LOOKED_THROUGH = 1_000;

/** `Operations` on a running balancer. */
export class LiveOperations implements Operations {
	/** Hears the workers' answers. */
	readonly desk: WorkerDesk;
	readonly #steered: Steered;
	readonly #beside: Beside;
	readonly #sampler: Sampler;
	readonly #events: EventLog;
	readonly #drainer: Drainer;
	readonly #clientRates = new ClientRates();
	readonly #finder: SessionFinder;
	readonly #orders: Orders;
	readonly #started: Started;
	readonly #cancelSampling: () => void;
	#stopping = false;

	constructor(steered: Steered, beside: Beside) {
		const { board, clock } = steered;
		this.#steered = steered;
		this.#beside = beside;
		this.#started = { wallMs: clock.wallMs(), ns: clock.nowNs() };
		this.#sampler = new Sampler(board);
		this.#events = new EventLog(() => clock.wallMs());
		this.desk = new WorkerDesk(steered);
		this.#finder = new SessionFinder(this.desk);
		this.#drainer = new Drainer({
			snapshot: () => steered.snapshot,
			workers: () => steered.workers(),
			activeOf: (worker, backend) => board.activeOf(worker, backend),
			close: (worker, backend, count) => steered.send(worker, { type: 'close-some', backend, count }),
			nowMs: () => clock.nowNs() / NS_PER_MS,
			every: (ms, run) => steered.every(ms, run),
		});
		this.#orders = new Orders(steered, this.#drainer);
		this.#cancelSampling = steered.every(SAMPLE_MS, () => this.#sample());
	}

	/** Drains that a state file brought back begin anew. */
	resume(): void {
		this.#orders.resume();
	}

	/** A stop was asked for: from now on it is not ready. */
	becomeUnready(): void {
		this.#stopping = true;
	}

	stop(): void {
		this.#stopping = true;
		this.#cancelSampling();
		this.#drainer.stop();
	}

	note(event: LogEvent): void {
		this.#events.note(event);
	}

	// --- looking ---

	get ready(): boolean {
		return !this.#stopping && this.#steered.phase === 'running';
	}

	status(): StatusView {
		return statusView(this.#steered, this.#sampler, this.#started);
	}

	listeners(): readonly ListenerView[] {
		return listenerViews(this.#parts());
	}

	pools(): readonly PoolView[] {
		return poolViews(this.#parts());
	}

	regions(): readonly RegionView[] {
		return regionViews(this.#parts());
	}

	buckets(): readonly BucketView[] {
		return bucketViews(this.#parts());
	}

	events(after: number): readonly EventView[] {
		return this.#events.after(after);
	}

	changes(): readonly ChangeView[] {
		return this.#steered.changes.list();
	}

	alerts(): readonly AlertView[] {
		return this.#beside.alerts();
	}

	history(query: HistoryQuery): Promise<HistoryView> {
		return this.#beside.history(query);
	}

	async countries(): Promise<readonly CountryView[]> {
		return [...this.#steered.stats.countries()]
			.map(([country, active]) => ({ country, active }))
			.sort((a, b) => b.active - a.active);
	}

	async clients(listener: string | null, limit: number): Promise<readonly ClientView[]> {
		const facts = await this.desk.clients(listener, Math.max(LOOKED_THROUGH, limit));
		return this.#clientRates.viewsOf(facts, this.#steered.clock.nowNs(), limit);
	}

	sessions(query: SessionQuery): Promise<SessionPage> {
		return this.#finder.page(query);
	}

	session(id: string): Promise<SessionView | null> {
		return this.#finder.one(id);
	}

	explain(query: ExplainQuery): Explanation {
		return explainLive(this.#steered, query);
	}

	// --- changing ---

	async kill(id: string, by: Requester): Promise<boolean> {
		const killed = await this.#finder.kill(id);
		if (killed) this.#orders.tell('session killed', by, { session: id });
		return killed;
	}

	setWeight(pool: string, backend: string, weight: number, by: Requester): Promise<void> {
		return this.#orders.setWeight(pool, backend, weight, by);
	}

	drain(pool: string, backend: string, order: DrainOrder, by: Requester): Promise<void> {
		return this.#orders.drain(pool, backend, order, by);
	}

	enable(pool: string, backend: string, by: Requester): Promise<void> {
		return this.#orders.enable(pool, backend, by);
	}

	disable(pool: string, backend: string, by: Requester): Promise<void> {
		return this.#orders.disable(pool, backend, by);
	}

	addBackend(pool: string, addition: BackendAddition, by: Requester): Promise<void> {
		return this.#orders.addBackend(pool, addition, by);
	}

	removeBackend(pool: string, backend: string, by: Requester): Promise<void> {
		return this.#orders.removeBackend(pool, backend, by);
	}

	setShaping(place: string, terms: ShapingChange, by: Requester): Promise<void> {
		return this.#orders.setShaping(place, terms, by);
	}

	setLogLevel(level: LogLevel | null, by: Requester): Promise<void> {
		return this.#orders.setLogLevel(level, by);
	}

	async reload(by: Requester): Promise<ReloadView> {
		this.#orders.tell('reload asked for', by, {});
		const { warnings, ...diff } = await this.#steered.reload();
		return { ...diffView(diff), warnings: [...warnings] };
	}

	async diff(candidate: string): Promise<DiffView> {
		return diffView(await this.#steered.diff(candidate));
	}

	// --- the rest ---

	#sample(): void {
		const { snapshot, clock } = this.#steered;
		if (snapshot === null) return;
		const pools = snapshot.pools.flatMap(({ slot, backends }) => [slot, ...backends.map((backend) => backend.slot)]);
		const others = [...snapshot.listeners, ...snapshot.regions].map(({ slot }) => slot);
		this.#sampler.sample([...pools, ...others], clock.nowNs() / NS_PER_MS);
	}

	#parts(): LiveParts {
		const { config, changes, board, clock } = this.#steered;
		return {
			snapshot: snapshotOf(this.#steered),
			config,
			changes,
			board,
			sampler: this.#sampler,
			nowNs: clock.nowNs(),
			healthOf: (backend) => this.#steered.healthOf(backend),
			addressesOf: (listener) => this.#steered.addressesOf(listener),
			engineOf: (listener) => this.#steered.engineOf(listener),
		};
	}
}
