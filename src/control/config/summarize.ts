import type { Config } from './schema.ts';

/** `2 listeners, 1 pools, 3 backends`: what `check` says of a good file, after `ok: `. */
export function summarize(config: Config): string {
	const backends = config.pools.reduce((sum, pool) => sum + pool.backends.length, 0);
	return `${config.listeners.length} listeners, ${config.pools.length} pools, ${backends} backends`;
}
