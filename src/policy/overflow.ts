import type { LiveState } from '../core/desk.ts';
import type { Snapshot } from '../core/snapshot.ts';

/**
 * Whether a listener's next client may leave the kernel's queue: not while a cap or rate that lets clients wait
 * (`overflow: wait`), its own or the process's, has no room. A look, not a promise: another worker may be faster.
 */
export function mayAccept(
	{ listeners, process }: Pick<Snapshot, 'listeners' | 'process'>,
	listener: number,
	live: Pick<LiveState, 'hasRoom'>,
	nowNs: number,
): boolean {
	const own = listeners[listener];
	if (own?.overflow === 'wait' && !live.hasRoom(own, nowNs)) return false;
	return process.overflow !== 'wait' || live.hasRoom(process, nowNs);
}
