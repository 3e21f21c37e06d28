import { existsSync, renameSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { errorText, SluiceError } from '../../core/errors.ts';
import type { HistoryQuery, HistoryView, PoolView, StatusView } from '../admin/views.ts';
import type { Log } from '../log.ts';
import type { Row } from './packed.ts';
import { KEPT_MS, PointMaker, STEP_MS } from './points.ts';
import { HistoryStore, OTHER_VERSION } from './store.ts';

/** Points of one answer; a longer past is told in longer steps. */
const MOST_POINTS = 600;
const LONGEST_STEP_MS = 180_000;
const STEPS_MS = [STEP_MS, 30_000, 60_000, LONGEST_STEP_MS] as const;
/** What is read in one go; a multiple of every step. */
const READ_MS = 3_600_000;
/** Without a file the past of the process and of its first pools is in memory: three megabytes at most. */
const SERIES_IN_MEMORY = 16;
/** So many in a row after a fault, five minutes, and all is well again. */
const GOOD_WRITES = 30;
/** SQLITE_CORRUPT: the file is a database, and damaged. */
const CORRUPT = 11;

export interface HistoryParts {
	/** Null: the past is forgotten with the process. */
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

	/** `watched`: somebody may ask; else nothing is kept without a file. A second call changes nothing. */
	start(watched: boolean): void {
		if ((this.#parts.path === null && !watched) || this.#cancel !== null) return;
		this.#cancel = this.#parts.every(STEP_MS, () => this.keep());
		this.keep();
	}

	stop(): void {
		this.#cancel?.();
		this.#cancel = null;
		this.#close();
	}

	/** Writes what is now; synchronous, a tenth of a millisecond. */
	keep(): void {
		const { path, status, pools, nowMs, wallMs } = this.#parts;
		this.#guarded(() => {
			const points = this.#maker.take(status(), pools(), nowMs(), wallMs());
			this.#store ??= new HistoryStore(path ?? ':memory:');
			this.#store.write(path === null ? points.slice(0, SERIES_IN_MEMORY) : points, wallMs());
			if (this.#fault !== null) this.#mended();
		});
	}

	/** Reads in parts, so that nothing else waits for long. */
	async read({ series, since }: HistoryQuery): Promise<HistoryView> {
		const { path, wallMs } = this.#parts;
		const toMs = wallMs() + STEP_MS;
		const oldestMs = toMs - KEPT_MS;
		const askedMs = since === undefined ? oldestMs : Math.max(oldestMs, Date.parse(since));
		const stepMs = STEPS_MS.find((step) => (toMs - askedMs) / step <= MOST_POINTS) ?? LONGEST_STEP_MS;
		const rows: Row[] = [];
		for (let atMs = Math.floor(askedMs / stepMs) * stepMs; atMs < toMs; atMs += READ_MS) {
			this.#guarded(() => {
				rows.push(...(this.#store?.read(series, atMs, Math.min(atMs + READ_MS, toMs), stepMs) ?? []));
			});
			await setImmediate();
		}
		return {
			kept: path !== null,
			fault: this.#fault,
			series,
			stepMs,
			points: rows.map(({ timeMs, ...values }) => ({ time: new Date(timeMs).toISOString(), ...values })),
		};
	}

	/** On a full disk some writes succeed: only several in a row are worth a line. */
	#mended(): void {
		this.#goodWrites += 1;
		if (this.#goodWrites < GOOD_WRITES) return;
		this.#fault = null;
		this.#parts.log.info('history is kept again', { file: this.#parts.path });
	}

	#guarded(run: () => void): void {
		try {
			run();
		} catch (error) {
			this.#failed(error);
		}
	}

	#failed(error: unknown): void {
		this.#close();
		const { path, log } = this.#parts;
		const reason = errorText(error);
		const told = reason === this.#fault;
		this.#fault = reason;
		this.#goodWrites = 0;
		const other = error instanceof SluiceError && error.code === OTHER_VERSION;
		const damaged = ((error as { readonly errcode?: number }).errcode ?? 0) % 256 === CORRUPT;
		if (!told && !other) log.warn('history not kept', { file: path, reason });
		if (path === null) return;
		if (damaged) this.#putAside(path, `${path}.damaged`, reason, told);
		// Nothing was lost: the first points of a process come with its second look.
		else if (other && this.#putAside(path, `${path}.other-version`, reason, told)) this.#fault = null;
	}

	/** What cannot be used stays for whoever wants to look; the next points begin a new file. */
	#putAside(path: string, as: string, reason: string, told: boolean): boolean {
		try {
			for (const rest of ['', '-wal', '-shm'])
				if (existsSync(`${path}${rest}`)) renameSync(`${path}${rest}`, `${as}${rest}`);
			this.#parts.log.warn('history put aside', { file: path, as, reason });
			return true;
		} catch (fault) {
			if (!told) this.#parts.log.warn('history cannot be put aside', { file: path, reason: errorText(fault) });
			return false;
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
