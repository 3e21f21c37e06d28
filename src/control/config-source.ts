import { dirname, resolve } from 'node:path';
import { SluiceError } from '../core/errors.ts';
import { stampOfAll } from './config/reading.ts';
import type { Config } from './config/schema.ts';
import { FileWatch } from './file-watch.ts';
import { everyInterval } from './resolve.ts';

/** Where a configuration was read. `stamp`: the state of the file before, see `stampOf`. */
export interface ConfigFile {
	readonly path: string;
	readonly stamp: string;
}

export interface ConfigSourceOptions {
	/** Absent where a program gives the configuration. */
	readonly file?: ConfigFile | undefined;
	/** Reads it again. */
	readonly load?: (() => Config) | undefined;
	/** As the file has it. */
	readonly inForce: () => Config;
	/** The file has changed, or one that it names. */
	readonly changed: () => void;
}

/** Where the configuration comes from: a file that can be read again and watched, or a program. */
export class ConfigSource {
	private readonly options: ConfigSourceOptions;
	private readonly watch: FileWatch;
	/** The state of the files before they were read at the start. */
	private stamp: string | undefined;

	constructor(options: ConfigSourceOptions) {
		this.options = options;
		this.watch = new FileWatch({
			every: everyInterval,
			changed: options.changed,
			stamp: (path) => stampOfAll(path, options.inForce()),
		});
	}

	/** Null: a program. */
	get path(): string | null {
		return this.options.file?.path ?? null;
	}

	/** What relative paths of a configuration are relative to. */
	get folder(): string {
		return this.path === null ? process.cwd() : dirname(resolve(this.path));
	}

	/** Takes note of the files as they were read at the start. */
	async begin(): Promise<void> {
		const { file, inForce } = this.options;
		if (file !== undefined) this.stamp = await stampOfAll(file.path, inForce(), Promise.resolve(file.stamp));
	}

	/** @throws ConfigError; SluiceError where a program gave it. */
	load(): Config {
		if (this.options.load !== undefined) return this.options.load();
		throw new SluiceError('refused', 'the configuration was given by a program: that has to reload it');
	}

	/** `watch`, from now on: only what was read from a file can be read again. */
	follow(watched: boolean): void {
		this.watch.follow(watched ? this.path : null, this.stamp);
	}

	stop(): void {
		this.watch.stop();
	}
}
