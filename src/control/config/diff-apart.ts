import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { ConfigError, SluiceError } from '../../core/errors.ts';
import type { ConfigDiff } from './diff.ts';
import type { Compared, Comparison } from './diff-thread.ts';

/** `.ts` from source, `.js` in the built package. */
const THREAD_URL = new URL(`./diff-thread${extname(new URL(import.meta.url).pathname)}`, import.meta.url);

/** What a comparison may cost; the largest configuration that a file may hold stays well below it. */
export interface DiffBounds {
	readonly ms: number;
	readonly megabytes: number;
}

const BOUNDS: DiffBounds = { ms: 10_000, megabytes: 512 };

/**
 * Compares configurations on a thread of its own that ends with it, one at a time: the text comes from a caller who
 * may mean harm, and the main thread has probes and an API to serve meanwhile.
 */
export class DiffApart {
	readonly #bounds: DiffBounds;
	#busy = false;

	constructor(bounds: DiffBounds = BOUNDS) {
		this.#bounds = bounds;
	}

	/** @throws ConfigError of the candidate; SluiceError `busy`, or `config-too-costly` when it is over the bounds. */
	async compare(comparison: Comparison): Promise<ConfigDiff> {
		if (this.#busy) throw new SluiceError('busy', 'another configuration is being compared: try again');
		this.#busy = true;
		try {
			const compared = await this.#ask(comparison);
			if ('diff' in compared) return compared.diff;
			throw faultOf(compared);
		} finally {
			this.#busy = false;
		}
	}

	async #ask(comparison: Comparison): Promise<Compared> {
		const { ms, megabytes } = this.#bounds;
		const thread = new Worker(THREAD_URL, {
			workerData: comparison,
			resourceLimits: { maxOldGenerationSizeMb: megabytes },
		});
		thread.unref();
		const { promise, resolve, reject } = Promise.withResolvers<Compared>();
		thread.once('message', resolve).once('error', (error) => reject(costly(error, megabytes)));
		const late = setTimeout(() => reject(tooCostly(`more than ${ms / 1_000} s`)), ms);
		try {
			return await promise;
		} finally {
			clearTimeout(late);
			await thread.terminate();
		}
	}
}

const tooCostly = (what: string): SluiceError =>
	new SluiceError('config-too-costly', `the configuration cannot be compared: it takes ${what}`);

function costly(error: unknown, megabytes: number): unknown {
	const { code } = error as NodeJS.ErrnoException;
	return code === 'ERR_WORKER_OUT_OF_MEMORY' ? tooCostly(`more than ${megabytes} MiB of memory`) : error;
}

function faultOf({ problems, more }: Extract<Compared, { readonly problems: unknown }>): ConfigError {
	const [last] = problems.slice(-1);
	if (last === undefined || more === 0) return new ConfigError(problems);
	return new ConfigError([...problems, { ...last, path: '', message: `and ${more} more faults` }]);
}
