import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { SluiceError } from '../../core/errors.ts';
import { KEPT_MS, MAX_SERIES, type Point } from './points.ts';

/** Says that a database is ours ("Slce"), and how its tables are made. */
const APPLICATION_ID = 0x536c6365;
const VERSION = 1;
/** Old rows of one series that go with each write; a series adds one. */
const PRUNED = 100;

/** Values of one series by steps; the mean of what was kept in each. */
export type Row = Omit<Point, 'series'>;

/*
 * No call waits for the disk: what the system has is enough, a past lost with the power is no loss. Small checkpoints keep
 * each call short. The lock is held for as long as the file is open.
 */
const SETTINGS = `
	PRAGMA journal_mode = WAL;
	PRAGMA synchronous = OFF;
	PRAGMA wal_autocheckpoint = 64;
	PRAGMA journal_size_limit = 1048576;
	PRAGMA cache_size = -2048;
	PRAGMA temp_store = MEMORY;
`;

const TABLES = `
	BEGIN IMMEDIATE;
	CREATE TABLE IF NOT EXISTS series (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
	CREATE TABLE IF NOT EXISTS points (
		series INTEGER NOT NULL,
		time INTEGER NOT NULL,
		active INTEGER NOT NULL,
		ended REAL NOT NULL,
		upload REAL NOT NULL,
		download REAL NOT NULL,
		queued INTEGER NOT NULL,
		PRIMARY KEY (series, time)
	) STRICT, WITHOUT ROWID;
	PRAGMA application_id = ${APPLICATION_ID};
	PRAGMA user_version = ${VERSION};
	COMMIT;
`;

/** The file of the history, open. Every call is short; each throws what SQLite throws. */
export class HistoryStore {
	readonly #database: DatabaseSync;
	readonly #insert: StatementSync;
	readonly #prune: StatementSync;
	readonly #forget: StatementSync;
	readonly #addSeries: StatementSync;
	readonly #read: StatementSync;
	readonly #ids = new Map<string, number>();
	/** Which series is looked at next for rows that are too old; all take their turns. */
	#turn = 0;

	/** @throws SluiceError when the file is not one of ours; an error of SQLite's when it cannot be used. */
	constructor(path: string) {
		this.#database = new DatabaseSync(path);
		try {
			this.#prepareFile();
			const sql = (text: string): StatementSync => this.#database.prepare(text);
			this.#insert = sql('INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?, ?, ?, ?)');
			this.#prune = sql(
				`DELETE FROM points WHERE series = ?1 AND time IN (
					SELECT time FROM points WHERE series = ?1 AND (time < ?2 OR time > ?3) LIMIT ${PRUNED})`,
			);
			this.#forget = sql('DELETE FROM series WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM points WHERE series = ?1)');
			this.#addSeries = sql('INSERT INTO series (name) VALUES (?)');
			this.#read = sql(
				`SELECT time / CAST(?4 AS INTEGER) * CAST(?4 AS INTEGER) AS timeMs, avg(active) AS active, avg(ended) AS endedPerSecond,
					avg(upload) AS uploadBytesPerSecond, avg(download) AS downloadBytesPerSecond, avg(queued) AS queued
				FROM points WHERE series = ?1 AND time >= ?2 AND time < ?3 GROUP BY 1 ORDER BY 1`,
			);
			for (const { id, name } of this.#database.prepare('SELECT id, name FROM series').all())
				this.#ids.set(String(name), Number(id));
		} catch (error) {
			this.#database.close();
			throw error;
		}
	}

	/** Adds points, and takes away some that are too old, or of a clock that was ahead. After an error the store is to be closed. */
	write(points: readonly Point[], wallMs: number): void {
		this.#database.exec('BEGIN IMMEDIATE');
		try {
			for (const point of points) this.#write(point);
			this.#pruneSome(new Set(points.map(({ series }) => series)), wallMs);
			this.#database.exec('COMMIT');
		} catch (error) {
			if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
			throw error;
		}
	}

	/** The means of each `stepMs`, times from `fromMs` and before `toMs`; what has no rows is left out. */
	read(series: string, fromMs: number, toMs: number, stepMs: number): Row[] {
		const id = this.#ids.get(series);
		return id === undefined ? [] : (this.#read.all(id, fromMs, toMs, stepMs) as unknown as Row[]);
	}

	close(): void {
		this.#database.close();
	}

	#prepareFile(): void {
		this.#database.exec('PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE');
		const pragma = (name: string): unknown => this.#database.prepare(`PRAGMA ${name}`).get()?.[name];
		const tables = Number(this.#database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.count);
		if (tables > 0 && pragma('application_id') !== APPLICATION_ID)
			throw new SluiceError('history-foreign', 'it is a database of something else');
		if (tables > 0 && pragma('user_version') !== VERSION)
			throw new SluiceError('history-foreign', 'it is of another version of sluice; remove it');
		this.#database.exec(SETTINGS);
		this.#database.exec(TABLES);
	}

	#write({
		series,
		timeMs,
		active,
		endedPerSecond,
		uploadBytesPerSecond,
		downloadBytesPerSecond,
		queued,
	}: Point): void {
		const id = this.#idOf(series);
		if (id === null) return;
		this.#insert.run(id, timeMs, active, endedPerSecond, uploadBytesPerSecond, downloadBytesPerSecond, queued);
	}

	/** Null: there are too many already; those of the past go with their last rows. */
	#idOf(series: string): number | null {
		const known = this.#ids.get(series);
		if (known !== undefined) return known;
		if (this.#ids.size >= MAX_SERIES) return null;
		const id = Number(this.#addSeries.run(series).lastInsertRowid);
		this.#ids.set(series, id);
		return id;
	}

	/** Some series each time. A series adds a row each time, so that what goes has to be more than one. */
	#pruneSome(live: ReadonlySet<string>, wallMs: number): void {
		const all = [...this.#ids];
		const turns = Math.ceil(all.length / 8);
		for (let i = 0; i < turns; i++) {
			const [name, id] = all[this.#turn % all.length] ?? ['', 0];
			this.#turn += 1;
			this.#prune.run(id, wallMs - KEPT_MS, wallMs + KEPT_MS);
			if (!live.has(name) && Number(this.#forget.run(id).changes) > 0) this.#ids.delete(name);
		}
	}
}
