import { existsSync, renameSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { errorText } from '../../core/errors.ts';
import type { HistoryQuery, HistoryView, PoolView, StatusView } from '../admin/views.ts';
import type { Log } from '../log.ts';
import { KEPT_MS, PointMaker, STEP_MS } from './points.ts';
import { HistoryStore, type Row } from './store.ts';

/** Points of one answer; a longer past is told in longer steps. */
const MOST_POINTS = 720;
const STEPS_MS = [STEP_MS, 30_000, 60_000, 120_000] as const;
/** What is read in one go; a multiple of every step. */
const READ_MS = 2 * 3_600_000;
/** So many in a row after a fault, five minutes, and all is well again. */
const GOOD_WRITES = 30;
/** SQLITE_CORRUPT: the file is a database, and damaged. */
const CORRUPT = 11;

export interface HistoryParts {
	/** Null: no history is kept. */
	readonly path: string | null;
	readonly log: Pick<Log, 'info' | 'warn'>;
	status(): StatusView;
	pools(): readonly PoolView[];
	/** Milliseconds that never go back. */
	nowMs(): number;
	wallMs(): number;
	every(ms: number, run: () => void): () => void;
}

/** Keeps totals in a file. Whatever is wrong with the file is told once, and tried again with the next points. */
export class HistoryKeeper {
	readonly #parts: HistoryParts;
	readonly #maker = new PointMaker();
	#store: HistoryStore | null = null;
	#cancel: (() => void) | null = null;
	/** What was told of last; null: all is well. */
	#fault: string | null = null;
	#goodWrites = 0;

	constructor(parts: HistoryParts) {
		this.#parts = parts;
	}

	/** A second call changes nothing. */
	start(): void {
		if (this.#parts.path === null || this.#cancel !== null) return;
		this.#cancel = this.#parts.every(STEP_MS, () => this.keep());
		this.keep();
	}

	stop(): void {
		this.#cancel?.();
		this.#cancel = null;
		this.#close();
	}

	/** Writes what is now; synchronous, about a millisecond. */
	keep(): void {
		const { path, status, pools, nowMs, wallMs } = this.#parts;
		if (path === null) return;
		this.#guarded(path, () => {
			const points = this.#maker.take(status(), pools(), nowMs(), wallMs());
			this.#store ??= new HistoryStore(path);
			this.#store.write(points, wallMs());
			if (this.#fault !== null) this.#mended(path);
		});
	}

	/** Reads in parts, so that nothing else waits for long. */
	async read({ series, since }: HistoryQuery): Promise<HistoryView> {
		const { path, wallMs } = this.#parts;
		const toMs = wallMs() + STEP_MS;
		const oldestMs = toMs - KEPT_MS;
		const askedMs = since === undefined ? oldestMs : Math.max(oldestMs, Date.parse(since));
		const stepMs = STEPS_MS.find((step) => (toMs - askedMs) / step <= MOST_POINTS) ?? 120_000;
		const rows: Row[] = [];
		for (let atMs = Math.floor(askedMs / stepMs) * stepMs; atMs < toMs; atMs += READ_MS) {
			if (path !== null)
				this.#guarded(path, () => {
					rows.push(...(this.#store?.read(series, atMs, Math.min(atMs + READ_MS, toMs), stepMs) ?? []));
				});
			await setImmediate();
		}
		return {
			kept: path !== null,
			series,
			stepMs,
			points: rows.map(({ timeMs, ...values }) => ({ time: new Date(timeMs).toISOString(), ...values })),
		};
	}

	/** On a full disk some writes succeed: only several in a row are worth a line. */
	#mended(path: string): void {
		this.#goodWrites += 1;
		if (this.#goodWrites < GOOD_WRITES) return;
		this.#fault = null;
		this.#parts.log.info('history is kept again', { file: path });
	}

	#guarded(path: string, run: () => void): void {
		try {
			run();
		} catch (error) {
			this.#failed(path, error);
		}
	}

	#failed(path: string, error: unknown): void {
		this.#close();
		const reason = errorText(error);
		if (reason !== this.#fault) this.#parts.log.warn('history not kept', { file: path, reason });
		this.#fault = reason;
		this.#goodWrites = 0;
		if (((error as { readonly errcode?: number }).errcode ?? 0) % 256 === CORRUPT) this.#putAside(path);
	}

	/** What is damaged stays for whoever wants to look; the next points begin a new file. */
	#putAside(path: string): void {
		try {
			for (const rest of ['', '-wal', '-shm'])
				if (existsSync(`${path}${rest}`)) renameSync(`${path}${rest}`, `${path}.damaged${rest}`);
			this.#parts.log.warn('history put aside', { file: path, as: `${path}.damaged` });
		} catch (error) {
			this.#parts.log.warn('history cannot be put aside', { file: path, reason: errorText(error) });
		}
	}

	#close(): void {
		const store = this.#store;
		this.#store = null;
		try {
			store?.close();
		} catch {
			// What could not be written back is lost, as its points are.
		}
	}
}
