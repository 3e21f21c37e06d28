import t from 'tap';
import type { SessionEvent } from '../../src/core/session-io.ts';
import { StatsReader } from '../../src/shared/stats.ts';
import { POSTGRES_SSL_REQUEST } from '../../src/wire/postgres.ts';
import { clientHello } from '../support/client-hello.ts';
import { type BenchSession, SessionBench } from '../support/session-bench.ts';
import {
	ACCEPTED,
	arriving,
	CLOSED,
	CONNECTED,
	eof,
	greeted,
	NO,
	REFUSED,
	reset,
	SECURED,
	SHUTDOWN,
	YES,
} from '../support/session-steps.ts';
import { type PoolSpec, type SnapshotSpec, snapshotOf } from '../support/snapshots.ts';
import { upstreamTls } from '../support/tls-terms.ts';

const FAILED: SessionEvent = { type: 'upstream-tls-failed', reason: 'certificate has expired' };
const TLS = { tls: upstreamTls({ startTls: 'postgres' }) };
const bench = (spec: SnapshotSpec): SessionBench => new SessionBench(snapshotOf(spec));

/** What a backend may do instead of TLS, and what the session does at once; `wait`: nothing, until time is up. */
const FAILURES: Readonly<Record<string, [events: (SessionEvent | 'wait')[], words: string[], detail: string]>> = {
	'says no': [[greeted(NO)], ['cancel-connect'], 'the backend refuses TLS (SSLRequest)'],
	'says yes and more': [[greeted(YES, 0x45)], ['cancel-connect'], '2 bytes in answer to SSLRequest'],
	'tells an error': [[greeted(0x45)], ['cancel-connect'], 'the backend refuses TLS (SSLRequest)'],
	'says nothing': [['wait'], ['cancel-connect'], 'no answer to SSLRequest in time'],
	'closes instead of an answer': [[eof('backend')], ['cancel-connect'], 'the backend closed the connection'],
	'resets instead of an answer': [[reset('backend')], ['cancel-connect'], 'the backend reset the connection'],
	'is lost before its answer': [[FAILED], [], 'certificate has expired'],
	'has a bad certificate': [[greeted(YES), FAILED], [], 'certificate has expired'],
	'stops in the handshake': [[greeted(YES), 'wait'], ['cancel-connect'], 'no handshake in time'],
	'resets in the handshake': [[greeted(YES), reset('backend')], ['cancel-connect'], 'the backend reset the connection'],
};

for (const [name, [events, words, detail]] of Object.entries(FAILURES)) {
	t.test(`a backend that ${name} is tried no more, another one is`, async (t) => {
		const retries = { attempts: 1, backoffMs: 100, maxBackoffMs: 100 };
		const backends = [{ maxConnections: 1 }, { maxConnections: 1 }];
		const b = bench({ pools: [{ ...TLS, retries, backends }] });
		const [first] = b.context.world.snapshot.pools[0]?.backends ?? [];
		const s = b.open();
		s.send(ACCEPTED);
		t.same(s.send(CONNECTED), ['greet']);
		t.same(fail(s, events), words);
		t.equal(s.session.currentState, 'backoff');
		t.same(b.connects, [{ slot: first?.slot, ok: false }], 'it counts for passive health, once');
		t.same(s.expire(), ['connect pool0-b1']);
		t.equal(first === undefined ? -1 : b.board.active(first.slot), 0, 'the first one’s place is free again');
		s.send(CONNECTED);
		t.same(fail(s, events).at(-1), 'close reset', 'the tries have run out');
		s.send(CLOSED);
		t.match(b.records, [{ outcome: 'upstream-tls-failed', attempts: 2, detail: `pool0-b1: tls (${detail})` }]);
		t.equal(b.connects.length, 2);
		t.equal(b.board.total, 0);
	});
}

/** Answers what the last of these events led to. */
function fail(s: BenchSession, events: (SessionEvent | 'wait')[]): string[] {
	return events.map((event) => (event === 'wait' ? s.expire() : s.send(event))).at(-1) ?? [];
}

t.test('a place is free when its connection is: what the session drops, after it was dropped', async (t) => {
	const cases: [name: string, pool: PoolSpec, events: (SessionEvent | 'wait')[], heldInBackoff: number][] = [
		['refused', {}, [REFUSED], 0],
		['no answer to the connect', {}, ['wait'], 1],
		['TLS failed', TLS, [CONNECTED, FAILED], 0],
		['the greeting refused', TLS, [CONNECTED, greeted(NO)], 1],
		['no handshake', TLS, [CONNECTED, greeted(YES), 'wait'], 1],
	];
	for (const [name, pool, events, held] of cases) {
		const b = bench({ pools: [{ ...pool, backends: [{ maxConnections: 1 }] }] });
		const slot = b.context.world.snapshot.pools[0]?.backends[0]?.slot ?? { index: -1, generation: 0 };
		const s = b.open();
		s.send(ACCEPTED);
		fail(s, events);
		t.equal(s.session.currentState, 'backoff', name);
		t.equal(b.board.active(slot), held, name);
		t.same(s.expire(), ['connect pool0-b0'], `${name}: the next try may have that very place`);
		t.equal(b.board.active(slot), 1, name);
		s.send(SHUTDOWN);
		s.send(CLOSED);
		t.equal(b.board.total, 0, name);
	}
});

t.test('what runs out is called by its last failure', async (t) => {
	const retries = { attempts: 1, backoffMs: 1, maxBackoffMs: 1 };
	const cases: [name: string, first: SessionEvent[], last: SessionEvent[], outcome: string][] = [
		['TLS, then refused', [CONNECTED, FAILED], [REFUSED], 'connect-failed'],
		['refused, then TLS', [REFUSED], [CONNECTED, FAILED], 'upstream-tls-failed'],
		[
			'TLS, then our own shortage',
			[CONNECTED, FAILED],
			[{ type: 'connect-failed', cause: 'own-shortage', code: 'EMFILE' }],
			'own-shortage',
		],
	];
	for (const [name, first, last, outcome] of cases) {
		const b = bench({ pools: [{ tls: upstreamTls(), retries, backends: [{}, {}] }] });
		const s = b.open();
		s.send(ACCEPTED);
		fail(s, first);
		s.expire();
		t.same(fail(s, last), ['close reset'], name);
		t.match(b.records, [{ outcome, attempts: 2 }], name);
	}
	const b = bench({ pools: [{ ...TLS, backends: [{}] }] });
	const s = b.open();
	s.send(ACCEPTED);
	b.pass(3);
	fail(s, [CONNECTED, FAILED]);
	s.expire();
	s.send(SHUTDOWN);
	t.match(
		b.records,
		[{ outcome: 'shutdown', connectMs: null }],
		'no connect has succeeded that the record could tell of',
	);
});

t.test('once the relay has begun nothing is tried again', async (t) => {
	const cases: [name: string, pool: PoolSpec, ready: SessionEvent[]][] = [
		['plain', {}, [CONNECTED]],
		['behind a header', { proxyProtocol: { version: 'v2', tlvs: [] } }, [CONNECTED]],
		['inside TLS', { tls: upstreamTls() }, [CONNECTED, SECURED]],
	];
	for (const [name, pool, ready] of cases) {
		const b = bench({ pools: [{ ...pool, backends: [{}, {}] }] });
		const s = b.open();
		s.send(ACCEPTED);
		t.same(fail(s, ready), ['relay'], name);
		t.same(s.send(FAILED), [], name);
		t.same(s.send(reset('backend')), ['flush client'], name);
		t.same(s.send({ type: 'flushed', side: 'client' }), ['close reset'], name);
		t.match(b.records, [{ outcome: 'backend-reset', attempts: 1 }], name);
		t.equal(b.earlyResets.length, 1, `${name}: a reset of a session that nobody had touched is told`);
	}
});

t.test('PostgreSQL that passes through: a backend without TLS fails the session', async (t) => {
	const retries = { attempts: 0, backoffMs: 1, maxBackoffMs: 1 };
	const b = bench({ pools: [{ retries }], listeners: [{ tls: { mode: 'passthrough', startTls: 'postgres' } }] });
	const { s, client } = arriving(b);
	client.send(POSTGRES_SSL_REQUEST);
	client.send(clientHello({}));
	s.send(CONNECTED);
	t.same(s.send(greeted(NO)), ['cancel-connect', 'close reset']);
	t.match(b.records, [
		{ outcome: 'upstream-tls-failed', detail: 'pool0-b0: tls (the backend refuses TLS (SSLRequest))' },
	]);
});

t.test('a client that ends while its backend is secured has half-closed', async (t) => {
	const b = bench({ pools: [{ tls: upstreamTls() }] });
	const s = b.open();
	s.send(ACCEPTED);
	s.send(CONNECTED);
	t.same(s.send(eof('client')), []);
	t.same(s.send(SECURED), ['relay', 'shutdown backend']);
});

t.test('handshakes with backends are counted, and those that fail', async (t) => {
	const b = bench({ pools: [{ tls: upstreamTls(), backends: [{}, {}] }] });
	const s = b.open();
	s.send(ACCEPTED);
	fail(s, [CONNECTED, FAILED]);
	s.expire();
	fail(s, [CONNECTED, SECURED]);
	const stats = new StatsReader([b.stats]);
	t.equal(stats.total('retries'), 1);
	t.equal(stats.total('upstreamTlsFailures'), 1);
	t.equal(stats.total('upstreamTlsHandshakes'), 1);
});
