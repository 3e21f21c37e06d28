import type { LogLevel } from '../core/record.ts';

/**
 * A record ring: bytes from one worker (the writer) to the main thread (the reader). Positions count bytes
 * for ever (modulo 2^32) and always stand at a multiple of 8. A frame never wraps; what is left at the
 * end is skipped. The writer moves `HEAD` only when a record is whole, with all frames it needs.
 */
export const DEFAULT_RING_BYTES = 1 << 20;
export const RING_HEADER_BYTES = 64;

/** Words of the header. */
export const HEAD = 0;
export const TAIL = 1;
/** Records that did not fit. */
export const DROPPED = 2;

/** First word of a frame: its bytes, all included; second word: one of these. */
export const SKIP = 1;
/** Forget all names. */
export const FORGET = 2;
/** A name that later frames give by number: number, text. */
export const NAME = 3;
export const ACCESS = 4;
export const LOG = 5;
export const FRAME_HEADER_BYTES = 8;

/** Number of a name; 0 stands for null. */
export const NO_NAME = 0;
/** So many names, then the dictionary starts afresh. */
export const MAX_NAMES = 4096;
/** Longer texts are cut. */
export const MAX_TEXT = 8192;
/** Most bytes of a text of so many UTF-16 units, its length included. */
export const textBound = (units: number): number => 2 + 2 * Math.min(units, MAX_TEXT);
export const align = (bytes: number): number => (bytes + 7) & ~7;

/**
 * An access frame after its header, at byte offsets: seven floats, then half words, then what varies
 * (addresses of four words, sni, detail) as the flags say.
 */
export const ACCESS_FLOATS = 7;
/** Half words: flags, peer port, client port, attempts, then the names in `ACCESS_NAMES` order. */
export const ACCESS_HALVES = 4;
export const ACCESS_NAMES = [
	'listener',
	'country',
	'region',
	'alpn',
	'route',
	'pool',
	'backend',
	'tls',
	'outcome',
] as const;
export const ACCESS_FIXED_BYTES =
	FRAME_HEADER_BYTES + ACCESS_FLOATS * 8 + align((ACCESS_HALVES + ACCESS_NAMES.length) * 2);

/** Bits of the flags. */
export const HAS_QUEUED = 1;
export const HAS_CONNECT = 2;
export const HAS_PEER = 4;
export const HAS_CLIENT = 8;
export const HAS_SNI = 16;
export const HAS_DETAIL = 32;

/** How a log field's value is written. */
export const VALUE_NULL = 0;
export const VALUE_FALSE = 1;
export const VALUE_TRUE = 2;
export const VALUE_NUMBER = 3;
export const VALUE_TEXT = 4;

export const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** An empty ring of a power of two of bytes, at least 64 KiB: the largest record must fit. */
export function createRing(bytes: number): SharedArrayBuffer {
	if (bytes < 1 << 16 || bytes > 1 << 30 || (bytes & (bytes - 1)) !== 0) {
		throw new RangeError(`record ring: ${bytes} is not a power of two from 64 KiB to 1 GiB`);
	}
	return new SharedArrayBuffer(RING_HEADER_BYTES + bytes);
}
