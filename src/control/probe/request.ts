import type { SocketTarget } from '../../core/address.ts';
import type { ProbeType, ProxyProtocolOut, UpstreamTls } from '../../core/snapshot.ts';

/** What one probe found out. */
export type ProbeResult =
	| { readonly type: 'good' }
	/** Such as `connect refused (ECONNREFUSED)`: one line, and nothing of what the probe sent. */
	| { readonly type: 'bad'; readonly reason: string }
	/** We could not even try (no descriptor, no local port): it says nothing of the backend. */
	| { readonly type: 'none'; readonly reason: string };

/**
 * What is known of the backend: its last probe was good, it was never probed, its last probe was not good. Those that
 * do not answer hold their socket for the whole timeout, so many of them must not keep the others waiting.
 */
export type Lane = 'good' | 'new' | 'suspect';

export interface ProbeRequest {
	readonly lane: Lane;
	readonly probe: ProbeType;
	readonly target: SocketTarget;
	/** As in `BackendSnapshot`. */
	readonly hostName: string | null;
	/** Local address of the connection; null lets the kernel choose. */
	readonly sourceAddress: string | null;
	/** The header that says it is nobody's client; null: none is sent. */
	readonly proxyProtocol: Pick<ProxyProtocolOut, 'version'> | null;
	/** How TLS is spoken; null: it is not, but by a probe of type `tls`, which then takes any certificate. */
	readonly tls: UpstreamTls | null;
	/** For all that the probe does. */
	readonly timeoutMs: number;
}

/** Begins a probe; `done` hears of its result once, never within the call. The answer cancels it: nothing is heard then. */
export type Prober = (request: ProbeRequest, done: (result: ProbeResult) => void) => () => void;
