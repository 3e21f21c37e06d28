import { parentPort, workerData } from 'node:worker_threads';
import { ConfigError, type ConfigProblem } from '../../core/errors.ts';
import { type ConfigDiff, diffConfigs } from './diff.ts';
import { parseConfigText } from './load.ts';
import type { Config } from './schema.ts';

/** What the thread is given to compare. */
export interface Comparison {
	readonly config: Config;
	readonly candidate: string;
	/** Relative paths of the candidate are relative to it. */
	readonly folder: string;
}

/** What is wrong with it is told up to a bound: a hostile text has as many faults as it has lines. */
export type Compared =
	| { readonly diff: ConfigDiff }
	| { readonly problems: readonly ConfigProblem[]; readonly more: number };

/** How a candidate is called where a file's path would stand. */
export const CANDIDATE = 'candidate';
const MOST_PROBLEMS = 100;

function compare({ config, candidate, folder }: Comparison): Compared {
	try {
		return { diff: diffConfigs(config, parseConfigText(candidate, { file: CANDIDATE, folder })) };
	} catch (error) {
		if (!(error instanceof ConfigError)) throw error;
		const problems = error.problems.slice(0, MOST_PROBLEMS);
		return { problems, more: error.problems.length - problems.length };
	}
}

parentPort?.postMessage(compare(workerData as Comparison));
