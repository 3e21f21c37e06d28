import { errorText } from '../../core/errors.ts';
import type { Config } from '../config/schema.ts';
import type { Log } from '../log.ts';
import { OneAtATime } from '../one-at-a-time.ts';
import { stampOf } from '../regular-file.ts';
import { prepareEmbeddedGeo } from './embedded.ts';
import { type MmdbFile, readMmdbFile } from './mmdb-file.ts';
import { IN_FORCE, SharedMemory } from './shared-memory.ts';
import { type GeoSource, readGeoSource } from './source.ts';

/** How often the file is looked at. What changed is read when two looks in a row see the same. */
export const LOOK_MS = 1_000;

export interface GeoKeeperOptions {
	readonly log: Pick<Log, 'info' | 'error'>;
	/** Calls back after so many milliseconds, until cancelled; timers in life, by hand in tests. */
	readonly every: (ms: number, run: () => void) => () => void;
	/** The file in use has changed, was read again and is good. In force when it is adopted. */
	readonly changed: (next: MmdbFile) => void;
}

/**
 * The database in force: read when a configuration names it, read again when its file changes. A file that cannot
 * be used, half-written ones among them, is told once, and the database in force stays until the file is good.
 */
export class GeoKeeper {
	private readonly options: GeoKeeperOptions;
	private readonly memory = new SharedMemory();
	private source: GeoSource = 'embedded';
	private versions = 0;
	private cancel: () => void = () => {};
	/** The file's state at the last look, and the last one that was read, good or bad. */
	private seen = '';
	private handled = '';
	private readonly looking = new OneAtATime();
	private stopped = false;

	constructor(options: GeoKeeperOptions) {
		this.options = options;
	}

	/** What is in force. */
	get current(): GeoSource {
		return this.source;
	}

	/**
	 * What a configuration names: the one in force when it is the same file, else read now. Changes nothing.
	 * @throws ConfigError at the place of the key, SluiceError when there is no place for the embedded data.
	 */
	async prepare(config: Config): Promise<GeoSource> {
		if (this.source !== 'embedded' && this.source.path === config.geo.database) return this.source;
		if (config.geo.database === 'embedded' && this.source !== 'embedded') prepareEmbeddedGeo().dispose();
		this.versions += 1;
		return this.reading((take) => readGeoSource(config, this.versions, take));
	}

	/** A snapshot is made that looks countries up here; until `gone` its memory stays as it is. */
	use(snapshot: number, source: GeoSource): void {
		if (source !== 'embedded') this.memory.hold(snapshot, source.database.bytes.buffer);
	}

	/** Nobody uses that snapshot any more. */
	gone(snapshot: number): void {
		this.memory.letGo(snapshot);
	}

	/** It is in force now, with this snapshot: watches its file and no other. */
	adopt(next: GeoSource, snapshot: number): void {
		const before = this.source;
		if (next === before) return;
		this.source = next;
		if (next === 'embedded') this.memory.letGo(IN_FORCE);
		else this.memory.hold(IN_FORCE, next.database.bytes.buffer);
		this.tell(before, next, snapshot);
		if (next !== 'embedded' && before !== 'embedded' && next.path === before.path) return;
		this.cancel();
		this.cancel = () => {};
		if (next === 'embedded' || this.stopped) return;
		this.seen = next.stamp;
		this.handled = next.stamp;
		this.cancel = this.options.every(LOOK_MS, () => this.startLook());
	}

	stop(): void {
		this.stopped = true;
		this.cancel();
	}

	/** Resolves when the look that is on its way, if any, has ended. */
	async rested(): Promise<void> {
		await this.looking.rested();
	}

	private startLook(): void {
		const { source } = this;
		if (source !== 'embedded') this.looking.start(() => this.look(source));
	}

	/** Looks at the file once; never rejects. */
	private async look(file: MmdbFile): Promise<void> {
		const stamp = await stampOf(file.path);
		const settled = stamp === this.seen;
		this.seen = stamp;
		if (!settled || stamp === this.handled) return;
		this.handled = stamp;
		await this.readAgain(file);
	}

	private async readAgain({ path, facts }: MmdbFile): Promise<void> {
		this.versions += 1;
		try {
			const next = await this.reading((take) => readMmdbFile(path, this.versions, take));
			this.handled = next.stamp;
			if (!this.stopped) this.options.changed(next);
		} catch (error) {
			const fields = { file: path, reason: errorText(error), kept: facts.built };
			if (!this.stopped) this.options.log.error('geo database not reread', fields);
		}
	}

	/** What a failed reading took is there for the next one. */
	private async reading<T>(read: (take: (bytes: number) => SharedArrayBuffer) => Promise<T>): Promise<T> {
		const taken: SharedArrayBuffer[] = [];
		try {
			return await read((bytes) => {
				const memory = this.memory.take(bytes);
				taken.push(memory);
				return memory;
			});
		} catch (error) {
			for (const memory of taken) this.memory.giveBack(memory);
			throw error;
		}
	}

	private tell(before: GeoSource, next: GeoSource, snapshot: number): void {
		const { log } = this.options;
		if (next === 'embedded') return log.info('geo database', { database: next, snapshot });
		const { path, facts, database } = next;
		const fields = { file: path, ...facts, bytes: database.bytes.length, snapshot };
		if (before === 'embedded' || before.path !== path) return log.info('geo database', fields);
		const was = { typeBefore: before.facts.type, builtBefore: before.facts.built };
		log.info('geo database reread', { ...fields, ...was, bytesBefore: before.database.bytes.length });
	}
}
