import { randomInt } from 'node:crypto';
import { dirname, extname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Worker } from 'node:worker_threads';
import { Admin } from './admin.ts';
import { monotonicClock } from './clock.ts';
import { AddressBook, type AddressPlan, type ListeningAddress } from './control/addresses.ts';
import type { Operations } from './control/admin/operations.ts';
import { type ConfigDiff, describeDiff, diffConfigs, diffFields } from './control/config/diff.ts';
import { DiffApart } from './control/config/diff-apart.ts';
import { readingOf, stampOfAll } from './control/config/reading.ts';
import type { Config } from './control/config/schema.ts';
import { EngineNotes } from './control/engine-notes.ts';
import { FileWatch } from './control/file-watch.ts';
import { Fleet } from './control/fleet.ts';
import { GeoDatabases } from './control/geo/databases.ts';
import { HealthKeeper } from './control/health-keeper.ts';
import { type Log, tellRefused } from './control/log.ts';
import { Patience, unlessCancelled } from './control/patience.ts';
import { afterTimeout } from './control/probe-schedule.ts';
import { Probes } from './control/probes.ts';
import { RecordPump } from './control/record-pump.ts';
import { everyInterval, type Lookup, RELOAD_LOOKUPS_MS, START_LOOKUPS_MS, systemLookup } from './control/resolve.ts';
import { type Prepared, type Renewal, SnapshotSources } from './control/snapshot-sources.ts';
import type { Emptied, RuntimeChanges } from './control/steering/changes.ts';
import type { Steered } from './control/steering/live-operations.ts';
import { StateFile } from './control/steering/state-file.ts';
import { Turns } from './control/turns.ts';
import { packageVersion } from './control/version.ts';
import { countWorkers } from './control/worker-count.ts';
import { EXIT, errorText, SluiceError } from './core/errors.ts';
import type { Clock, EngineName, NativeHost } from './core/ports.ts';
import type { Snapshot } from './core/snapshot.ts';
import { NS_PER_MS } from './core/units.ts';
import { openNativeHost, refuseWaiting, warnOfCap } from './native.ts';
import { makeGeoReader } from './policy/geo.ts';
import { seededRng } from './rng.ts';
import { RingReader } from './shared/ring-reader.ts';

/** What an application needs from outside, and what tests put in its place. */
export interface AppOptions {
	readonly log: Log;
	/** It cannot go on: workers keep dying. The owner decides what becomes of the process. */
	readonly onFatal: (reason: string) => void;
	readonly lookup?: Lookup;
	/** Whether several sockets may listen on one address; tried out when absent. */
	readonly reusePort?: boolean;
	/** The configuration's file, and how it is read again; absent where a program gives the configuration. */
	readonly file?: ConfigFile;
	readonly load?: () => Config;
	/** Size of each worker's record ring; a power of two. */
	readonly ringBytes?: number;
	/** Aborted before it has started: it never does, and leaves nothing behind. */
	readonly cancel?: AbortSignal;
}

/** Where a configuration was read. `stamp`: the state of the file before, see `stampOf`. */
export interface ConfigFile {
	readonly path: string;
	readonly stamp: string;
}

/** What a reload changed, and what of it could not be done yet; that is tried again. */
export interface Reloaded extends ConfigDiff {
	readonly warnings: readonly string[];
}

/** The worker's entry beside this file: `.ts` from source, `.js` in the built package. */
const WORKER_URL = new URL(`./worker${extname(new URL(import.meta.url).pathname)}`, import.meta.url);

/** How long workers may take to end their sessions after the time for draining is over. */
const STOP_GRACE_MS = 2_000;
/** How long the last records may take to be written. */
const LAST_WORDS_MS = 1_000;

/**
 * The main thread: the control plane of one balancer. It owns the workers and the configuration in force,
 * and carries no client's bytes.
 */
export class App {
	private readonly options: AppOptions;
	private readonly log: Log;
	private readonly clock: Clock;
	/** Of each engine. */
	private readonly workerCount: number;
	/** Null: the only engine is `node`. */
	private readonly native: NativeHost | null;
	private readonly fleet: Fleet;
	private readonly pump: RecordPump;
	private readonly sources: SnapshotSources;
	private readonly probes = new Probes();
	private readonly health: HealthKeeper;
	private readonly book = new AddressBook();
	/** For `explain`. */
	private readonly databases = new GeoDatabases();
	private readonly engines: EngineNotes;
	private readonly admin: Admin;
	private readonly watch: FileWatch;
	private readonly state: StateFile;
	/** Made while it runs; what the file has is in `config`. */
	private changes: RuntimeChanges;
	private config: Config;
	/** What was read for `config`, see `readingOf`. */
	private loaded: string | null = null;
	/** The state of the files before they were read at the start. */
	private stamp: string | undefined;
	private phase: 'starting' | 'running' | 'stopping' = 'starting';
	private readonly patience = new Patience();
	private readonly diffs = new DiffApart();
	private readonly stopped = Promise.withResolvers<void>();
	/** What is done one after the other: the start, reloads, changed names, a changed database. */
	private readonly turns = new Turns();
	private refreshQueued = false;

	/**
	 * Starts serving; resolves when every worker listens on every address.
	 * @throws SluiceError when an address cannot be bound, a worker cannot start or it is cancelled; then nothing is
	 * left behind.
	 */
	static async start(config: Config, options: AppOptions): Promise<App> {
		const app = new App(config, options, await countWorkers(config, options));
		try {
			await unlessCancelled(
				app.turns.run(() => app.open()),
				options.cancel,
			);
			return app;
		} catch (error) {
			await app.dispose();
			throw error;
		}
	}

	private constructor(config: Config, options: AppOptions, workerCount: number) {
		this.config = config;
		this.options = options;
		this.log = options.log;
		this.state = new StateFile(config.state);
		this.changes = this.state.read();
		this.clock = monotonicClock();
		this.workerCount = workerCount;
		this.native = openNativeHost(config.engine, workerCount, this.log);
		this.engines = new EngineNotes(this.log, this.engine);
		if (this.native === null) refuseWaiting(config);
		this.fleet = new Fleet({
			url: WORKER_URL,
			workers: workerCount,
			clock: this.clock,
			log: this.log,
			ringBytes: options.ringBytes,
			onSnapshot: (snapshot) => this.health.apply(snapshot),
			onInForce: () => this.health.settle(),
			onSnapshotGone: (snapshot) => this.sources.gone(snapshot),
			native: this.native,
			onAnswer: (message) => this.admin.heard(message),
			onDeath: () => {
				this.admin.tallies.workerDeaths += 1;
			},
			onGivenUp: (reason) => this.giveUp(reason),
		});
		this.pump = new RecordPump(
			this.fleet.shared.memory.rings.map((ring) => new RingReader(ring)),
			this.log,
		);
		this.sources = new SnapshotSources({
			log: this.log,
			lookup: options.lookup ?? systemLookup,
			namesChanged: () => this.refreshNames(),
			renewed: (renew) => this.renew(renew),
			pipes: this.native?.pipes ?? 0,
		});
		this.health = new HealthKeeper({
			board: this.fleet.shared.scoreboard,
			log: this.log,
			clock: this.clock,
			schedule: { probe: this.probes.probe, after: afterTimeout, rng: seededRng(randomInt(2 ** 32)) },
			every: everyInterval,
			changed: (what) => this.admin.tallies.health(what),
		});
		this.admin = new Admin(this.steered());
		this.watch = new FileWatch({
			every: everyInterval,
			changed: () => this.fileChanged(),
			stamp: (path) => stampOfAll(path, this.config),
		});
	}

	/** Every address that is listened on, with its real port, in file order. */
	get addresses(): readonly ListeningAddress[] {
		return this.book.listening;
	}

	/** What moves the bytes, but for listeners that only the node engine can serve. */
	get engine(): EngineName {
		return this.native === null ? 'node' : 'epoll';
	}

	/** The worker threads that run now; for tests, which end some. */
	get workers(): readonly Worker[] {
		return this.fleet.threads;
	}

	/** Sessions of all workers now. */
	get sessions(): number {
		return this.fleet.sessions;
	}

	/** Whether the scoreboard holds nothing, and what does not add up on it; for tests. */
	get held(): { readonly zero: boolean; readonly faults: readonly string[] } {
		const { repairs } = this.fleet.shared;
		return { zero: repairs.isZero(), faults: repairs.audit() };
	}

	/** What can be seen and changed while it runs. */
	get operations(): Operations {
		return this.admin.operations;
	}

	/** Where the admin API listens, or null. */
	get adminAddress(): string | null {
		return this.admin.address;
	}

	private async open(): Promise<void> {
		const { file } = this.options;
		if (file !== undefined) this.stamp = await stampOfAll(file.path, this.config, Promise.resolve(file.stamp));
		this.loaded = await readingOf(this.config);
		const terms = await this.admin.prepare(this.config);
		this.fillEmptied();
		const config = this.changes.apply(this.config);
		// The log was made by the configuration's own level, or as its maker likes it.
		if (config.log.level !== this.config.log.level) this.log.setLevel(config.log.level);
		const prepared = await this.sources.prepare(config, START_LOOKUPS_MS);
		const plan = await this.book.plan(config);
		this.refuseWhenStopping();
		this.pump.start();
		const failures = await this.fleet.start(this.sources.maker(config, plan, prepared));
		if (failures.length > 0) {
			throw new SluiceError('cannot-bind', failures.join('\n'), { exitCode: EXIT.cannotStart });
		}
		this.refuseWhenStopping();
		await this.admin.start(terms);
		this.refuseWhenStopping();
		this.phase = 'running';
		this.admin.operations.resume();
		this.followFile();
		this.sources.adopt(config, prepared, this.fleet.snapshotId);
		warnOfCap(this.log, this.config, this.native);
		this.tellListening(plan, []);
	}

	/**
	 * Puts another configuration in force, after those that are on their way already. All or nothing.
	 * `load` is called when its turn has come. What went wrong is logged, too.
	 * @throws SluiceError naming the keys that need a restart, or the addresses that cannot be bound.
	 */
	reload(load: () => Config): Promise<Reloaded> {
		return this.turns.run(() => this.tellingRefusals(() => this.replaceConfig(load())));
	}

	private async tellingRefusals<T>(work: () => Promise<T>): Promise<T> {
		try {
			return await work();
		} catch (error) {
			this.admin.tallies.reloads.refused += 1;
			tellRefused(this.log, error);
			throw error;
		}
	}

	/**
	 * Stops in good order: waits `preStopMs`, stops accepting, lets sessions go on for `drainMs`, closes the
	 * rest and writes the last records. A second call only waits for the first. Absent times are the configuration's.
	 */
	async stop(times: { readonly preStopMs?: number; readonly drainMs?: number } = {}): Promise<void> {
		if (this.phase === 'stopping') return this.stopped.promise;
		this.phase = 'stopping';
		const { preStopMs = this.config.preStop, drainMs = this.config.drain } = times;
		this.admin.operations.becomeUnready();
		this.watch.stop();
		this.sources.stop();
		this.log.info('stopping', { preStopMs, drainMs });
		await this.patience.wait(preStopMs);
		const over = this.fleet.drain(this.clock.nowNs() + drainMs * NS_PER_MS);
		await this.patience.wait(drainMs + STOP_GRACE_MS, over);
		await this.fleet.closeAll();
		this.log.info('stopped');
		await this.dispose();
		this.stopped.resolve();
	}

	/** Waits no longer for anything: what is open is closed at once. For use with `stop`. */
	hurry(): void {
		this.patience.hurry();
	}

	private async replaceConfig(next: Config): Promise<Reloaded> {
		const loaded = await readingOf(next);
		const diff = diffConfigs(this.config, next);
		if (diff.restart.length > 0) {
			const keys = diff.restart.join(', ');
			throw new SluiceError('restart-needed', `${keys}: a change needs a restart; nothing was changed`);
		}
		if (this.native === null) refuseWaiting(next);
		const terms = await this.admin.prepare(next);
		this.refuseEmptied(next);
		const config = this.changes.apply(next);
		const prepared = await this.sources.prepare(config, RELOAD_LOOKUPS_MS);
		const plan = await this.book.plan(config);
		const failures = await this.publish(config, plan, prepared);
		this.config = next;
		const fault = await this.admin.adopt(terms);
		const warnings = [...failures, ...(fault === null ? [] : [fault])];
		this.followFile();
		this.sources.adopt(config, prepared, this.fleet.snapshotId);
		this.log.setLevel(config.log.level);
		this.log.info('reloaded', { snapshot: this.fleet.snapshotId, summary: describeDiff(diff), ...diffFields(diff) });
		warnOfCap(this.log, config, this.native);
		this.tellListening(plan, failures);
		this.loaded = loaded;
		this.admin.tallies.reloads.done += 1;
		return { ...diff, warnings };
	}

	/** Puts further changes in force, and keeps them where they are to be kept. All or nothing. */
	private change(make: (changes: RuntimeChanges, config: Config) => void): Promise<void> {
		return this.turns.run(async () => {
			this.refuseWhenStopping();
			const changes = this.changes.copy();
			const before = this.changes.apply(this.config);
			make(changes, before);
			const config = changes.apply(this.config);
			await (this.concernsSessions(config) ? this.putInForce(changes, config) : this.state.write(changes));
			this.changes = changes;
			if (config.log.level !== before.log.level) this.log.setLevel(config.log.level);
		});
	}

	private async putInForce(changes: RuntimeChanges, config: Config): Promise<void> {
		const prepared = await this.sources.prepare(config, RELOAD_LOOKUPS_MS);
		const plan = await this.book.plan(config);
		this.refuseWhenStopping();
		await this.state.write(changes);
		try {
			await this.publish(config, plan, prepared);
		} catch (error) {
			await this.state.write(this.changes);
			throw error;
		}
		this.sources.adopt(config, prepared, this.fleet.snapshotId);
	}

	/** Whether it differs from what is in force in more than the level of the log, which the workers do not know. */
	private concernsSessions(config: Config): boolean {
		const { log } = config;
		return !isDeepStrictEqual({ ...this.changes.apply(this.config), log }, config);
	}

	/** A reload can be refused: what an operator took away is not brought back behind their back. */
	private refuseEmptied(next: Config): void {
		const faults = this.changes.emptied(next).map(emptiedText);
		if (faults.length > 0) throw new SluiceError('refused', faults.join('\n'));
	}

	/** A start cannot: a pool is better served by what was taken away before than by nothing. */
	private fillEmptied(): void {
		for (const { pool, removed } of this.changes.emptied(this.config)) {
			this.changes.forgetRemovals(pool);
			const backends = removed.map(({ backend }) => backend).join(' ');
			this.log.warn('removed backends are back: the pool has no others', { pool, backends });
		}
	}

	/** What the admin side may look at and act on. */
	private steered(): Steered {
		const app = this;
		const { log, clock, fleet } = this;
		return {
			log,
			clock,
			board: fleet.shared.scoreboard,
			stats: fleet.shared.stats,
			version: packageVersion(),
			engine: this.engine,
			file: this.options.file?.path ?? null,
			get phase() {
				return app.phase;
			},
			get config() {
				return app.config;
			},
			get snapshot() {
				return fleet.snapshot;
			},
			get changes() {
				return app.changes;
			},
			get recordsDropped() {
				return app.pump.dropped;
			},
			workers: () => fleet.workerNumbers,
			send: (worker, message) => fleet.send(worker, message),
			healthOf: (backend) => this.health.detailOf(backend),
			addressesOf: (listener) =>
				this.addresses.filter((entry) => entry.listener === listener).map(({ address }) => address),
			engineOf: (listener) => fleet.engineOf(listener),
			change: (make) => this.change(make),
			reload: () => this.reload(() => this.loadAgain()),
			diff: (candidate) => this.diffs.compare({ config: this.config, candidate, folder: this.folder }),
			explainParts: () => ({
				live: fleet.shared.scoreboard,
				geo: makeGeoReader(snapshotOf(fleet).geo, this.databases.open(snapshotOf(fleet).geo.database)),
				rng: seededRng(randomInt(2 ** 32)),
				nowNs: clock.nowNs(),
			}),
			every: everyInterval,
			after: afterTimeout,
		};
	}

	/** `watch`: only what was read from a file can be read again. */
	private followFile(): void {
		const { file } = this.options;
		const watched = this.config.watch && this.phase === 'running' && file !== undefined;
		this.watch.follow(watched ? file.path : null, this.stamp);
	}

	private fileChanged(): void {
		// Why it was refused is in the log.
		this.turns.run(() => this.tellingRefusals(() => this.reloadIfOther())).catch(() => {});
	}

	/** Somebody else may have asked for a reload since the file changed: what is in force already is left alone. */
	private async reloadIfOther(): Promise<void> {
		const next = this.loadAgain();
		if ((await readingOf(next)) !== this.loaded) await this.replaceConfig(next);
		else this.log.debug('what has changed is in force already');
	}

	private loadAgain(): Config {
		if (this.options.load !== undefined) return this.options.load();
		throw new SluiceError('refused', 'the configuration was given by a program: that has to reload it');
	}

	/** What relative paths of a configuration are relative to. */
	private get folder(): string {
		const { file } = this.options;
		return file === undefined ? process.cwd() : dirname(resolve(file.path));
	}

	/** Answers the addresses that could not be opened; they are told of, and tried again. */
	private async publish(config: Config, plan: AddressPlan, prepared?: Prepared): Promise<readonly string[]> {
		this.refuseWhenStopping();
		return this.fleet.publish(this.sources.maker(config, plan, prepared));
	}

	private refuseWhenStopping(): void {
		if (this.phase === 'stopping') throw new SluiceError('stopping', 'it is stopping; nothing was changed');
	}

	/** A name has other addresses now: the same configuration again. Several changes at once are one snapshot. */
	private refreshNames(): void {
		if (this.refreshQueued || this.phase === 'stopping') return;
		this.refreshQueued = true;
		if (this.fleet.waitsForRoom) this.log.warn('changed names wait behind another change');
		const turn = this.turns.run(async () => {
			this.refreshQueued = false;
			const config = this.changes.apply(this.config);
			await this.publish(config, await this.book.plan(config));
			this.log.info('names changed', { snapshot: this.fleet.snapshotId });
		});
		turn.catch((error) => this.log.error('names not applied', { reason: errorText(error) }));
	}

	/** A file has changed, or a key: the same configuration again. */
	private renew(renew: Renewal): void {
		const turn = this.turns.run(async () => {
			const prepared = renew(this.config);
			if (prepared === null) return;
			const config = this.changes.apply(this.config);
			await this.publish(config, await this.book.plan(config), prepared);
			this.sources.adopt(config, prepared, this.fleet.snapshotId);
		});
		turn.catch((error) => this.log.error('changed files not applied', { reason: errorText(error) }));
	}

	private tellListening(plan: AddressPlan, failures: readonly string[]): void {
		const listeners = this.fleet.snapshot?.listeners ?? [];
		this.engines.tell(listeners);
		const engines = new Map(listeners.map((listener) => [listener.name, this.fleet.engineOf(listener)]));
		for (const { listener, address } of this.book.adopt(plan, failures)) {
			const workers = address.startsWith('unix:') ? 1 : this.workerCount;
			this.log.info('listening', { listener, address, workers, engine: engines.get(listener) ?? this.engine });
			if (workers < this.workerCount)
				this.log.info('a unix socket is served by one worker alone', { listener, address });
		}
	}

	private giveUp(reason: string): void {
		this.log.error('giving up', { reason });
		this.options.onFatal(reason);
	}

	private async dispose(): Promise<void> {
		this.phase = 'stopping';
		await this.admin.stop();
		this.sources.stop();
		this.health.stop();
		this.probes.close();
		await this.fleet.dismiss();
		await this.pump.finish(LAST_WORDS_MS);
	}
}

function emptiedText({ pool, removed }: Emptied): string {
	const names = removed.map(({ backend, by, time }) => `${backend} (by ${by}, ${time})`).join(', ');
	return `pool ${pool}: nothing would be left in it, since ${names} ${removed.length === 1 ? 'was' : 'were'} removed at run time; leave it another backend, or bring one back with \`sluice add\`; nothing was changed`;
}

function snapshotOf({ snapshot }: Fleet): Snapshot {
	if (snapshot === null) throw new SluiceError('starting', 'it is still starting');
	return snapshot;
}
