import type { NativeStart } from './ports.ts';
import type { ClientFacts, SessionFacts, SessionFilter } from './session-facts.ts';
import type { SlotRef, Snapshot } from './snapshot.ts';

/** What a worker is started with (`workerData`). */
export interface WorkerStart {
	/** Its number in the process, and of its ledger; a replacement takes the number of the worker that died. */
	readonly worker: number;
	/** Its place among the workers of its engine, from 0. */
	readonly place: number;
	/** How many workers its engine has. */
	readonly workers: number;
	readonly memory: ScoreboardMemory;
	/** Seed of this worker's randomness. */
	readonly seed: number;
	/** By worker: an eventfd to be written when that worker is to look at its wake word; absent where it sees it by itself. */
	readonly bells: readonly number[];
	/** What a native engine needs; null: the engine on `node:net`. */
	readonly native: NativeStart | null;
}

/** The scoreboard's shared buffers, as posted between threads; it only grows. */
export interface ScoreboardMemory {
	/** Slot pages, see `shared/layout.ts`. */
	readonly pages: readonly SharedArrayBuffer[];
	/** Client tables by number (`PerClientLimits.table`). */
	readonly clientTables: readonly SharedArrayBuffer[];
	/** Queues by number (`PoolQueueSnapshot.number`). */
	readonly queues: readonly SharedArrayBuffer[];
	/** A word per worker that rises when the worker is to look at its queued sessions, see `shared/wake.ts`. */
	readonly wakes: SharedArrayBuffer;
	/** One record ring per worker. */
	readonly rings: readonly SharedArrayBuffer[];
	/** What each worker counts for itself, see `shared/stats.ts`. */
	readonly stats: readonly SharedArrayBuffer[];
}

/** Main thread to worker. */
export type ToWorker =
	/** Swap to this snapshot: open the listeners it adds, close those it no longer has, drain what it removed. */
	| {
			readonly type: 'snapshot';
			/** Listeners that another engine serves have no binds in it. */
			readonly snapshot: Snapshot;
			/** Workers of all engines, which share what the process may hold. */
			readonly workers: number;
			readonly memory: ScoreboardMemory;
			/** A native engine's listening sockets; see `NativeHost.socketsOf`. */
			readonly sockets: ReadonlyMap<string, number>;
	  }
	/** Stop accepting for good; sessions may go on until `untilNs`. Answered by `idle` when none is left. */
	| { readonly type: 'stop'; readonly untilNs: number }
	/** Close every session at once with outcome `shutdown`, then answer `idle`. */
	| { readonly type: 'close-all' }
	/** Answered by `listed`: sessions that the filter means, with numbers above `after`. */
	| {
			readonly type: 'list';
			readonly ask: number;
			readonly filter: SessionFilter;
			readonly after: number;
			readonly limit: number;
	  }
	/** Answered by `clients`: those whose live sessions have moved the most bytes. */
	| { readonly type: 'clients'; readonly ask: number; readonly listener: string | null; readonly limit: number }
	/** End this session with outcome `killed`; answered by `killed`. */
	| { readonly type: 'kill'; readonly ask: number; readonly session: number }
	/** End so many sessions on this backend, oldest first, with outcome `drained`. */
	| { readonly type: 'close-some'; readonly backend: SlotRef; readonly count: number };

/** Worker to main thread. */
export type FromWorker =
	/** The snapshot is in force; `failures` names the addresses that could not be opened, ready to print. */
	| { readonly type: 'applied'; readonly snapshot: number; readonly failures: readonly string[] }
	/** A native engine listens on its socket for this address no more; it is the main thread's to close. */
	| { readonly type: 'listening-ended'; readonly key: string }
	/** No session of this worker holds that snapshot any more. */
	| { readonly type: 'released'; readonly snapshot: number }
	/** After `stop` or `close-all`: accepting has ended and the last session is over. */
	| { readonly type: 'idle' }
	| { readonly type: 'listed'; readonly ask: number; readonly sessions: readonly SessionFacts[] }
	| { readonly type: 'clients'; readonly ask: number; readonly clients: readonly ClientFacts[] }
	| { readonly type: 'killed'; readonly ask: number; readonly found: boolean };
