import { randomInt } from 'node:crypto';
import { extname } from 'node:path';
import { monotonicClock } from './clock.ts';
import { AdminSide } from './control/admin-side.ts';
import type { Config } from './control/config/schema.ts';
import { ConfigInForce } from './control/config-in-force.ts';
import { type ConfigFile, ConfigSource } from './control/config-source.ts';
import { refuseWaiting } from './control/engine-limits.ts';
import { Fleet } from './control/fleet.ts';
import { HealthKeeper } from './control/health-keeper.ts';
import { Life } from './control/life.ts';
import type { Log } from './control/log.ts';
import { afterTimeout } from './control/probe-schedule.ts';
import { Probes } from './control/probes.ts';
import { Publisher } from './control/publisher.ts';
import { RecordPump } from './control/record-pump.ts';
import { Reloads } from './control/reloads.ts';
import { Renewals } from './control/renewals.ts';
import { everyInterval, type Lookup, systemLookup } from './control/resolve.ts';
import { SnapshotSources } from './control/snapshot-sources.ts';
import { Changing } from './control/steering/changing.ts';
import { lend } from './control/steering/lend.ts';
import { Turns } from './control/turns.ts';
import type { NativeHost } from './core/ports.ts';
import { openNativeHost } from './native.ts';
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

/** The worker's entry beside this file: `.ts` from source, `.js` in the built package. */
const WORKER_URL = new URL(`./worker${extname(new URL(import.meta.url).pathname)}`, import.meta.url);

/** How long the last records may take to be written. */
const LAST_WORDS_MS = 1_000;

const makeRng = () => seededRng(randomInt(2 ** 32));

/** What one balancer is made of, wired together; nothing of it runs before `App` starts it. */
export class AppParts {
	readonly log: Log;
	readonly clock = monotonicClock();
	readonly life = new Life();
	/** What is done one after the other: the start, reloads, changes, changed names, a changed database. */
	readonly turns = new Turns();
	readonly inForce: ConfigInForce;
	readonly fleet: Fleet;
	readonly pump: RecordPump;
	readonly sources: SnapshotSources;
	readonly publisher: Publisher;
	readonly admin: AdminSide;
	readonly source: ConfigSource;
	readonly reloads: Reloads;
	private readonly options: AppOptions;
	/** Null: the only engine is `node`. */
	private readonly native: NativeHost | null;
	private readonly probes = new Probes();
	private readonly health: HealthKeeper;
	private readonly renewals: Renewals;

	/** `workers`: of each engine. */
	constructor(config: Config, options: AppOptions, workers: number) {
		const { log } = options;
		this.options = options;
		this.log = log;
		this.inForce = new ConfigInForce(config);
		this.native = openNativeHost(config.engine, workers, log);
		if (this.native === null) refuseWaiting(config);
		this.fleet = this.makeFleet(workers);
		const rings = this.fleet.shared.memory.rings.map((ring) => new RingReader(ring));
		this.pump = new RecordPump(rings, log);
		this.sources = this.makeSources();
		this.health = this.makeHealth();
		this.source = this.makeSource();
		const { life, turns, inForce, native, fleet, sources } = this;
		this.publisher = new Publisher({ log, life, fleet, sources, native, workers });
		const { publisher } = this;
		this.renewals = new Renewals({ log, life, turns, fleet, publisher, inForce });
		this.admin = this.makeAdmin(new Changing({ log, life, turns, publisher, inForce }));
		const replaced = () => this.followFile();
		this.reloads = new Reloads({ log, turns, fleet, publisher, inForce, native, admin: this.admin, replaced });
	}

	private makeFleet(workers: number): Fleet {
		return new Fleet({
			url: WORKER_URL,
			workers,
			clock: this.clock,
			log: this.log,
			ringBytes: this.options.ringBytes,
			onSnapshot: (snapshot) => this.health.apply(snapshot),
			onInForce: () => this.health.settle(),
			onSnapshotGone: (snapshot) => this.sources.gone(snapshot),
			native: this.native,
			onAnswer: (message) => this.admin.heard(message),
			onDeath: () => {
				this.admin.tallies.workerDeaths += 1;
			},
			onGivenUp: (reason) => giveUp(this.options, reason),
		});
	}

	private makeSources(): SnapshotSources {
		return new SnapshotSources({
			log: this.log,
			lookup: this.options.lookup ?? systemLookup,
			namesChanged: () => this.renewals.names(),
			renewed: (renew) => this.renewals.files(renew),
			pipes: this.native?.pipes ?? 0,
		});
	}

	private makeHealth(): HealthKeeper {
		return new HealthKeeper({
			board: this.fleet.shared.scoreboard,
			log: this.log,
			clock: this.clock,
			schedule: { probe: this.probes.probe, after: afterTimeout, rng: makeRng() },
			every: everyInterval,
			changed: (what) => this.admin.tallies.health(what),
		});
	}

	private makeSource(): ConfigSource {
		return new ConfigSource({
			file: this.options.file,
			load: this.options.load,
			inForce: () => this.inForce.config,
			changed: () => {
				// Why it was refused is in the log.
				this.reloads.runIfOther(() => this.source.load()).catch(() => {});
			},
		});
	}

	private makeAdmin(changing: Changing): AdminSide {
		const { log, clock, life, fleet, pump, health, publisher, inForce, source } = this;
		return new AdminSide(
			lend({
				...{ log, clock, life, fleet, pump, health, publisher, inForce, source, makeRng },
				change: (make) => changing.run(make),
				reload: () => this.reloads.run(() => source.load()),
			}),
		);
	}

	/** `watch`: as the configuration in force has it. */
	followFile(): void {
		this.source.follow(this.inForce.config.watch && this.life.phase === 'running');
	}

	/** Ends whatever runs. */
	async dispose(): Promise<void> {
		this.life.phase = 'stopping';
		await this.admin.stop();
		this.sources.stop();
		this.health.stop();
		this.probes.close();
		await this.fleet.dismiss();
		await this.pump.finish(LAST_WORDS_MS);
	}
}

function giveUp({ log, onFatal }: AppOptions, reason: string): void {
	log.error('giving up', { reason });
	onFatal(reason);
}
