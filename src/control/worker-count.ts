import { availableParallelism } from 'node:os';
import { SluiceError } from '../core/errors.ts';
import { MAX_WORKERS } from '../shared/layout.ts';
import { reusePortWorks } from './bind.ts';
import type { Config } from './config/schema.ts';
import type { Log } from './log.ts';

/** Of each engine: there may be two. */
const MOST_WORKERS = Math.floor(MAX_WORKERS / 2);

/**
 * Workers of each engine. `auto` is one per core; one where several sockets cannot listen on one address (tried out unless told).
 * @throws SluiceError when more are wanted than there can be.
 */
export async function countWorkers(
	{ workers }: Pick<Config, 'workers'>,
	{ log, reusePort }: { readonly log: Pick<Log, 'warn'>; readonly reusePort?: boolean },
): Promise<number> {
	if (!(reusePort ?? (await reusePortWorks()))) {
		log.warn('this system has no SO_REUSEPORT for balancing: one worker', { workers: 1 });
		return 1;
	}
	if (workers === 'auto') return Math.min(availableParallelism(), MOST_WORKERS);
	if (workers <= MOST_WORKERS) return workers;
	throw new SluiceError('too-many-workers', `workers: ${workers} is more than ${MOST_WORKERS}`);
}
