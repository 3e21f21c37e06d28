import { readFileSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EXIT, errorText, SluiceError } from '../../core/errors.ts';
import { fileFault } from '../file-faults.ts';
import { RuntimeChanges } from './changes.ts';

/** What is done to files, and what tests put in its place. */
export interface Disk {
	open(path: string, flags: string, mode?: number): Promise<Pick<FileHandle, 'writeFile' | 'sync' | 'close'>>;
	rename(from: string, to: string): Promise<void>;
	rm(path: string, options: { readonly force: true }): Promise<void>;
}

/** The file that keeps changes over a restart; null: nothing is kept. */
export class StateFile {
	readonly #path: string | null;
	readonly #disk: Disk;

	constructor(path: string | undefined, disk: Disk = { open, rename, rm }) {
		this.#path = path ?? null;
		this.#disk = disk;
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
			throw this.#fault(`it is not what sluice writes there: ${errorText(error)}`);
		}
	}

	/**
	 * Whole or not at all, also when the machine stops at any moment: what is new is on the disk before it takes the
	 * place of what was there, and its name is before this resolves.
	 * @throws SluiceError when it cannot be written.
	 */
	async write(changes: RuntimeChanges): Promise<void> {
		if (this.#path === null) return;
		const next = `${this.#path}.new`;
		try {
			// What a crash left, or somebody put there, is not written through.
			await this.#disk.rm(next, { force: true });
			await this.#lasting(next, 'wx', changes.text);
			await this.#disk.rename(next, this.#path);
			// Where a folder cannot be synced, a crash leaves the old file or the new one all the same.
			await this.#lasting(dirname(this.#path), 'r', null).catch(() => {});
		} catch (error) {
			throw new SluiceError(
				'refused',
				`state ${this.#path}: cannot be written: ${fileFault(error)}; nothing was changed`,
			);
		}
	}

	/** With the disk when it resolves. */
	async #lasting(path: string, flags: string, text: string | null): Promise<void> {
		const file = await this.#disk.open(path, flags, 0o600);
		try {
			if (text !== null) await file.writeFile(text);
			await file.sync();
		} finally {
			await file.close();
		}
	}

	#fault(why: string): SluiceError {
		const text = `state ${this.#path}: cannot be used: ${why}; nothing was started and the file is as it was: mend it, or move it away to start without the changes it keeps`;
		return new SluiceError('state-unusable', text, { exitCode: EXIT.usage });
	}
}
