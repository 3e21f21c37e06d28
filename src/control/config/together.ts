import { ConfigError, type ConfigProblem } from '../../core/errors.ts';

/**
 * Waits for two readings of what one configuration names.
 * @throws ConfigError with the faults of both, in the order of their places; or else what one of them threw.
 */
export async function together<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
	const results = await Promise.allSettled([first, second]);
	const faults = results.flatMap((result): unknown[] => (result.status === 'rejected' ? [result.reason] : []));
	if (faults.length > 1 && faults.every((fault) => fault instanceof ConfigError)) {
		throw new ConfigError(byPlace(faults.flatMap(({ problems }) => problems)));
	}
	return Promise.all([first, second]);
}

export const byPlace = (problems: readonly ConfigProblem[]): ConfigProblem[] =>
	problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
