import type { ScoreboardMemory } from '../../src/core/messages.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { BLOCK_WORDS, WORKERS } from './baton-protocol.ts';

/** `correct`, and what must be caught. */
export const QUEUE_VARIANTS = [
	'correct',
	'joiner does not look again',
	'releaser does not look again',
	'handed over and given back',
	'lock ignored',
] as const;
export type QueueVariant = (typeof QUEUE_VARIANTS)[number];

/** The word behind the threads' own blocks: index of the variant to run. */
export const QUEUE_ORDERS = (WORKERS + 1) * BLOCK_WORDS;
export const QUEUE_CONTROL_WORDS = QUEUE_ORDERS + 1;

export interface QueueBatonStart {
	readonly thread: number;
	readonly control: Int32Array;
	readonly memory: ScoreboardMemory;
	/** One pool of one backend, with a queue. */
	readonly snapshot: Snapshot;
}
