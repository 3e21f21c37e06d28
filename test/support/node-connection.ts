import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { SessionEvent } from '../../src/core/session-io.ts';
import type { BackendSnapshot, PoolSnapshot } from '../../src/core/snapshot.ts';
import { Closer } from '../../src/engine/node/closing.ts';
import { Connection, type ConnectionHost } from '../../src/engine/node/connection.ts';
import { GatheredWrites } from '../../src/engine/node/gathered-writes.ts';
import { LaneTimer } from '../../src/engine/node/lane-timer.ts';
import { TlsStore } from '../../src/engine/node/tls/tls-store.ts';
import { Stragglers } from '../../src/engine/stragglers.ts';
import type { Backend, Teardown } from './echo.ts';
import { dial, type Peer, targetOf } from './peers.ts';
import { snapshotOf } from './snapshots.ts';

type EventOf<Type> = Extract<SessionEvent, { readonly type: Type }>;

/** The shell of one session on the node engine, in a test's hands: it is told actions, what it reports is kept. */
export interface InHand {
	readonly connection: Connection;
	/** The client's end. */
	readonly client: Peer;
	/** Clients whose sockets outlive their session. */
	readonly stragglers: Stragglers;
	/** What was reported, in order; bytes are copies. */
	readonly events: readonly SessionEvent[];
	types(): readonly string[];
	/** The first event of this type that was not yet answered here; waits for it. */
	next<Type extends SessionEvent['type']>(type: Type): Promise<EventOf<Type>>;
	/** Called from inside each report, after it is kept. */
	onEvent: (event: SessionEvent) => void;
}

export interface AcceptOptions {
	/** The client's end reads only when told. */
	readonly paused?: boolean;
	/** Absent: one of its own. */
	readonly tls?: TlsStore;
}

/** Accepts one client on 127.0.0.1 as the engine would. */
export async function acceptOne(t: Teardown, options: AcceptOptions = {}): Promise<InHand> {
	const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
	server.listen(0, '127.0.0.1');
	t.teardown(() => server.close());
	await once(server, 'listening');
	const { port } = server.address() as { port: number };
	const accepted = once(server, 'connection');
	const client = await dial(t, `127.0.0.1:${port}`, options);
	const [socket] = (await accepted) as [Socket];
	return inHand(t, socket, client, options.tls ?? new TlsStore());
}

const hostWith = (tls: TlsStore): ConnectionHost => ({
	closer: new Closer(
		() => performance.now(),
		() => {},
	),
	gatheredWrites: new GatheredWrites(),
	laneTimer: new LaneTimer(() => performance.now() * 1e6),
	stragglers: new Stragglers(() => 8),
	tls,
	nowNs: () => performance.now() * 1e6,
});

function inHand(t: Teardown, socket: Socket, client: Peer, tls: TlsStore): InHand {
	const lent = hostWith(tls);
	const connection = new Connection(lent, socket, false, { idleMs: 60_000, intervalMs: 10_000, count: 6 });
	const events: SessionEvent[] = [];
	const answered = new Set<SessionEvent>();
	let wake: () => void = () => {};
	connection.report = (event) => {
		const kept = 'bytes' in event ? { ...event, bytes: Buffer.from(event.bytes) } : event;
		events.push(kept === event ? { ...event } : kept);
		it.onEvent(event);
		wake();
	};
	t.teardown(() => {
		connection.abandon();
		lent.closer.destroy();
	});
	const it: InHand = {
		connection,
		client,
		stragglers: lent.stragglers,
		events,
		types: () => events.map(({ type }) => type),
		next: async <Type extends SessionEvent['type']>(type: Type) => {
			for (;;) {
				const found = events.find((event) => event.type === type && !answered.has(event));
				if (found !== undefined) {
					answered.add(found);
					return found as EventOf<Type>;
				}
				await new Promise<void>((resolve) => {
					wake = resolve;
				});
			}
		},
		onEvent: () => {},
	};
	connection.start();
	return it;
}

/** What `connect` needs to reach this backend. */
export function placeAt(backend: Pick<Backend, 'address'>): { pool: PoolSnapshot; backend: BackendSnapshot } {
	const target = targetOf(backend.address);
	const found = 'path' in target ? { type: 'unix' as const, ...target } : { type: 'tcp' as const, ...target };
	const pool = snapshotOf({ pools: [{ backends: [{ target: found }] }] }).pools[0];
	const first = pool?.backends[0];
	if (pool === undefined || first === undefined) throw new Error('a snapshot without a backend');
	return { pool, backend: first };
}

/** Gates that let everything pass. */
export const OPEN_GATES = {
	upload: { ask: (want: number) => want, readyNs: 0, unused: () => {}, rest: () => {} },
	download: { ask: (want: number) => want, readyNs: 0, unused: () => {}, rest: () => {} },
};
