import type { Worker } from 'node:worker_threads';
import { type AppOptions, AppParts } from './app-parts.ts';
import type { ListeningAddress } from './control/addresses.ts';
import type { Operations } from './control/admin/operations.ts';
import type { Config } from './control/config/schema.ts';
import { Patience, unlessCancelled } from './control/patience.ts';
import type { Reloaded } from './control/reloads.ts';
import { START_LOOKUPS_MS } from './control/resolve.ts';
import { countWorkers } from './control/worker-count.ts';
import { EXIT, SluiceError } from './core/errors.ts';
import type { EngineName } from './core/ports.ts';
import { NS_PER_MS } from './core/units.ts';

export type { AppOptions } from './app-parts.ts';
export type { ConfigFile } from './control/config-source.ts';
export type { Reloaded } from './control/reloads.ts';

/** How long workers may take to end their sessions after the time for draining is over. */
const STOP_GRACE_MS = 2_000;
/**
 * The main thread: the control plane of one balancer. It owns the workers and the configuration in force,
 * and carries no client's bytes.
 */
export class App {
	private readonly parts: AppParts;
	private readonly patience = new Patience();
	private readonly stopped = Promise.withResolvers<void>();

	/**
	 * Starts serving; resolves when every worker listens on every address.
	 * @throws SluiceError when an address cannot be bound, a worker cannot start or it is cancelled; then nothing is
	 * left behind.
	 */
	static async start(config: Config, options: AppOptions): Promise<App> {
		const parts = new AppParts(config, options, await countWorkers(config, options));
		const app = new App(parts);
		try {
			await unlessCancelled(
				parts.turns.run(() => app.open()),
				options.cancel,
			);
			return app;
		} catch (error) {
			await parts.dispose();
			throw error;
		}
	}

	private constructor(parts: AppParts) {
		this.parts = parts;
	}

	/** Every address that is listened on, with its real port, in file order. */
	get addresses(): readonly ListeningAddress[] {
		return this.parts.publisher.addresses;
	}

	/** What moves the bytes, but for listeners that only the node engine can serve. */
	get engine(): EngineName {
		return this.parts.publisher.engine;
	}

	/** The worker threads that run now; for tests, which end some. */
	get workers(): readonly Worker[] {
		return this.parts.fleet.threads;
	}

	/** Sessions of all workers now. */
	get sessions(): number {
		return this.parts.fleet.sessions;
	}

	/** Whether the scoreboard holds nothing, and what does not add up on it; for tests. */
	get held(): { readonly zero: boolean; readonly faults: readonly string[] } {
		const { repairs } = this.parts.fleet.shared;
		return { zero: repairs.isZero(), faults: repairs.audit() };
	}

	/** What can be seen and changed while it runs. */
	get operations(): Operations {
		return this.parts.admin.operations;
	}

	/** Where the admin API listens, or null. */
	get adminAddress(): string | null {
		return this.parts.admin.address;
	}

	private async open(): Promise<void> {
		const { log, life, inForce, publisher, admin } = this.parts;
		await this.parts.source.begin();
		await this.parts.reloads.begin();
		const terms = await admin.prepare(inForce.config);
		inForce.fillEmptied(log);
		const config = inForce.changed;
		// The log was made by the configuration's own level, or as its maker likes it.
		if (config.log.level !== inForce.config.log.level) log.setLevel(config.log.level);
		const proven = await publisher.prepare(config, START_LOOKUPS_MS);
		life.refuseWhenStopping();
		this.parts.pump.start();
		const failures = await publisher.start(proven);
		if (failures.length > 0) {
			throw new SluiceError('cannot-bind', failures.join('\n'), { exitCode: EXIT.cannotStart });
		}
		life.refuseWhenStopping();
		await admin.start(terms);
		life.refuseWhenStopping();
		life.phase = 'running';
		admin.operations.resume();
		this.parts.followFile();
		publisher.adopt(config, proven.prepared);
		publisher.tell(proven, []);
	}

	/**
	 * Puts another configuration in force, after those that are on their way already. All or nothing.
	 * `load` is called when its turn has come. What went wrong is logged, too.
	 * @throws SluiceError naming the keys that need a restart, or the addresses that cannot be bound.
	 */
	reload(load: () => Config): Promise<Reloaded> {
		return this.parts.reloads.run(load);
	}

	/**
	 * Stops in good order: waits `preStopMs`, stops accepting, lets sessions go on for `drainMs`, closes the
	 * rest and writes the last records. A second call only waits for the first. Absent times are the configuration's.
	 */
	async stop(times: { readonly preStopMs?: number; readonly drainMs?: number } = {}): Promise<void> {
		const { log, life, clock, inForce, fleet, admin, source, sources } = this.parts;
		if (life.isStopping) return this.stopped.promise;
		life.phase = 'stopping';
		const { preStopMs = inForce.config.preStop, drainMs = inForce.config.drain } = times;
		admin.operations.becomeUnready();
		source.stop();
		sources.stop();
		log.info('stopping', { preStopMs, drainMs });
		await this.patience.wait(preStopMs);
		const over = fleet.drain(clock.nowNs() + drainMs * NS_PER_MS);
		await this.patience.wait(drainMs + STOP_GRACE_MS, over);
		await fleet.closeAll();
		log.info('stopped');
		await this.parts.dispose();
		this.stopped.resolve();
	}

	/** Waits no longer for anything: what is open is closed at once. For use with `stop`. */
	hurry(): void {
		this.patience.hurry();
	}
}
