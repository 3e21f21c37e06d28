import { ConfigError, type ConfigProblem } from '../../core/errors.ts';

/**
 * Waits for readings of what one configuration names.
 * @throws ConfigError with the faults of all, in the order of their places; or else what one of them threw.
 */
export async function together<T extends readonly unknown[]>(
	...readings: { readonly [K in keyof T]: Promise<T[K]> }
): Promise<T> {
	const results = await Promise.allSettled(readings);
	const faults = results.flatMap((result): unknown[] => (result.status === 'rejected' ? [result.reason] : []));
	if (faults.length > 1 && faults.every((fault) => fault instanceof ConfigError)) {
		throw new ConfigError(byPlace(faults.flatMap(({ problems }) => problems)));
	}
	return Promise.all(readings) as unknown as Promise<T>;
}

export const byPlace = (problems: readonly ConfigProblem[]): ConfigProblem[] =>
	problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
