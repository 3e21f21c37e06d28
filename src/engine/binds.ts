import { formatTarget } from '../core/address.ts';
import { bindFailure as failureText } from '../core/bind-failure.ts';
import type { BindSnapshot, Snapshot } from '../core/snapshot.ts';

/** One address that a worker has to listen on. */
export interface WantedBind {
	/** Identity over snapshots: a listening socket with the same key is kept. */
	readonly key: string;
	/** Index into `Snapshot.listeners`. */
	readonly listener: number;
	readonly bind: BindSnapshot;
}

/** A socket cannot change its families once bound, so these are part of what it is. */
const bindKey = (bind: BindSnapshot): string => `${formatTarget(bind.target)}${bind.v6Only ? ' v6only' : ''}`;

/**
 * The addresses this worker listens on, by key; `worker` is its place among those of its engine. Unix sockets, and
 * all addresses where `reusePort` is missing, are the first one's alone.
 */
export function wantedBinds(snapshot: Snapshot, worker: number, reusePort: boolean): Map<string, WantedBind> {
	const wanted = new Map<string, WantedBind>();
	for (const listener of snapshot.listeners) {
		for (const bind of listener.binds) {
			if (worker !== 0 && (bind.target.type === 'unix' || !reusePort)) continue;
			const key = bindKey(bind);
			wanted.set(key, { key, listener: listener.index, bind });
		}
	}
	return wanted;
}

/** `listener game: cannot bind 0.0.0.0:7000: address in use`; `code` is the system's error name. */
export const bindFailure = (listener: string, bind: BindSnapshot, code: string): string =>
	failureText(listener, bind.target, code);
