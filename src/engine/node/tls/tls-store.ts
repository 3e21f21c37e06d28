import type { Snapshot } from '../../../core/snapshot.ts';
import { ClientContexts } from './client-contexts.ts';
import { ServerContexts } from './server-contexts.ts';

/** What one worker has prepared of the TLS that its snapshots describe. */
export class TlsStore {
	readonly clients = new ServerContexts();
	readonly backends = new ClientContexts();

	/** Drops what this snapshot no longer has; a session of an older one has it built again. */
	apply({ listeners, pools }: Snapshot): void {
		this.clients.keep(new Set(listeners.flatMap(({ tls }) => (tls?.mode === 'terminate' ? [tls.identity] : []))));
		this.backends.keep(new Set(pools.flatMap(({ tls }) => (tls === null ? [] : [tls.identity]))));
	}
}
