import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { buildNetworkTable } from '../../src/policy/network-table.ts';
import { WorkerQueues } from '../../src/policy/worker-queues.ts';
import { Holdings } from '../../src/shared/holdings.ts';
import { type SlotKind, SlotRegistry } from '../../src/shared/registry.ts';
import { WorkerBoard } from '../../src/shared/worker-board.ts';
import { clientHello } from '../support/client-hello.ts';
import { type BenchSession, ip, SessionBench } from '../support/session-bench.ts';
import {
	ACCEPTED,
	CONNECTED,
	greeted,
	headerFor,
	ReadClient,
	SECURED,
	TRUSTED,
	YES,
} from '../support/session-steps.ts';
import { type ListenerSpec, type PoolSpec, type SnapshotSpec, snapshotOf } from '../support/snapshots.ts';
import { terminateTls, tlsFacts, upstreamTls } from '../support/tls-terms.ts';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

const NETWORKS = { networks: buildNetworkTable(['198.51.100.0/24']), countries: null, regions: null };

interface More {
	readonly pool?: PoolSpec;
	readonly listener?: ListenerSpec;
}

const SECURE_POOL: PoolSpec = {
	tls: upstreamTls({ startTls: 'postgres' }),
	proxyProtocol: { version: 'v2', tlvs: ['authority', 'unique-id'] },
};

/** Every kind of place, limits and rules that a session passes. */
const spec = (held: boolean, { pool, listener }: More = {}): SnapshotSpec => ({
	overrides: { '192.0.2.0/24': 'DE' },
	regions: [{ name: 'eu', countries: ['DE'] }],
	pools: [{ backends: [{ name: 'bad' }, { name: 'good' }], ...pool }],
	listeners: [
		{
			access: { allow: held ? NETWORKS : null, deny: NETWORKS, action: 'silent', holdForMs: 60_000 },
			rates: [{ count: 9, windowMs: 1_000, text: '9/s' }],
			...listener,
		},
	],
});

/** A session with real holdings, brought to where `bring` leaves it, and weak references to what it came in with. */
function opened(held: boolean, bring: (session: BenchSession) => void, more: More = {}) {
	const registry = new SlotRegistry({ workers: 1, seed: 1 });
	const board = new WorkerBoard(registry.memory, 0);
	const queues = new WorkerQueues(board, () => {});
	const claim = (kind: string, name: string) => registry.claim(kind as SlotKind, name, '');
	const bench = new SessionBench(snapshotOf(spec(held, more), claim));
	const host = { ...bench.context.host, openDesk: () => new Holdings(board, queues) };
	Object.assign(bench.context, { host });
	const session = bench.open();
	if (more.listener === undefined) session.send(ACCEPTED);
	bring(session);
	const before = bench.context.world.snapshot;
	const weak = Object.entries(partsOf(before)).map(([name, part]) => ({ name, ref: new WeakRef(part) }));
	Object.assign(bench, { context: new SessionBench(snapshotOf(spec(held, more), claim)).context });
	return { session, records: bench.records, weak };
}

function partsOf(snapshot: Snapshot): Record<string, object> {
	const { regions, listeners, pools } = snapshot;
	const [[region], [listener], [pool]] = [regions, listeners, pools];
	if (!region || !listener?.access || !listener.routes[0] || !pool?.backends[0]) throw new Error('parts are missing');
	const [route] = listener.routes;
	const { access } = listener;
	return { snapshot, region, listener, access, route, pool, backend: pool.backends[0] };
}

/** What is still there after a while; weak references are strong until the turn of the loop that made them is over. */
async function kept(weak: ReturnType<typeof opened>['weak']): Promise<string[]> {
	await new Promise((resolve) => setImmediate(resolve));
	gc();
	return weak.filter(({ ref }) => ref.deref() !== undefined).map(({ name }) => name);
}

t.test('a session in its relay keeps nothing of the snapshot it came in with', async (t) => {
	const { session, records, weak } = opened(false, (s) => {
		s.send({ type: 'connect-failed', cause: 'refused', code: 'ECONNREFUSED' });
		s.expire();
		s.send({ type: 'connected' });
	});
	t.equal(session.session.currentState, 'relaying');
	t.same(await kept(weak), []);
	session.send({ type: 'relay-ended' });
	t.match(records, [{ listener: 'listener0', region: 'eu', pool: 'pool0', backend: 'good', route: '1', attempts: 2 }]);
});

t.test('nor does one that came by header and hello, and speaks TLS on both sides', async (t) => {
	const { session, records, weak } = opened(
		false,
		(s) => {
			const client = new ReadClient(s);
			client.tell(ACCEPTED);
			client.send(headerFor('192.0.2.9'), clientHello({ serverName: 'a.example', alpn: ['mqtt'] }));
			client.tell({ type: 'tls-ready', tls: tlsFacts({ alpn: 'mqtt' }) });
			for (const event of [CONNECTED, greeted(YES), SECURED]) s.send(event);
		},
		{ pool: SECURE_POOL, listener: { proxyProtocol: TRUSTED, tls: terminateTls() } },
	);
	t.equal(session.session.currentState, 'relaying');
	t.same(await kept(weak), []);
	session.send({ type: 'relay-ended' });
	t.match(records, [{ client: ip('192.0.2.9'), sni: 'a.example', alpn: 'mqtt', backend: 'bad' }]);
});

t.test('nor does a client that is held in silence', async (t) => {
	const { session, weak } = opened(true, () => {});
	t.equal(session.session.currentState, 'silent');
	t.same(await kept(weak), []);
});

t.test('while it has still to choose, it keeps it', async (t) => {
	const { session, weak } = opened(false, () => {});
	t.equal(session.session.currentState, 'connecting');
	t.ok((await kept(weak)).includes('snapshot'));
	t.equal(session.send({ type: 'connected' }).length, 1);
});
