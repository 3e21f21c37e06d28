import t from 'tap';
import type { SessionEvent } from '../../src/core/session-io.ts';
import type { AccessRules } from '../../src/core/snapshot.ts';
import { StatsReader } from '../../src/shared/stats.ts';
import { clientHello } from '../support/client-hello.ts';
import { SessionBench } from '../support/session-bench.ts';
import {
	ACCEPTED,
	arriving,
	bytes,
	CLOSED,
	EARLY,
	eof,
	headerFor,
	type ReadClient,
	SHUTDOWN,
	TRUSTED,
} from '../support/session-steps.ts';
import { denying, type ListenerSpec, perClient, type SnapshotSpec, snapshotOf } from '../support/snapshots.ts';
import { PASSTHROUGH, terminateTls, tlsFacts } from '../support/tls-terms.ts';

const bench = (spec: SnapshotSpec): SessionBench => new SessionBench(snapshotOf(spec));

t.test('routes go by what the ClientHello says, and it goes into the record', async (t) => {
	const routes = [
		{ match: { sni: { exact: new Set<string>(), parents: new Set(['eu.example']) } }, to: ['eu'] },
		{ match: { alpn: new Set(['mqtt']) }, to: ['us'] },
	];
	const pools = [{ name: 'eu' }, { name: 'us' }];
	const cases: [hello: Parameters<typeof clientHello>[0], words: string[], record: object][] = [
		[{ serverName: 'A.eu.example', alpn: ['h2'] }, ['connect eu-b0'], { sni: 'a.eu.example', alpn: 'h2', route: '1' }],
		[{ serverName: 'eu.example', alpn: ['x', 'mqtt'] }, ['connect us-b0'], { alpn: 'x,mqtt', route: '2' }],
		[{}, ['close fin'], { outcome: 'no-route', sni: null, alpn: null, tls: null }],
	];
	for (const [hello, words, record] of cases) {
		const b = bench({ pools, listeners: [{ tls: PASSTHROUGH, routes }] });
		const { client } = arriving(b);
		t.same(client.send(clientHello(hello)), words);
		client.tell(SHUTDOWN);
		t.match(b.records, [record]);
	}
});

t.test('of a hundred protocols the record lists the first', async (t) => {
	const b = bench({ listeners: [{ tls: PASSTHROUGH }] });
	const { client } = arriving(b);
	client.send(clientHello({ alpn: Array.from({ length: 100 }, (_, i) => `protocol-${i}`) }));
	client.tell(SHUTDOWN);
	t.match(b.records[0]?.alpn, /^protocol-0,protocol-1,.*,\.\.\.$/);
	t.ok((b.records[0]?.alpn?.length ?? 0) < 300);
});

t.test('no handshake is made for a client without a route, and no backend is bothered before it', async (t) => {
	const routes = [{ match: { alpn: new Set(['mqtt']) }, to: ['pool0'] }];
	const tls = terminateTls();
	const b = bench({ listeners: [{ tls, routes }] });
	const [lost, found] = [arriving(b), arriving(b)];
	t.same(lost.client.send(clientHello({ alpn: ['h2'] })), ['close fin']);
	const hello = clientHello({ serverName: 'a.example', alpn: ['mqtt'] });
	t.same(found.s.act(bytes(hello)), [{ type: 'handshake', tls, serverName: 'a.example' }]);
	t.equal(found.s.dueInMs, 10_000);
	t.same(found.client.tell({ type: 'tls-ready', tls: tlsFacts({ alpn: 'mqtt' }) }), ['connect pool0-b0']);
	found.client.tell(SHUTDOWN);
	t.match(b.records, [
		{ outcome: 'no-route', tls: null },
		{ tls: 'TLSv1.3 TLS_AES_128_GCM_SHA256', alpn: 'mqtt', sni: 'a.example' },
	]);
});

t.test('a client whose certificate may not come in is turned away before it has a backend', async (t) => {
	const clientAuth = { ca: '', mode: 'require', names: [], fingerprints: [] } as const;
	const b = bench({ listeners: [{ tls: terminateTls([], { clientAuth }) }] });
	const { client } = arriving(b);
	client.send(clientHello({}));
	t.same(client.tell({ type: 'tls-ready', tls: tlsFacts() }), ['close fin']);
	t.match(b.records, [{ outcome: 'tls-failed', detail: 'client certificate: none was sent', attempts: 0 }]);
});

t.test('what was sent for us is no payload: who ends behind it while queued has left', async (t) => {
	const queue = { number: 0, size: 2, timeoutMs: 3_000, first: false };
	const pools = [{ queue, backends: [{ maxConnections: 1 }] }];
	const ready: SessionEvent = { type: 'tls-ready', tls: tlsFacts() };
	const header = headerFor('198.51.100.7');
	const cases: [name: string, listener: ListenerSpec, events: (client: ReadClient) => void, left: boolean][] = [
		['a header alone', { proxyProtocol: TRUSTED }, (client) => client.send(header), true],
		['a byte behind the header', { proxyProtocol: TRUSTED }, (client) => client.send(header, [1]), false],
		['a hello that is passed on', { tls: PASSTHROUGH }, (client) => client.send(clientHello({})), false],
		[
			'a handshake',
			{ tls: terminateTls() },
			(client) => {
				client.send(clientHello({}));
				client.tell(ready);
			},
			true,
		],
		[
			'a byte inside TLS',
			{ tls: terminateTls() },
			(client) => {
				client.send(clientHello({}));
				client.tell(ready);
				client.tell(EARLY);
			},
			false,
		],
	];
	for (const [name, listener, events, left] of cases) {
		const b = bench({ pools, listeners: [listener] });
		const [backend] = b.context.world.snapshot.pools[0]?.backends ?? [];
		if (backend !== undefined) b.board.add(backend.slot, 1);
		const { s, client } = arriving(b);
		events(client);
		t.equal(s.session.currentState, 'queued', name);
		t.same(s.send(eof('client')), left ? ['close fin'] : [], name);
		t.equal(b.records[0]?.outcome, left ? 'client-left' : undefined, name);
	}
});

t.test('the gates of the peer come first, those of the client behind the header', async (t) => {
	const deny = (action: AccessRules['action']) => ({ access: denying('198.51.100.0/24', action) });
	const cases: [name: string, spec: SnapshotSpec, listener: ListenerSpec, outcome: string, words: string[]][] = [
		['the process is full', { process: { maxConnections: 0 } }, {}, 'max-connections', ['close fin']],
		['the listener is full', {}, { maxConnections: 0 }, 'max-connections', ['close fin']],
		['denied, close', {}, deny('close'), 'access-denied', ['peek', 'consume', 'close fin']],
		['denied, reset', {}, deny('reset'), 'access-denied', ['peek', 'consume', 'close reset']],
		['denied, silent', {}, deny('silent'), 'access-denied', ['peek', 'consume', 'hold', 'close reset']],
		[
			'the region is full',
			{ regions: [{ name: 'eu', countries: ['DE'], maxConnections: 0 }], overrides: { '198.51.100.0/24': 'DE' } },
			{},
			'max-connections',
			['peek', 'consume', 'close fin'],
		],
		[
			'the client has too many',
			{},
			{ perClient: perClient({ maxConnections: 0 }) },
			'max-connections',
			['peek', 'consume', 'close fin'],
		],
	];
	for (const [name, spec, listener, outcome, words] of cases) {
		const b = bench({ ...spec, listeners: [{ ...listener, proxyProtocol: TRUSTED }] });
		const { s, client, accepted } = arriving(b);
		const seen = [...accepted, ...(accepted.includes('peek') ? client.send(headerFor('198.51.100.7')) : [])];
		if (s.session.currentState === 'silent') seen.push(...client.expire());
		t.same(seen, words, name);
		s.send(CLOSED);
		t.equal(b.records[0]?.outcome, outcome, name);
		t.equal(b.board.total, 0, `${name}: everything is given back`);
	}
	const b = bench({ listeners: [{ ...deny('tarpit'), proxyProtocol: TRUSTED, tls: PASSTHROUGH }] });
	const { s, client } = arriving(b);
	t.same(client.send(headerFor('198.51.100.7')), ['consume', 'hold']);
	t.same(client.send(clientHello({})), [], 'the tarpit reads nothing');
	t.equal(s.dueInMs, 10_000);
	t.same(client.expire(), ['peek', 'connect pool0-b0'], 'and serves in the end');
});

t.test('a peer without room at the listener waits, and is read then', async (t) => {
	const b = bench({ listeners: [{ proxyProtocol: TRUSTED, maxConnections: 1, overflow: 'wait' }] });
	const first = arriving(b);
	const second = arriving(b);
	t.same([first.accepted, second.accepted], [['peek'], []], 'a place is taken before a byte is read');
	t.same(second.client.send(headerFor('198.51.100.8')), []);
	first.client.tell(SHUTDOWN);
	first.client.tell(CLOSED);
	t.same(second.client.expire(), ['peek', 'consume', 'connect pool0-b0']);
});

t.test('limits, hashes and buckets go by the true client', async (t) => {
	const b = bench({
		listeners: [{ proxyProtocol: TRUSTED, perClient: perClient({ maxConnections: 1 }) }],
		pools: [{ balance: 'ip-hash', backends: [{}, {}, {}, {}, {}] }],
	});
	const chosen = new Set<string>();
	for (let last = 1; last <= 40; last++) {
		const address = `198.51.100.${last}`;
		const behind = arriving(b);
		const [, words] = behind.client.send(headerFor(address));
		chosen.add(words ?? '');
		behind.client.tell(SHUTDOWN);
		behind.client.tell(CLOSED);
		const itself = b.open(address);
		t.same(itself.send(ACCEPTED), [words], `${address} has one backend, however it comes`);
		itself.send(SHUTDOWN);
		itself.send(CLOSED);
	}
	t.ok(chosen.size > 3, 'though all of them come from one peer');
});

t.test('handshakes with clients are counted, those that resume and those that fail', async (t) => {
	const b = bench({ listeners: [{ tls: terminateTls() }] });
	const ends: ((client: ReadClient) => unknown)[] = [
		(client) => client.tell({ type: 'tls-ready', tls: tlsFacts() }),
		(client) => client.tell({ type: 'tls-ready', tls: tlsFacts({ resumed: true }) }),
		(client) => client.tell({ type: 'tls-failed', reason: 'no' }),
		(client) => client.expire(),
	];
	for (const end of ends) {
		const { client } = arriving(b);
		client.send(clientHello({}));
		end(client);
	}
	const stats = new StatsReader([b.stats]);
	t.equal(stats.total('tlsHandshakes'), 2);
	t.equal(stats.total('tlsResumptions'), 1);
	t.equal(stats.total('tlsFailures'), 2);
});

t.test('a session counts for its country from when that is known to its end', async (t) => {
	const b = bench({
		overrides: { '198.51.100.0/24': 'DE', '192.0.3.0/24': 'FR' },
		listeners: [{ proxyProtocol: TRUSTED, maxConnections: 1, overflow: 'wait' }],
	});
	const countries = () => Object.fromEntries(new StatsReader([b.stats]).countries());
	const [served, waiting] = [arriving(b), arriving(b)];
	t.same(countries(), {}, 'nobody has said yet who it is');
	served.client.send(headerFor('198.51.100.7'));
	t.same(countries(), { DE: 1 });
	served.client.tell(SHUTDOWN);
	served.client.tell(CLOSED);
	t.same(countries(), {});
	waiting.client.expire();
	waiting.client.send(headerFor('198.51.100.7'));
	t.same(countries(), { DE: 1 });
	const direct = arriving(b, '192.0.3.9');
	t.equal(direct.s.session.currentState, 'waiting');
	waiting.client.tell(SHUTDOWN);
	waiting.client.tell(CLOSED);
	t.same(countries(), {});
	t.same(direct.client.expire(), ['connect pool0-b0']);
	t.same(countries(), { FR: 1 }, 'who waited for room, too');
	direct.client.tell(SHUTDOWN);
	t.same(countries(), {});
});
