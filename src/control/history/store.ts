import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { SluiceError } from '../../core/errors.ts';
import { Means, POINT_BYTES, packed, type Row } from './packed.ts';
import { KEPT_MS, type Point } from './points.ts';

/** Says that a database is ours ("Slce"), and how its tables are made. */
const APPLICATION_ID = 0x536c6365;
const VERSION = 2;
/** Old rows that go with each write, which adds one. */
const PRUNED = 100;

/** The code of the error that a file of ours throws which another version of sluice has made. */
export const OTHER_VERSION = 'history-version';

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

/*
 * One row for each time, with the points of all series: what is written together lies together, and so a write touches
 * three pages, however many series there are. `layouts` says which series a row has, in order; `last` is the time of its
 * last row.
 */
const TABLES = `
	BEGIN IMMEDIATE;
	CREATE TABLE IF NOT EXISTS layouts (id INTEGER PRIMARY KEY, names TEXT NOT NULL, last INTEGER NOT NULL) STRICT;
	CREATE TABLE IF NOT EXISTS points (time INTEGER PRIMARY KEY, layout INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
	PRAGMA application_id = ${APPLICATION_ID};
	PRAGMA user_version = ${VERSION};
	COMMIT;
`;

interface Layout {
	readonly id: number;
	readonly places: ReadonlyMap<string, number>;
	last: number;
}

/** The file of the history, open. Every call is short; each throws what SQLite throws. */
export class HistoryStore {
	readonly #database: DatabaseSync;
	readonly #insert: StatementSync;
	readonly #prune: StatementSync;
	readonly #addLayout: StatementSync;
	readonly #touch: StatementSync;
	readonly #forget: StatementSync;
	readonly #read: StatementSync;
	/** By their names as written. */
	readonly #layouts = new Map<string, Layout>();

	/** @throws SluiceError when the file is not one of ours or of this version; an error of SQLite's when it cannot be used. */
	constructor(path: string) {
		this.#database = new DatabaseSync(path);
		try {
			this.#prepareFile();
			const sql = (text: string): StatementSync => this.#database.prepare(text);
			this.#insert = sql('INSERT OR REPLACE INTO points VALUES (?, ?, ?)');
			this.#prune = sql(
				`DELETE FROM points WHERE time IN (SELECT time FROM points WHERE time < ?1 OR time > ?2 LIMIT ${PRUNED})`,
			);
			this.#addLayout = sql('INSERT INTO layouts (names, last) VALUES (?, ?)');
			this.#touch = sql('UPDATE layouts SET last = ?2 WHERE id = ?1');
			this.#forget = sql('DELETE FROM layouts WHERE id = ?');
			this.#read = sql(
				`SELECT time, substr(data, ?2, ${POINT_BYTES}) AS point FROM points WHERE layout = ?1 AND time >= ?3 AND time < ?4`,
			);
			for (const { id, names, last } of this.#database.prepare('SELECT id, names, last FROM layouts').all())
				this.#know(String(names), Number(id), Number(last));
		} catch (error) {
			this.#database.close();
			throw error;
		}
	}

	/** Adds points, and takes away some that are too old, or of a clock that was ahead. After an error the store is to be closed. */
	write(points: readonly Point[], wallMs: number): void {
		this.#database.exec('BEGIN IMMEDIATE');
		try {
			for (const [timeMs, together] of Map.groupBy(points, (point) => point.timeMs)) this.#write(timeMs, together);
			this.#prune.run(wallMs - KEPT_MS, wallMs + KEPT_MS);
			this.#forgetLayouts(wallMs);
			this.#database.exec('COMMIT');
		} catch (error) {
			if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
			throw error;
		}
	}

	/** The means of each `stepMs`, times from `fromMs` and before `toMs`; what has no rows is left out. */
	read(series: string, fromMs: number, toMs: number, stepMs: number): Row[] {
		const means = new Means(stepMs);
		for (const { id, places, last } of this.#layouts.values()) {
			const place = places.get(series);
			if (place === undefined || last < fromMs) continue;
			for (const { time, point } of this.#read.iterate(id, place * POINT_BYTES + 1, fromMs, toMs))
				means.add(Number(time), point as Uint8Array);
		}
		return means.rows().sort((a, b) => a.timeMs - b.timeMs);
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
			throw new SluiceError(OTHER_VERSION, `it is of another version of sluice, layout ${pragma('user_version')}`);
		this.#database.exec(SETTINGS);
		this.#database.exec(TABLES);
	}

	#write(timeMs: number, points: readonly Point[]): void {
		const layout = this.#layoutOf(points, timeMs);
		this.#insert.run(timeMs, layout.id, packed(points));
		layout.last = timeMs;
		this.#touch.run(layout.id, timeMs);
	}

	#layoutOf(points: readonly Point[], timeMs: number): Layout {
		const names = JSON.stringify(points.map(({ series }) => series));
		const known = this.#layouts.get(names);
		if (known !== undefined) return known;
		return this.#know(names, Number(this.#addLayout.run(names, timeMs).lastInsertRowid), timeMs);
	}

	#know(names: string, id: number, last: number): Layout {
		const places = new Map((JSON.parse(names) as string[]).map((series, place) => [series, place]));
		const layout = { id, places, last };
		this.#layouts.set(names, layout);
		return layout;
	}

	/** Those of which no row is wanted any more, or of a clock that was ahead. */
	#forgetLayouts(wallMs: number): void {
		for (const [names, { id, last }] of this.#layouts) {
			if (Math.abs(last - wallMs) <= KEPT_MS) continue;
			this.#forget.run(id);
			this.#layouts.delete(names);
		}
	}
}
