import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { EXIT, errorText, SluiceError } from '../../core/errors.ts';
import { fileFault } from '../file-faults.ts';
import { RuntimeChanges } from './changes.ts';

/** The file that keeps changes over a restart; null: nothing is kept. */
export class StateFile {
	readonly #path: string | null;

	constructor(path: string | undefined) {
		this.#path = path ?? null;
	}

	/** @throws SluiceError (exit code 1) when the file is there and cannot be used: nothing of it is forgotten unseen. */
	read(): RuntimeChanges {
		if (this.#path === null) return new RuntimeChanges();
		let text: string;
		try {
			text = readFileSync(this.#path, 'utf8');
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new RuntimeChanges();
			throw this.#fault(fileFault(error));
		}
		try {
			return RuntimeChanges.parse(text);
		} catch (error) {
			throw this.#fault(`it is not what sluice writes there: ${errorText(error)}; mend or remove it`);
		}
	}

	/** Whole or not at all. @throws SluiceError when it cannot be written. */
	write(changes: RuntimeChanges): void {
		if (this.#path === null) return;
		const next = `${this.#path}.new`;
		try {
			writeFileSync(next, changes.text, { mode: 0o600 });
			renameSync(next, this.#path);
		} catch (error) {
			throw new SluiceError(
				'refused',
				`state ${this.#path}: cannot be written: ${fileFault(error)}; nothing was changed`,
			);
		}
	}

	#fault(why: string): SluiceError {
		return new SluiceError('state-unusable', `state ${this.#path}: cannot be used: ${why}`, { exitCode: EXIT.usage });
	}
}
