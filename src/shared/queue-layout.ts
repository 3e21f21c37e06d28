/**
 * Where things lie in a pool's queue, in 32-bit words. Entries are dealt out lowest first and used again last
 * first, so that memory is committed only as deep as the queue has ever been.
 */

/** Owner and 1 of whoever changes the queue; 0 when nobody does. */
export const LOCK = 0;
/** Sessions that wait; read without the lock. */
export const WAITING_COUNT = 1;
/** Links name an entry by its number and 1; 0 is none. */
export const OLDEST = 2;
export const NEWEST = 3;
export const FREE_ENTRIES = 4;
/** Entries ever used: those beyond have never been touched. */
export const USED = 5;
/** The next ticket's place in the order; comes round. */
export const NEXT_ORDER = 6;
const HEADER_WORDS = 64;

/** The most sessions that may wait in one queue. */
export const MAX_QUEUE_SIZE = 65_536;
/** With as many again for places that are granted and not yet claimed. */
export const ENTRIES = 2 * MAX_QUEUE_SIZE;

/** Words of an entry. What it says is the truth; links and counts can be made anew from it. */
export const STATE = 0;
export const ORDER = 1;
export const WORKER = 2;
/** Index of the backend's slot whose place was granted. */
export const SLOT = 3;
export const NEXT = 4;
export const PREVIOUS = 5;
const ENTRY_WORDS = 8;

export const FREE = 0;
export const WAITING = 1;
export const GRANTED = 2;

export const entryAt = (entry: number): number => HEADER_WORDS + entry * ENTRY_WORDS;

export const createQueue = (): SharedArrayBuffer => new SharedArrayBuffer(entryAt(ENTRIES) * 4);
