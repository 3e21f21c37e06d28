import { MAX_RATES } from '../core/snapshot.ts';
import type { Direction } from '../core/units.ts';

/** Where things lie in a slot page. Offsets are in 32-bit words unless the name says otherwise. */

/** Share words of a slot: one per worker, and behind them one for places granted in the pool's queue. */
const LEDGERS = 128;
/** Worker numbers run from 0 to this less one, over all engines; every slot has a share word for each. */
export const MAX_WORKERS = LEDGERS - 1;

/** One memory under two views: words, and aligned pairs of words for wide exchanges. */
export interface Cells {
	readonly words: Int32Array;
	readonly wide: BigInt64Array;
}

export const cellsOf = (buffer: SharedArrayBuffer): Cells => ({
	words: new Int32Array(buffer),
	wide: new BigInt64Array(buffer),
});

/** A rate cell is a ring of this many sub-windows, each a pair of words (see `rate.ts`). */
export const SUB_WINDOWS = 16;
export const RATE_CELL_WORDS = SUB_WINDOWS * 2;

export const SLOTS_PER_PAGE = 256;
const PAGE_HEADER_WORDS = 64;

/** Rises when the slot is reused; a holding that names an older one changes nothing. */
export const GENERATION = 0;
/** Connections held now, by all workers. */
export const ACTIVE = 1;
/** Index into `HEALTH_WORDS`. */
export const HEALTH = 2;
/** Round-robin turns taken. */
export const TURN = 3;
/**
 * Of a backend, set by the main thread with every snapshot: how many connections the newest one allows here;
 * 0 when it left the configuration or takes no new sessions. What a queue may grant is held to it.
 */
export const CAP = 4;
/** Of a backend, set by the main thread: number of its pool's queue and 1; 0 when the pool has none. */
export const QUEUE = 5;
/** Must be even: rate cells are exchanged in pairs. Words 6 to 15 are free. */
export const RATES = 16;
/** One ledger word per worker (see `ledger.ts`). */
export const SHARES = RATES + MAX_RATES * RATE_CELL_WORDS;
/** From `SHARES + MAX_WORKERS + 1` to `BUCKETS` is free for what comes next. */
export const SLOT_WORDS = 320;

/** One bucket each (see `bucket.ts`), in this order; a slot's last words. */
export const BUCKET_KINDS = ['own', 'client', 'connection'] as const;
/**
 * `own`: the place's bucket. The others have terms alone, in listeners' slots: what each client and each
 * connection gets; the accounts are kept in the client's entry and by the session itself.
 */
export type BucketKind = (typeof BUCKET_KINDS)[number];
export const BUCKET_WORDS = 4;
export const BUCKETS = SLOT_WORDS - BUCKET_KINDS.length * 2 * BUCKET_WORDS;
const BUCKET_PLACE: Readonly<Record<BucketKind, number>> = { own: 0, client: 2, connection: 4 };

/** Where a bucket of the slot begins. */
export const bucketAt = (index: number, kind: BucketKind, direction: Direction): number =>
	slotBase(index) + BUCKETS + (BUCKET_PLACE[kind] + (direction === 'upload' ? 0 : 1)) * BUCKET_WORDS;

/** Word of the first page's header: rises whenever a bucket's terms change anywhere. */
export const SHAPING_EPOCH = 0;
/** Likewise: rises after the health of any slot has changed. */
export const HEALTH_EPOCH = 1;

export const slotBase = (index: number): number => PAGE_HEADER_WORDS + (index % SLOTS_PER_PAGE) * SLOT_WORDS;
export const pageOf = (index: number): number => Math.floor(index / SLOTS_PER_PAGE);

/** By value of the health word; 0 is what a fresh slot has. */
export const HEALTH_WORDS = ['unknown', 'up', 'down'] as const;

/** What is counted per slot and worker, as Float64; the order is the layout. At most `TOTALS_STRIDE`. */
export const TOTALS = [
	'uploadBytes',
	'downloadBytes',
	/** Sessions ended. */
	'sessions',
	/** Upstream connects tried. */
	'connects',
	'connectFailures',
	/** Clients turned away here. */
	'refused',
	/** Sessions that a backend reset before any byte had passed either way. */
	'earlyResets',
] as const;
export type Total = (typeof TOTALS)[number];
export const TOTAL_INDEX: Readonly<Record<Total, number>> = {
	uploadBytes: 0,
	downloadBytes: 1,
	sessions: 2,
	connects: 3,
	connectFailures: 4,
	refused: 5,
	earlyResets: 6,
};

/** One cache line per worker and slot: a worker adds without atomics and disturbs no other. */
const TOTALS_STRIDE = 8;
export const TOTALS_BYTE_OFFSET = (PAGE_HEADER_WORDS + SLOTS_PER_PAGE * SLOT_WORDS) * 4;
export const totalsBase = (worker: number, index: number): number =>
	(worker * SLOTS_PER_PAGE + (index % SLOTS_PER_PAGE)) * TOTALS_STRIDE;

/** About 2.4 MB of addresses; memory is committed only where it is written. */
export const PAGE_BYTES = TOTALS_BYTE_OFFSET + MAX_WORKERS * SLOTS_PER_PAGE * TOTALS_STRIDE * 8;
