import { SluiceError } from '../core/errors.ts';
import type { Config } from './config/schema.ts';
import type { Log } from './log.ts';
import type { Emptied, RuntimeChanges } from './steering/changes.ts';
import { StateFile } from './steering/state-file.ts';

/** The configuration in force: as the file has it, and what was changed of it while it runs. */
export class ConfigInForce {
	/** Keeps the changes. */
	readonly state: StateFile;
	/** As the file has it. */
	config: Config;
	/** Made while it runs. */
	changes: RuntimeChanges;

	/** @throws SluiceError when the state file cannot be used. */
	constructor(config: Config) {
		this.config = config;
		this.state = new StateFile(config.state);
		this.changes = this.state.read();
	}

	/** With the changes: what sessions and the log go by. */
	get changed(): Config {
		return this.changes.apply(this.config);
	}

	/** A start cannot be refused: a pool is better served by what was taken away before than by nothing. */
	fillEmptied(log: Log): void {
		for (const { pool, removed } of this.changes.emptied(this.config)) {
			this.changes.forgetRemovals(pool);
			const backends = removed.map(({ backend }) => backend).join(' ');
			log.warn('removed backends are back: the pool has no others', { pool, backends });
		}
	}

	/** A reload can be refused: what an operator took away is not brought back behind their back. @throws SluiceError */
	refuseEmptied(next: Config): void {
		const faults = this.changes.emptied(next).map(emptiedText);
		if (faults.length > 0) throw new SluiceError('refused', faults.join('\n'));
	}
}

function emptiedText({ pool, removed }: Emptied): string {
	const names = removed.map(({ backend, by, time }) => `${backend} (by ${by}, ${time})`).join(', ');
	return `pool ${pool}: nothing would be left in it, since ${names} ${removed.length === 1 ? 'was' : 'were'} removed at run time; leave it another backend, or bring one back with \`sluice add\`; nothing was changed`;
}
