import t from 'tap';
import type { SessionEvent } from '../../src/core/session-io.ts';
import type { ListenerTls } from '../../src/core/snapshot.ts';
import { MAX_HELLO_WIRE_BYTES } from '../../src/wire/client-hello.ts';
import { POSTGRES_SSL_REQUEST } from '../../src/wire/postgres.ts';
import { MAX_PROXY_HEADER_BYTES, writeLocalHeader } from '../../src/wire/proxy-protocol.ts';
import { clientHello } from '../support/client-hello.ts';
import { message, records } from '../support/hello-bytes.ts';
import { ip, SessionBench } from '../support/session-bench.ts';
import {
	ACCEPTED,
	arriving,
	bytes,
	CLOSED,
	EARLY,
	eof,
	headerFor,
	NO,
	reset,
	SHUTDOWN,
	TRUSTED,
	YES,
} from '../support/session-steps.ts';
import { type ListenerSpec, type SnapshotSpec, snapshotOf } from '../support/snapshots.ts';
import { PASSTHROUGH, terminateTls } from '../support/tls-terms.ts';

const POSTGRES: ListenerTls = { mode: 'passthrough', startTls: 'postgres' };
const GSS_REQUEST = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30];
const bench = (spec: SnapshotSpec): SessionBench => new SessionBench(snapshotOf(spec));

t.test('behind a trusted peer the client is the one that the header names', async (t) => {
	const b = bench({
		overrides: { '198.51.100.0/24': 'DE' },
		regions: [{ name: 'eu', countries: ['DE'] }],
		listeners: [{ proxyProtocol: TRUSTED, routes: [{ match: { regions: new Set([0]) }, to: ['pool0'] }] }],
	});
	for (const version of ['v1', 'v2'] as const) {
		const { s, client, accepted } = arriving(b);
		t.same(accepted, ['peek']);
		t.equal(s.dueInMs, 3_000);
		const header = headerFor('198.51.100.7', version);
		t.same(client.send(header.subarray(0, 20)), ['peek'], 'half of it is none');
		b.pass(1_000);
		t.equal(s.dueInMs, 2_000, 'more of it moves no deadline');
		t.same(client.send(header.subarray(20), [1, 2, 3]), ['consume', 'connect pool0-b0']);
		client.tell(SHUTDOWN);
	}
	const record = { peer: ip('192.0.2.1'), peerPort: 4000, client: ip('198.51.100.7'), clientPort: 1234 };
	t.match(b.records, [
		{ ...record, country: 'DE', region: 'eu', route: '1' },
		{ ...record, country: 'DE', region: 'eu', route: '1' },
	]);
});

t.test('from anybody else the bytes are payload, and nothing is read', async (t) => {
	const b = bench({ listeners: [{ proxyProtocol: TRUSTED }] });
	t.same(b.open('203.0.113.9').send(ACCEPTED), ['connect pool0-b0']);
	t.same(b.open(null).send(ACCEPTED), ['connect pool0-b0'], 'a unix socket has no address that could be trusted');
});

t.test('a header that speaks for nobody leaves the socket’s address', async (t) => {
	const b = bench({ listeners: [{ proxyProtocol: TRUSTED }] });
	for (const version of ['v1', 'v2'] as const) {
		const { client } = arriving(b);
		t.same(client.send(writeLocalHeader(version)), ['consume', 'connect pool0-b0']);
		client.tell(SHUTDOWN);
	}
	t.match(b.records, [{ client: ip('192.0.2.1') }, { client: ip('192.0.2.1'), clientPort: 4000 }]);
});

t.test('header and hello may come in any pieces', async (t) => {
	const header = headerFor('198.51.100.7');
	const sent = [...header, ...clientHello({ serverName: 'a.example' }), 1, 2, 3];
	const match = { sni: { exact: new Set(['a.example']), parents: new Set<string>() } };
	const b = bench({
		listeners: [{ proxyProtocol: TRUSTED, tls: PASSTHROUGH, routes: [{ match, to: ['pool0'] }] }],
	});
	for (let cut = 1; cut < sent.length; cut++) {
		const { s, client } = arriving(b);
		const words = [...client.send(sent.slice(0, cut)), ...client.send(sent.slice(cut))];
		t.same(
			words.filter((word) => word !== 'peek'),
			['consume', 'connect pool0-b0'],
			`cut at ${cut}`,
		);
		t.same(s.send(eof('client')), [], 'what was sent behind the header is payload');
	}
	const { client } = arriving(b);
	const words = sent.slice(0, -3).flatMap((byte) => client.send([byte]));
	t.equal(words.at(-1), 'connect pool0-b0', 'a byte at a time');
});

t.test('the time for a hello begins when it is awaited', async (t) => {
	const b = bench({ listeners: [{ proxyProtocol: TRUSTED, tls: PASSTHROUGH }] });
	const { s, client } = arriving(b);
	b.pass(2_900);
	t.same(client.send(headerFor('198.51.100.7')), ['consume', 'peek']);
	t.equal(s.dueInMs, 5_000);
	b.pass(4_000);
	client.send(clientHello({}).subarray(0, 10));
	t.equal(s.dueInMs, 1_000);
	t.same(client.expire(), ['close fin']);
	t.match(b.records, [{ outcome: 'client-hello-timeout', detail: '5000 ms', durationMs: 7_900 }]);
});

t.test('an answer is asked for as long as one can come', async (t) => {
	for (const [listener, most] of [
		[{ proxyProtocol: TRUSTED }, MAX_PROXY_HEADER_BYTES],
		[{ tls: PASSTHROUGH }, MAX_HELLO_WIRE_BYTES],
	] as const) {
		const b = bench({ listeners: [listener] });
		t.same(b.open().act(ACCEPTED), [{ type: 'peek', beyond: 0, atMost: most }]);
	}
	const endless = records(message(new Uint8Array(60_000)), 1);
	const b = bench({ listeners: [{ tls: PASSTHROUGH }] });
	const { client } = arriving(b);
	for (let at = 0; at < MAX_HELLO_WIRE_BYTES; at += 8_192) client.send(endless.subarray(at, at + 8_192));
	t.match(b.records, [{ outcome: 'client-hello-invalid', detail: `no end within ${MAX_HELLO_WIRE_BYTES} bytes` }]);
});

/** What a client at this listener does, and what comes of it; `wait`: its time runs out. */
const ENDINGS: Readonly<
	Record<string, [listener: ListenerSpec, events: (SessionEvent | 'wait')[], outcome: string, detail: RegExp | null]>
> = {
	'no header in time': [{ proxyProtocol: TRUSTED }, ['wait'], 'proxy-header-timeout', /^3000 ms$/],
	'half a header in time': [
		{ proxyProtocol: TRUSTED },
		[EARLY, bytes([0x50]), 'wait'],
		'proxy-header-timeout',
		/^3000 ms$/,
	],
	'no header': [{ proxyProtocol: TRUSTED }, [EARLY, bytes([71, 69, 84])], 'proxy-header-invalid', /byte 71/],
	'half a header': [
		{ proxyProtocol: TRUSTED },
		[EARLY, bytes([0x50, 0x52]), eof('client')],
		'proxy-header-invalid',
		/ended in the middle/,
	],
	'nothing, then FIN': [{ proxyProtocol: TRUSTED }, [eof('client')], 'client-left', null],
	'nothing, then RST': [{ proxyProtocol: TRUSTED }, [reset('client')], 'client-reset', null],
	'no hello in time': [{ tls: PASSTHROUGH }, ['wait'], 'client-hello-timeout', /^5000 ms$/],
	'not TLS': [{ tls: PASSTHROUGH }, [EARLY, bytes([71, 69, 84])], 'not-tls', /first byte 71/],
	'half a hello': [
		{ tls: PASSTHROUGH },
		[EARLY, bytes([22, 3, 1]), eof('client')],
		'client-hello-invalid',
		/ended in the middle/,
	],
	'an alert': [{ tls: PASSTHROUGH }, [EARLY, bytes([21, 3, 1])], 'client-hello-invalid', /record of type 21/],
	'nothing but FIN': [{ tls: PASSTHROUGH }, [eof('client')], 'client-left', null],
	'a RST within the hello': [{ tls: PASSTHROUGH }, [EARLY, bytes([22, 3, 1]), reset('client')], 'client-reset', null],
	'a header and no more': [
		{ proxyProtocol: TRUSTED, tls: PASSTHROUGH },
		[EARLY, bytes(headerFor('198.51.100.7')), eof('client')],
		'client-left',
		null,
	],
	'no handshake in time': [
		{ tls: terminateTls() },
		[EARLY, bytes(clientHello({})), 'wait'],
		'tls-failed',
		/no handshake within 10000 ms/,
	],
	'a failed handshake': [
		{ tls: terminateTls() },
		[EARLY, bytes(clientHello({})), { type: 'tls-failed', reason: 'alert 42' }],
		'tls-failed',
		/^alert 42$/,
	],
	'a RST within the handshake': [
		{ tls: terminateTls() },
		[EARLY, bytes(clientHello({})), reset('client')],
		'client-reset',
		null,
	],
	'PostgreSQL in the clear': [
		{ tls: POSTGRES },
		[EARLY, bytes([0, 0, 0, 9, 0, 3, 0, 0, 0])],
		'not-tls',
		/neither SSLRequest nor a ClientHello/,
	],
	'bytes behind SSLRequest': [
		{ tls: POSTGRES },
		[EARLY, bytes(POSTGRES_SSL_REQUEST, clientHello({}))],
		'client-hello-invalid',
		/before its answer/,
	],
	'half an SSLRequest': [
		{ tls: POSTGRES },
		[EARLY, bytes(POSTGRES_SSL_REQUEST.subarray(0, 5)), eof('client')],
		'client-hello-invalid',
		/ended in the middle/,
	],
	'no hello behind SSLRequest': [
		{ tls: POSTGRES },
		[EARLY, bytes(POSTGRES_SSL_REQUEST), eof('client')],
		'client-left',
		null,
	],
	'SSLRequest twice': [
		{ tls: POSTGRES },
		[EARLY, bytes(POSTGRES_SSL_REQUEST), EARLY, bytes(POSTGRES_SSL_REQUEST)],
		'not-tls',
		/first byte 0/,
	],
	'direct TLS without ALPN': [
		{ tls: POSTGRES },
		[EARLY, bytes(clientHello({ alpn: ['h2'] }))],
		'client-hello-invalid',
		/must offer ALPN postgresql/,
	],
	'two GSSENCRequests': [
		{ tls: POSTGRES },
		[EARLY, bytes(GSS_REQUEST), EARLY, bytes(GSS_REQUEST)],
		'not-tls',
		/a second GSSENCRequest/,
	],
};

for (const [name, [listener, events, outcome, detail]] of Object.entries(ENDINGS)) {
	t.test(`${name}: ${outcome}`, async (t) => {
		const b = bench({ listeners: [listener] });
		const s = b.open();
		s.send(ACCEPTED);
		for (const event of events) event === 'wait' ? s.expire() : s.send(event);
		t.equal(s.session.currentState, 'closing');
		s.send(CLOSED);
		t.equal(b.records[0]?.outcome, outcome);
		if (detail === null) t.equal(b.records[0]?.detail, null);
		else t.match(b.records[0]?.detail, detail);
		t.equal(b.records[0]?.attempts, 0, 'no backend was bothered');
		t.equal(b.board.total, 0, 'everything is given back');
	});
}

t.test('a FIN that came before it was asked: what was sent is all there is', async (t) => {
	const hello = clientHello({});
	const cases: [name: string, sent: Uint8Array, words: string[], outcome: string | null][] = [
		['nothing', new Uint8Array(0), ['close fin'], 'client-left'],
		['half a hello', hello.subarray(0, 20), ['peek', 'close fin'], 'client-hello-invalid'],
		['a hello', hello, ['peek', 'connect pool0-b0'], null],
	];
	for (const [name, sent, words, outcome] of cases) {
		const b = bench({ listeners: [{ tls: PASSTHROUGH, maxConnections: 1, overflow: 'wait' }] });
		const other = b.open();
		other.send(ACCEPTED);
		const { client } = arriving(b);
		if (sent.length > 0) client.send(sent);
		t.same(client.tell(eof('client')), [], 'it waits for room at the listener');
		other.send(SHUTDOWN);
		other.send(CLOSED);
		t.same(client.expire(), words, name);
		t.equal(b.records[1]?.outcome ?? null, outcome, name);
		if (outcome !== null) continue;
		t.same(client.tell({ type: 'connected' }), ['relay', 'shutdown backend'], 'and the FIN is passed on');
	}
	const b = bench({ listeners: [{ tls: POSTGRES, maxConnections: 1, overflow: 'wait' }] });
	const other = b.open();
	other.send(ACCEPTED);
	const { client } = arriving(b);
	client.send(POSTGRES_SSL_REQUEST);
	client.tell(eof('client'));
	other.send(SHUTDOWN);
	other.send(CLOSED);
	t.same(client.expire(), ['peek', 'consume', 'reply', 'close fin'], 'it asked for TLS, and no hello can follow');
});

t.test('PostgreSQL: GSSENCRequest is declined, SSLRequest accepted, together or apart', async (t) => {
	const b = bench({ listeners: [{ tls: POSTGRES }] });
	const hello = clientHello({ serverName: 'db.example' });
	for (const pieces of [
		[GSS_REQUEST, POSTGRES_SSL_REQUEST],
		[[...GSS_REQUEST, ...POSTGRES_SSL_REQUEST]],
		[...GSS_REQUEST, ...POSTGRES_SSL_REQUEST].map((byte) => [byte]),
	]) {
		const { client } = arriving(b);
		const words = pieces.flatMap((piece) => client.send(piece));
		t.same(
			words.filter((word) => word !== 'peek'),
			['consume', 'reply', 'consume', 'reply'],
		);
		t.same(client.answers, [NO, YES]);
		t.same(client.send(hello), ['connect pool0-b0']);
	}
	const direct = arriving(b);
	t.same(direct.client.send(clientHello({ alpn: ['x', 'postgresql'] })), ['connect pool0-b0']);
	t.same(direct.client.answers, [], 'who begins with TLS is answered by TLS alone');
});
