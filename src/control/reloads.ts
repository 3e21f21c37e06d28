import { SluiceError } from '../core/errors.ts';
import type { NativeHost } from '../core/ports.ts';
import type { AdminSide } from './admin-side.ts';
import { type ConfigDiff, describeDiff, diffConfigs, diffFields } from './config/diff.ts';
import { readingOf } from './config/reading.ts';
import type { Config } from './config/schema.ts';
import type { ConfigInForce } from './config-in-force.ts';
import { refuseWaiting } from './engine-limits.ts';
import type { Fleet } from './fleet.ts';
import { type Log, tellRefused } from './log.ts';
import type { Publisher } from './publisher.ts';
import { RELOAD_LOOKUPS_MS } from './resolve.ts';
import type { Turns } from './turns.ts';

/** What a reload changed, and what of it could not be done yet; that is tried again. */
export interface Reloaded extends ConfigDiff {
	readonly warnings: readonly string[];
}

export interface ReloadParts {
	readonly log: Log;
	readonly turns: Turns;
	readonly fleet: Fleet;
	readonly publisher: Publisher;
	readonly inForce: ConfigInForce;
	readonly admin: AdminSide;
	/** Null: the only engine is `node`. */
	readonly native: NativeHost | null;
	/** Another configuration is in force. */
	readonly replaced: () => void;
}

/** Puts other configurations in force, in the place of the whole one before. */
export class Reloads {
	private readonly parts: ReloadParts;
	/** What was read for the configuration in force, see `readingOf`. */
	private loaded: string | null = null;

	constructor(parts: ReloadParts) {
		this.parts = parts;
	}

	/** What is in force from the start on. */
	async begin(): Promise<void> {
		this.loaded = await readingOf(this.parts.inForce.config);
	}

	/**
	 * All or nothing. `load` is called when its turn has come. What went wrong is logged, too.
	 * @throws SluiceError naming the keys that need a restart, or the addresses that cannot be bound.
	 */
	run(load: () => Config): Promise<Reloaded> {
		return this.takeTurn(() => this.replace(load()));
	}

	/** Somebody else may have asked for a reload since the file changed: what is in force already is left alone. */
	runIfOther(load: () => Config): Promise<void> {
		return this.takeTurn(async () => {
			const next = load();
			if ((await readingOf(next)) !== this.loaded) await this.replace(next);
			else this.parts.log.debug('what has changed is in force already');
		});
	}

	private takeTurn<T>(work: () => Promise<T>): Promise<T> {
		const { turns, admin, log } = this.parts;
		return turns.run(async () => {
			try {
				return await work();
			} catch (error) {
				admin.tallies.reloads.refused += 1;
				tellRefused(log, error);
				throw error;
			}
		});
	}

	private async replace(next: Config): Promise<Reloaded> {
		const { log, fleet, publisher, inForce, admin } = this.parts;
		const loaded = await readingOf(next);
		const diff = this.diffOf(next);
		const terms = await admin.prepare(next);
		inForce.refuseEmptied(next);
		const proven = await publisher.prepare(inForce.changes.apply(next), RELOAD_LOOKUPS_MS);
		const failures = await publisher.publish(proven);
		inForce.config = next;
		const fault = await admin.adopt(terms);
		const warnings = [...failures, ...(fault === null ? [] : [fault])];
		this.parts.replaced();
		publisher.adopt(proven.config, proven.prepared);
		log.setLevel(proven.config.log.level);
		log.info('reloaded', { snapshot: fleet.snapshotId, summary: describeDiff(diff), ...diffFields(diff) });
		publisher.tell(proven, failures);
		this.loaded = loaded;
		admin.tallies.reloads.done += 1;
		return { ...diff, warnings };
	}

	/** @throws SluiceError when it cannot be put in force while it runs. */
	private diffOf(next: Config): ConfigDiff {
		const diff = diffConfigs(this.parts.inForce.config, next);
		if (diff.restart.length > 0) {
			const keys = diff.restart.join(', ');
			throw new SluiceError('restart-needed', `${keys}: a change needs a restart; nothing was changed`);
		}
		if (this.parts.native === null) refuseWaiting(next);
		return diff;
	}
}
