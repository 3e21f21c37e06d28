import type { Condition } from './condition.ts';

/** One entry of the key `alerts`, its secret read. */
export interface AlertTerms {
	readonly name: string;
	/** The condition as written. */
	readonly when: string;
	readonly condition: Condition;
	readonly forMs: number;
	/** A URL, perhaps with a secret in it; null: the log alone is told. */
	readonly webhook: string | null;
}
