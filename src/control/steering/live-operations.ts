import { SluiceError } from '../../core/errors.ts';
import type { LogEvent, LogLevel } from '../../core/record.ts';
import type { SessionFilter } from '../../core/session-facts.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { NS_PER_MS } from '../../core/units.ts';
import { parseAddress } from '../../policy/address.ts';
import { type Explanation, explain } from '../../policy/explain.ts';
import { buildNetworkTable, parseNetwork } from '../../policy/network-table.ts';
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
import { backendName } from '../config/compile.ts';
import { type ConfigDiff, describeDiff } from '../config/diff.ts';
import type { Config } from '../config/schema.ts';
import type { Author, RuntimeChanges } from './changes.ts';
import { ClientRates } from './client-rates.ts';
import { Drainer } from './drainer.ts';
import { EventLog } from './event-log.ts';
import { bucketViews, type LiveParts, listenerViews, poolViews, regionViews } from './live-views.ts';
import { Sampler } from './sampler.ts';
import { sessionView } from './session-views.ts';
import { hasPlace, parsePlace } from './shaped-places.ts';
import { type Steered, snapshotOf } from './steered.ts';
import { type Place, WorkerDesk } from './worker-desk.ts';

/** How often rates are taken. */
const SAMPLE_MS = 1_000;

/** What others keep, and operations show. */
export interface Beside {
	alerts(): readonly AlertView[];
	history(query: HistoryQuery): Promise<HistoryView>;
}

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
	readonly #startedMs: number;
	readonly #startedNs: number;
	readonly #cancelSampling: () => void;
	#stopping = false;

	constructor(steered: Steered, beside: Beside) {
		const { board, clock } = steered;
		this.#steered = steered;
		this.#beside = beside;
		this.#startedMs = clock.wallMs();
		this.#startedNs = clock.nowNs();
		this.#sampler = new Sampler(board);
		this.#events = new EventLog(() => clock.wallMs());
		this.desk = new WorkerDesk(steered);
		this.#drainer = new Drainer({
			snapshot: () => steered.snapshot,
			workers: () => steered.workers(),
			activeOf: (worker, backend) => board.activeOf(worker, backend),
			close: (worker, backend, count) => steered.send(worker, { type: 'close-some', backend, count }),
			nowMs: () => clock.nowNs() / NS_PER_MS,
			every: (ms, run) => steered.every(ms, run),
		});
		this.#cancelSampling = steered.every(SAMPLE_MS, () => this.#sample());
	}

	/** Drains that a state file brought back begin anew. */
	resume(): void {
		const { changes, config } = this.#steered;
		for (const pool of changes.apply(config).pools)
			for (const backend of pool.backends)
				if (changes.stateOf(pool.name, backendName(backend)) === 'draining')
					this.#drainer.start(pool.name, backendName(backend), null, config.drain);
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
		const { board, clock, version, engine, phase, file, log, config, changes, recordsDropped, stats } = this.#steered;
		const snapshot = this.#snapshot();
		const { process } = snapshot;
		const { database } = snapshot.geo;
		const listeners = snapshot.listeners.map(({ slot }) => this.#sampler.trafficOf(slot));
		const sum = (key: keyof (typeof listeners)[number]): number =>
			listeners.reduce((total, traffic) => total + traffic[key], 0);
		const sessionsOf = snapshot.listeners.map(({ slot }) => this.#sampler.ratesOf(slot).sessionsPerSecond);
		const outcomes = Object.fromEntries([...stats.outcomes()].filter(([, count]) => count > 0));
		return {
			version,
			startedAt: new Date(this.#startedMs).toISOString(),
			uptimeMs: (clock.nowNs() - this.#startedNs) / NS_PER_MS,
			phase,
			engine,
			workers: this.#steered.workers().length,
			snapshot: snapshot.id,
			configuration: file,
			active: board.active(process.slot),
			maxConnections: process.maxConnections,
			sessions: [...stats.outcomes().values()].reduce((total, count) => total + count, 0),
			sessionsPerSecond: sessionsOf.reduce((total, rate) => total + rate, 0),
			queued: snapshot.pools.reduce(
				(total, { queue }) => total + (queue === null ? 0 : board.waiting(queue.number)),
				0,
			),
			throttledShare: this.#throttledShare(board.active(process.slot)),
			traffic: {
				uploadBytes: sum('uploadBytes'),
				downloadBytes: sum('downloadBytes'),
				uploadBytesPerSecond: sum('uploadBytesPerSecond'),
				downloadBytesPerSecond: sum('downloadBytesPerSecond'),
			},
			outcomes,
			recordsDropped,
			logLevel: log.currentLevel,
			geoDatabase: database === 'embedded' ? 'embedded' : config.geo.database,
			changes: changes.size,
		};
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
		const facts = await this.desk.clients(listener, limit);
		return this.#clientRates.viewsOf(facts, this.#steered.clock.nowNs(), limit);
	}

	async sessions({ limit, after, ...query }: SessionQuery): Promise<SessionPage> {
		const place = after === undefined ? null : parseId(after);
		if (after !== undefined && place === null)
			throw new SluiceError('bad-request', `after ${after}: no session has such an id`);
		const found = await this.desk.list(filterOf(query), place, limit + 1);
		const page = found.slice(0, limit).map(sessionView);
		return { sessions: page, next: found.length > limit ? (page.at(-1)?.id ?? null) : null };
	}

	async session(id: string): Promise<SessionView | null> {
		const place = parseId(id);
		if (place === null) return null;
		const [found] = await this.desk.list(filterOf({}), { ...place, number: place.number - 1 }, 1);
		return found !== undefined && found.worker === place.worker && found.number === place.number
			? sessionView(found)
			: null;
	}

	explain({ listener, ips, sni, alpn }: ExplainQuery): Explanation {
		const snapshot = this.#snapshot();
		const asked = snapshot.listeners.find(({ name }) => name === listener);
		if (asked === undefined) throw new SluiceError('not-found', `there is no listener ${listener}`);
		const clients = ips.map((ip) => {
			const address = parseAddress(ip);
			if (address === null) throw new SluiceError('bad-request', `${ip} is not an IP address`);
			return address;
		});
		return explain(snapshot, asked, clients, { ...this.#steered.explainParts(), sni, alpn });
	}

	// --- changing ---

	async kill(id: string, by: Requester): Promise<boolean> {
		const place = parseId(id);
		const killed = place !== null && (await this.desk.kill(place));
		if (killed) this.#tell('session killed', by, { session: id });
		return killed;
	}

	async setWeight(pool: string, backend: string, weight: number, by: Requester): Promise<void> {
		await this.#change(by, (changes, author, config) => {
			requireBackend(config, pool, backend);
			changes.setWeight(pool, backend, weight, author);
		});
		this.#tell('weight set', by, { pool, backend, weight });
	}

	async drain(pool: string, backend: string, { closePerSecond }: DrainOrder, by: Requester): Promise<void> {
		await this.#setState(pool, backend, 'draining', by);
		this.#drainer.start(pool, backend, closePerSecond ?? null, this.#steered.config.drain);
		this.#tell('backend drains', by, { pool, backend, closePerSecond: closePerSecond ?? null });
	}

	async enable(pool: string, backend: string, by: Requester): Promise<void> {
		await this.#setState(pool, backend, 'enabled', by);
		this.#drainer.end(pool, backend);
		this.#tell('backend enabled', by, { pool, backend });
	}

	async disable(pool: string, backend: string, by: Requester): Promise<void> {
		await this.#setState(pool, backend, 'disabled', by);
		this.#drainer.end(pool, backend);
		this.#tell('backend disabled', by, { pool, backend });
	}

	#setState(pool: string, backend: string, state: 'enabled' | 'disabled' | 'draining', by: Requester): Promise<void> {
		return this.#change(by, (changes, author, config) => {
			requireBackend(config, pool, backend);
			changes.setState(pool, backend, state, author);
		});
	}

	async addBackend(pool: string, addition: BackendAddition, by: Requester): Promise<void> {
		let name = '';
		await this.#change(by, (changes, author, config) => {
			const { backends } = poolNamed(config, pool);
			name = changes.add(pool, addition, author);
			if (backends.some((backend) => backendName(backend) === name))
				throw new SluiceError('refused', `pool ${pool} has a backend ${name} already`);
		});
		this.#tell('backend added', by, { pool, backend: name, address: addition.address });
	}

	async removeBackend(pool: string, backend: string, by: Requester): Promise<void> {
		await this.#change(by, (changes, author, config) => {
			requireBackend(config, pool, backend);
			if (poolNamed(config, pool).backends.length === 1)
				throw new SluiceError('refused', `${backend} is the last backend of pool ${pool}: a pool needs one`);
			changes.remove(pool, backend, hasBackend(this.#steered.config, pool, backend), author);
		});
		this.#drainer.end(pool, backend);
		this.#tell('backend removed', by, { pool, backend });
	}

	async setShaping(place: string, terms: ShapingChange, by: Requester): Promise<void> {
		const parsed = parsePlace(place);
		await this.#change(by, (changes, author, config) => {
			if (!hasPlace(config, parsed)) throw new SluiceError('not-found', `there is no ${place}`);
			changes.setShaping(parsed, terms, author);
		});
		this.#tell('shaping set', by, { place, terms: JSON.stringify(terms) });
	}

	async setLogLevel(level: LogLevel | null, by: Requester): Promise<void> {
		await this.#change(by, (changes, author) => changes.setLogLevel(level, author));
		this.#tell('log level set', by, { level: level ?? 'as configured' });
	}

	async reload(by: Requester): Promise<ReloadView> {
		this.#tell('reload asked for', by, {});
		const { warnings, ...diff } = await this.#steered.reload();
		return { ...diffView(diff), warnings: [...warnings] };
	}

	async diff(candidate: string): Promise<DiffView> {
		return diffView(await this.#steered.diff(candidate));
	}

	// --- the rest ---

	#change(by: Requester, make: (changes: RuntimeChanges, author: Author, config: Config) => void): Promise<void> {
		const time = new Date(this.#steered.clock.wallMs()).toISOString();
		return this.#steered.change((changes, config) => make(changes, { by, time }, config));
	}

	/** Every change is in the log with who asked, at every level. */
	#tell(msg: string, by: Requester, fields: LogEvent['fields']): void {
		this.#steered.log.audit(msg, { ...fields, by });
	}

	/** The sessions were counted within the last second, one after another: close enough for a share. */
	#throttledShare(active: number): number {
		const { workers, stats } = this.#steered;
		const throttled = workers().reduce((sum, worker) => sum + stats.gauge(worker, 'throttledSessions'), 0);
		return active === 0 ? 0 : Math.min(1, throttled / active);
	}

	#sample(): void {
		const { snapshot, clock } = this.#steered;
		if (snapshot === null) return;
		const pools = snapshot.pools.flatMap(({ slot, backends }) => [slot, ...backends.map((backend) => backend.slot)]);
		const others = [...snapshot.listeners, ...snapshot.regions].map(({ slot }) => slot);
		this.#sampler.sample([...pools, ...others], clock.nowNs() / NS_PER_MS);
	}

	#snapshot(): Snapshot {
		return snapshotOf(this.#steered);
	}

	#parts(): LiveParts {
		const { config, changes, board, clock } = this.#steered;
		return {
			snapshot: this.#snapshot(),
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

function poolNamed(config: Config, name: string): Config['pools'][number] {
	const pool = config.pools.find((candidate) => candidate.name === name);
	if (pool === undefined) throw new SluiceError('not-found', `there is no pool ${name}`);
	return pool;
}

const hasBackend = (config: Config, pool: string, backend: string): boolean =>
	poolNamed(config, pool).backends.some((candidate) => backendName(candidate) === backend);

function requireBackend(config: Config, pool: string, backend: string): void {
	if (!hasBackend(config, pool, backend)) throw new SluiceError('not-found', `pool ${pool} has no backend ${backend}`);
}

/** `worker-number`. */
function parseId(id: string): Place | null {
	const [, worker, number] = /^(\d{1,3})-(\d{1,15})$/.exec(id) ?? [];
	return worker === undefined || number === undefined ? null : { worker: Number(worker), number: Number(number) };
}

function filterOf(query: Omit<SessionQuery, 'limit' | 'after'>): SessionFilter {
	const { listener = null, pool = null, backend = null, country, client, waiting } = query;
	const of = { listener, pool, backend, country: country?.toUpperCase() ?? null };
	return { ...of, client: networkOf(client), waiting: waiting === 'true' };
}

function networkOf(client: string | undefined): SessionFilter['client'] {
	if (client === undefined) return null;
	if (parseNetwork(client) === null)
		throw new SluiceError('bad-request', `client ${client}: expected an address or a network`);
	return buildNetworkTable([client]);
}

const diffView = (diff: ConfigDiff): DiffView => ({
	summary: describeDiff(diff),
	listeners: changesOf(diff.listeners),
	pools: changesOf(diff.pools),
	backends: changesOf(diff.backends),
	regions: changesOf(diff.regions),
	settings: [...diff.settings],
	restart: [...diff.restart],
});

const changesOf = ({ added, removed, changed }: ConfigDiff['pools']): DiffView['pools'] => ({
	added: [...added],
	removed: [...removed],
	changed: [...changed],
});
