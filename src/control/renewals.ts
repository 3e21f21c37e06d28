import { errorText } from '../core/errors.ts';
import type { ConfigInForce } from './config-in-force.ts';
import type { Fleet } from './fleet.ts';
import type { Life } from './life.ts';
import type { Log } from './log.ts';
import type { Publisher } from './publisher.ts';
import type { Renewal } from './snapshot-sources.ts';
import type { Turns } from './turns.ts';

export interface RenewalParts {
	readonly log: Log;
	readonly life: Life;
	readonly turns: Turns;
	readonly fleet: Fleet;
	readonly publisher: Publisher;
	readonly inForce: ConfigInForce;
}

/** Applies the configuration in force again when what it names has changed by itself. */
export class Renewals {
	private readonly parts: RenewalParts;
	private namesQueued = false;

	constructor(parts: RenewalParts) {
		this.parts = parts;
	}

	/** A name has other addresses now: the same configuration again. Several changes at once are one snapshot. */
	names(): void {
		const { log, life, turns, fleet, publisher, inForce } = this.parts;
		if (this.namesQueued || life.isStopping) return;
		this.namesQueued = true;
		if (fleet.waitsForRoom) log.warn('changed names wait behind another change');
		const turn = turns.run(async () => {
			this.namesQueued = false;
			await publisher.publishAgain(inForce.changed);
			log.info('names changed', { snapshot: fleet.snapshotId });
		});
		turn.catch((error) => log.error('names not applied', { reason: errorText(error) }));
	}

	/** A file has changed, or a key: the same configuration again. */
	files(renew: Renewal): void {
		const { log, turns, publisher, inForce } = this.parts;
		const turn = turns.run(async () => {
			const prepared = renew(inForce.config);
			if (prepared !== null) await publisher.publishAgain(inForce.changed, prepared);
		});
		turn.catch((error) => log.error('changed files not applied', { reason: errorText(error) }));
	}
}
