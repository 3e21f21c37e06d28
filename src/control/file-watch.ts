import { OneAtATime } from './one-at-a-time.ts';
import { stampOf } from './regular-file.ts';

/** How often the file is looked at. */
export const LOOK_MS = 500;

export interface FileWatchOptions {
	/** The file has changed, and has been left alone since. */
	readonly changed: () => void;
	/** Calls back after every so many milliseconds, until cancelled; timers in life, by hand in tests. */
	readonly every: (ms: number, run: () => void) => () => void;
	/** In place of `stampOf`, for tests. */
	readonly stamp?: (path: string) => Promise<string>;
}

/**
 * Notices that a file was written, replaced, or that a symlink on the way to it leads elsewhere (as Kubernetes changes
 * mounted files): it is looked at, not listened to, since what the system tells of a file ends with that file. A
 * change is told when two looks in a row see the same, so that a file is not read while it is being written.
 */
export class FileWatch {
	readonly #options: FileWatchOptions;
	readonly #looking = new OneAtATime();
	#path: string | null = null;
	#seen = '';
	#told = '';
	#cancel: (() => void) | null = null;

	constructor(options: FileWatchOptions) {
		this.#options = options;
	}

	/**
	 * Watches this file from now on, and no other; null: none. `known`: the state in which it was read; absent: what it
	 * is at the first look is no change.
	 */
	follow(path: string | null, known = ''): void {
		if (path === this.#path) return;
		this.#path = path;
		this.#seen = '';
		this.#told = known;
		this.#cancel?.();
		this.#cancel =
			path === null ? null : this.#options.every(LOOK_MS, () => this.#looking.start(() => this.#look(path)));
	}

	stop(): void {
		this.follow(null);
	}

	async #look(path: string): Promise<void> {
		const stamp = await (this.#options.stamp ?? stampOf)(path);
		if (path !== this.#path) return;
		const settled = stamp === this.#seen;
		const first = this.#seen === '';
		this.#seen = stamp;
		if (first && this.#told === '') this.#told = stamp;
		if (!settled || stamp === this.#told) return;
		this.#told = stamp;
		this.#options.changed();
	}
}
