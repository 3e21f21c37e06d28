import type { SessionEvent } from '../../src/core/session-io.ts';
import type { ListenerTimeouts, PoolQueueSnapshot } from '../../src/core/snapshot.ts';
import type { SessionState } from '../../src/session/state.ts';
import { clientHello } from './client-hello.ts';
import { type BenchSession, SessionBench } from './session-bench.ts';
import { ACCEPTED, CLOSED, CONNECTED, REFUSED, reset, TRUSTED } from './session-steps.ts';
import { denying, type SnapshotSpec, snapshotOf } from './snapshots.ts';
import { PASSTHROUGH, terminateTls, upstreamTls } from './tls-terms.ts';

const QUEUE: PoolQueueSnapshot = { number: 0, size: 2, timeoutMs: 3_000, first: false };

/** One backend with one place, and a listener, as a state asks for them. */
export const benchFor = (state: SessionState, timeouts: Partial<ListenerTimeouts> = {}): SessionBench =>
	new SessionBench(snapshotOf({ pools: [poolFor(state)], listeners: [{ ...listenerFor(state), timeouts }] }));

/** A session brought into a state by the shortest way. */
export function bring(state: SessionState, b = benchFor(state)): BenchSession {
	if (state === 'queued') b.open().send(ACCEPTED);
	const s = b.open();
	if (state === 'new') return s;
	s.send(ACCEPTED);
	if (state === 'handshaking') s.send(HELLO);
	if (state === 'greeting' || state === 'securing') s.send(CONNECTED);
	if (state === 'backoff') s.send(REFUSED);
	if (state === 'relaying' || state === 'flushing') s.send(CONNECTED);
	if (state === 'flushing') s.send(reset('backend'));
	if (state === 'closing' || state === 'over') s.send({ type: 'kill', outcome: 'shutdown' });
	if (state === 'over') s.send(CLOSED);
	return s;
}

export const HELLO: SessionEvent = { type: 'bytes', bytes: clientHello({ serverName: 'a.example', alpn: ['mqtt'] }) };
const TERMINATE = terminateTls();

function poolFor(state: SessionState): NonNullable<SnapshotSpec['pools']>[number] {
	const tls = upstreamTls({ startTls: state === 'greeting' ? 'postgres' : null });
	return { queue: QUEUE, backends: [{ maxConnections: 1 }], ...(stepsUp(state) ? { tls } : {}) };
}

const stepsUp = (state: SessionState): boolean => state === 'greeting' || state === 'securing';

function listenerFor(state: SessionState): NonNullable<SnapshotSpec['listeners']>[number] {
	if (state === 'waiting') return { maxConnections: 0, overflow: 'wait' };
	if (state === 'proxy-header') return { proxyProtocol: TRUSTED };
	if (state === 'client-hello') return { tls: PASSTHROUGH };
	if (state === 'handshaking') return { tls: TERMINATE };
	return state === 'silent' || state === 'tarpit' ? { access: denying('0.0.0.0/0', state) } : {};
}
