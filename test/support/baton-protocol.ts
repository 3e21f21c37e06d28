import type { ScoreboardMemory } from '../../src/core/messages.ts';
import type { Limited, PerClientLimits } from '../../src/core/snapshot.ts';

/** Words that a stepped thread and the controller share; one block per thread. */
export const BLOCK_WORDS = 8;
/** What the thread is doing: one of the states below. */
export const STATE = 0;
/** Rises when the thread is to run the program once. */
export const GO = 1;
/** Slot places the thread knows that it holds. */
export const HELD = 2;

/** Asleep until `GO`. */
export const IDLE = 0;
/** Before its next atomic step. */
export const WAITING = 1;
/** Taking the step; or between `GO` and its first. */
export const STEPPING = 2;
/** Told to die instead of taking the step. */
export const KILLED = 3;
/** The program came to its end. */
export const DONE = 4;
/** Died. */
export const DEAD = 5;

export const PROGRAMS = ['slots', 'clients'] as const;
export type Program = (typeof PROGRAMS)[number];

/** `correct`, and what must be caught. */
export const VARIANTS = [
	'correct',
	'count before share',
	'share forgotten',
	'cap off by one',
	'no mark in flight',
	'lock ignored',
] as const;
export type Variant = (typeof VARIANTS)[number];

/** Words of the block behind the threads' own: what to run. */
export const PROGRAM = 0;
export const VARIANT = 1;

export const WORKERS = 3;
/** The thread that repairs; it has no ledger. */
export const KEEPER = WORKERS;
export const VICTIM = 0;
export const CONTROL_WORDS = (WORKERS + 2) * BLOCK_WORDS;
export const ORDERS = (WORKERS + 1) * BLOCK_WORDS;
/** Places each worker takes and gives back in a run. */
export const ROUNDS = 2;

export interface BatonStart {
	readonly thread: number;
	readonly control: Int32Array;
	readonly memory: ScoreboardMemory;
	readonly place: Limited;
	readonly limits: PerClientLimits;
}
