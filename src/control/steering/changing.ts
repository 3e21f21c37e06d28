import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/schema.ts';
import type { ConfigInForce } from '../config-in-force.ts';
import type { Life } from '../life.ts';
import type { Log } from '../log.ts';
import type { Publisher } from '../publisher.ts';
import { RELOAD_LOOKUPS_MS } from '../resolve.ts';
import type { Turns } from '../turns.ts';
import type { RuntimeChanges } from './changes.ts';

export interface ChangingParts {
	readonly log: Log;
	readonly life: Life;
	readonly turns: Turns;
	readonly publisher: Publisher;
	readonly inForce: ConfigInForce;
}

/** Puts changes in force that are made while it runs, and keeps them where they are to be kept. */
export class Changing {
	readonly #parts: ChangingParts;

	constructor(parts: ChangingParts) {
		this.#parts = parts;
	}

	/** All or nothing. `make` is called when its turn has come, see `Steered`. */
	run(make: (changes: RuntimeChanges, config: Config) => void): Promise<void> {
		const { log, life, turns, inForce } = this.#parts;
		return turns.run(async () => {
			life.refuseWhenStopping();
			const changes = inForce.changes.copy();
			const before = inForce.changed;
			make(changes, before);
			const config = changes.apply(inForce.config);
			await (concernsSessions(before, config) ? this.#putInForce(changes, config) : inForce.state.write(changes));
			inForce.changes = changes;
			if (config.log.level !== before.log.level) log.setLevel(config.log.level);
		});
	}

	async #putInForce(changes: RuntimeChanges, config: Config): Promise<void> {
		const { life, publisher, inForce } = this.#parts;
		const proven = await publisher.prepare(config, RELOAD_LOOKUPS_MS);
		life.refuseWhenStopping();
		await inForce.state.write(changes);
		try {
			await publisher.publish(proven);
		} catch (error) {
			await inForce.state.write(inForce.changes);
			throw error;
		}
		publisher.adopt(config, proven.prepared);
	}
}

/** Whether they differ in more than the level of the log, which the workers do not know. */
const concernsSessions = (before: Config, after: Config): boolean =>
	!isDeepStrictEqual({ ...before, log: after.log }, after);
