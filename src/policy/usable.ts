import type { Health, LiveState } from '../core/desk.ts';
import type { BackendSnapshot, PoolSnapshot } from '../core/snapshot.ts';

type Healths = Pick<LiveState, 'health'>;

/**
 * Whether new sessions may go to a backend as far as weight and health say. One that was not probed yet is used
 * only while none of its kind (primaries, backups) is up.
 */
export function isUsable(pool: PoolSnapshot, backend: BackendSnapshot, live: Healths): boolean {
	if (backend.weight === 0) return false;
	const health: Health = live.health(backend.slot);
	if (health !== 'unknown') return health === 'up';
	return !pool.backends.some(
		(other) => other.backup === backend.backup && other.weight > 0 && live.health(other.slot) === 'up',
	);
}
