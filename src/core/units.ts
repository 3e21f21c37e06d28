/** Conversion constants. Durations carry their unit in the name: `...Ns` (monotonic or length), `...Ms`. */
export const NS_PER_MS = 1_000_000;
export const NS_PER_SECOND = 1_000_000_000;
export const MS_PER_SECOND = 1_000;

/** What a client sends to a backend is `upload`, what a backend sends to a client is `download`. */
export type Direction = 'upload' | 'download';

/** The two ends of a session. */
export type Side = 'client' | 'backend';

/** What belongs to a side, without a look-up by a name that varies: that is what the runtime does slowly. */
export const ofSide = <T>(both: Readonly<Record<Side, T>>, side: Side): T =>
	side === 'client' ? both.client : both.backend;

export const otherSide = (side: Side): Side => (side === 'client' ? 'backend' : 'client');
