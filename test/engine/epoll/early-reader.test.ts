import t from 'tap';
import type { SessionAction } from '../../../src/core/session-io.ts';
import { startBackend } from '../../support/echo.ts';
import { createEpollInProcess } from '../../support/epoll-in-process.ts';
import { socketFolder } from '../../support/net-ports.ts';
import { digestOf, pass, patternOf, peerOf, until } from '../../support/peers.ts';
import { connectTo, consume, peek, relayBy, scripted } from '../../support/scripted.ts';
import { TestGate } from '../../support/test-gate.ts';

const KIND = createEpollInProcess;

t.test('a peek is answered once, with all that is held, when more than it asks for is there', async (t) => {
	const { client, session, ask } = await scripted(t, KIND, { answer: firstPeek() });
	client.send('abc');
	await session.next('early-bytes');
	t.equal(await session.bytes(), 'abc');
	ask(peek(3));
	client.send('def');
	t.equal(await session.bytes(), 'abcdef');
	ask(peek(2));
	t.equal(await session.bytes(), 'abcdef', 'at once, when it is there already');
	client.send('g');
	await pass(30);
	t.same(session.types, ['accepted', 'early-bytes', 'bytes', 'bytes', 'bytes'], 'not again without another peek');
	ask(peek(6));
	t.equal(await session.bytes(), 'abcdefg', 'what came meanwhile has waited');
});

t.test('what is consumed is gone, and the first byte after that is told again', async (t) => {
	const { client, session, ask, log } = await scripted(t, KIND, {
		answer: ({ type }) => {
			if (type === 'accepted') return [peek()];
			return type === 'bytes' && session.types.length === 2 ? [consume(8), peek()] : [];
		},
	});
	client.send('12345678rest');
	await session.next('early-bytes');
	t.equal(await session.bytes(), '12345678rest');
	t.equal(await session.bytes(), 'rest', 'asked for in the same step');
	ask(consume(4));
	client.send('more');
	await session.next('early-bytes');
	ask(peek());
	t.equal(await session.bytes(), 'more');
	ask(consume(5));
	await session.next('kill');
	t.match(log, [{ level: 'error', fields: { error: /5 bytes consumed of 4/ } }], 'nobody takes what is not there');
});

t.test('what the kernel still has after all was consumed is told of, byte or FIN', async (t) => {
	const { client, session } = await scripted(t, KIND, {
		answer: ({ type }) => {
			if (type === 'accepted') return [peek(0, 8)];
			return type === 'bytes' ? [consume(8)] : [];
		},
	});
	client.send('12345678rest');
	for (const type of ['early-bytes', 'bytes', 'early-bytes'] as const) await session.next(type);

	const second = await scripted(t, KIND, {
		answer: ({ type }) => {
			if (type === 'accepted') return [peek(0, 8)];
			return type === 'bytes' ? [consume(8)] : [];
		},
	});
	second.client.send('12345678');
	second.client.fin();
	for (const type of ['early-bytes', 'bytes', 'eof'] as const) await second.session.next(type);
});

t.test('no more is read than a peek lets; the rest waits in the kernel and then goes its way', async (t) => {
	const backend = await startBackend(t);
	const { client, session, ask } = await scripted(t, KIND, { answer: firstPeek(3_999, 4_000) });
	const sent = patternOf(3_000_000);
	client.send(sent);
	await session.next('early-bytes');
	t.equal(await session.bytes(), sent.subarray(0, 4_000).toString('latin1'));
	ask(peek(0, 4_000));
	t.equal((await session.bytes()).length, 4_000, 'nor without one');
	ask(peek(4_000, 4_000));
	t.equal((await session.bytes()).length, 4_001, 'one more than it has seen can always be seen');
	ask(peek(80_000, 81_920));
	const seen = await session.bytes();
	t.ok(seen.length > 80_000 && seen.length <= 81_920, `${seen.length} bytes`);
	t.equal(seen, sent.subarray(0, seen.length).toString('latin1'));
	ask(consume(seen.length - 5), connectTo(backend.address));
	await session.next('connected');
	ask(relayBy());
	const server = peerOf(await backend.accepted());
	const rest = sent.subarray(seen.length - 5);
	await server.heard(rest.length);
	t.equal(server.digest, digestOf(rest));
	t.equal(session.meter.uploadBytes, rest.length);
});

t.test('a byte at a time', async (t) => {
	const { client, session } = await scripted(t, KIND, {
		answer: (event) => {
			if (event.type === 'accepted') return [peek()];
			return event.type === 'bytes' ? [peek(event.bytes.length)] : [];
		},
	});
	const text = 'slow and steady';
	client.send(text.slice(0, 1));
	await session.next('early-bytes');
	for (let sent = 1; sent <= text.length; sent++) {
		t.equal(await session.bytes(), text.slice(0, sent));
		client.send(text.slice(sent, sent + 1));
	}
});

t.test('a FIN is told while a peek waits, and behind what was seen', async (t) => {
	const { client, session, ask } = await scripted(t, KIND, { answer: firstPeek(100) });
	client.send('short');
	client.fin();
	await session.next('early-bytes');
	t.equal((await session.next('eof')).side, 'client');
	ask(peek(4));
	t.equal(await session.bytes(), 'short', 'what came before is still there');
	await pass(20);
	t.same(session.types, ['accepted', 'early-bytes', 'eof', 'bytes'], 'it is told once');

	const right = await scripted(t, KIND, { answer: firstPeek() });
	right.client.send('hello');
	right.client.fin();
	await right.session.next('early-bytes');
	t.equal(await right.session.bytes(), 'hello');
	await right.session.next('eof');
	const silent = await scripted(t, KIND, { answer: firstPeek() });
	silent.client.fin();
	await silent.session.next('eof');
});

t.test('a RST is told while a peek waits, and after it', async (t) => {
	const before = await scripted(t, KIND, { answer: firstPeek(100) });
	before.client.send('short');
	await before.session.next('early-bytes');
	before.client.reset();
	t.equal((await before.session.next('reset')).side, 'client');
	const after = await scripted(t, KIND, { answer: firstPeek() });
	after.client.send('hello');
	await after.session.next('early-bytes');
	await after.session.next('bytes');
	after.client.reset();
	t.equal((await after.session.next('reset')).side, 'client');
	after.ask({ type: 'close', manner: 'reset' });
	await after.session.next('closed');
});

t.test('bytes that came before the peek are read with it', async (t) => {
	const { client, session, ask } = await scripted(t, KIND);
	client.send('abc');
	await session.next('early-bytes');
	ask(peek());
	t.equal(await session.bytes(), 'abc');
});

t.test('what was held goes first, through the gate, and the FIN behind all of it', async (t) => {
	const backend = await startBackend(t);
	const { client, session, ask } = await scripted(t, KIND, { answer: firstPeek(10) });
	client.send('for us|for them');
	client.fin();
	await session.next('early-bytes');
	await session.next('bytes');
	await session.next('eof');
	const gate = new TestGate(3);
	ask(consume(7), connectTo(backend.address, 'PROXY\r\n'));
	const server = peerOf(await backend.accepted());
	await session.next('connected');
	t.equal(await server.heard(7), 'PROXY\r\n');
	t.equal(session.meter.uploadBytes, 0, 'a header counts nowhere');
	ask(relayBy(gate), { type: 'shutdown', side: 'backend' });
	t.equal(await server.heard(10), 'PROXY\r\nfor');
	await pass(20);
	t.equal(server.ended, null);
	t.equal(session.meter.uploadBytes, 3);
	t.ok(session.meter.throttledSinceNs > 0, 'it is held back');
	gate.left = 100;
	t.equal(await server.ending(), 'fin');
	t.equal(server.text, 'PROXY\r\nfor them');
	t.equal(session.meter.uploadBytes, 8);
	t.equal(gate.passed, 8);
	t.equal(session.meter.throttledSinceNs, 0);
});

t.test('what was held is more than the backend takes at once: nothing is lost, nor read before it', async (t) => {
	const backend = await startBackend(t, { onClient: (socket) => socket.pause() });
	const { client, session, ask } = await scripted(t, KIND, { answer: firstPeek(7_999_999, 8_000_000) });
	const sent = patternOf(9_000_000);
	client.send(sent);
	await session.next('early-bytes');
	await session.next('bytes');
	const upload = new TestGate();
	ask(connectTo(backend.address));
	await session.next('connected');
	ask(relayBy(upload));
	await until('the backend is full', () => upload.passed > 100_000);
	await pass(50);
	t.ok(upload.passed < 8_000_000, `${upload.passed} bytes have passed`);
	const server = peerOf(await backend.accepted());
	await server.heard(sent.length);
	t.equal(server.digest, digestOf(sent));
});

t.test(
	'a RST of the client while the gate holds back what was held: that is offered for as long as there is time',
	async (t) => {
		const backend = await startBackend(t);
		const { client, session, ask } = await scripted(t, KIND, { answer: firstPeek() });
		client.send('held back');
		await session.next('early-bytes');
		await session.next('bytes');
		const gate = new TestGate(4);
		ask(connectTo(backend.address));
		await session.next('connected');
		ask(relayBy(gate));
		const server = peerOf(await backend.accepted());
		await server.heard(4);
		client.reset();
		await session.next('reset');
		ask({ type: 'flush', side: 'backend' });
		await pass(20);
		t.equal(session.types.at(-1), 'reset');
		gate.left = 100;
		await session.next('flushed');
		t.equal(await server.heard(9), 'held back');
		ask({ type: 'close', manner: 'reset' });
		t.equal(await server.ending(), 'reset');
	},
);

t.test('at the close nobody waits for what the gate holds back', async (t) => {
	const backend = await startBackend(t);
	const { client, session, ask } = await scripted(t, KIND, { answer: firstPeek() });
	client.send('held back');
	await session.next('early-bytes');
	await session.next('bytes');
	ask(connectTo(backend.address));
	await session.next('connected');
	ask(relayBy(new TestGate(4)));
	const server = peerOf(await backend.accepted());
	await server.heard(4);
	ask({ type: 'close', manner: 'fin' });
	const began = performance.now();
	t.equal(await server.ending(), 'fin');
	t.ok(performance.now() - began < 2_000);
	t.equal(server.text, 'held');
	server.fin();
	await session.next('closed');
});

t.test('a session may end from inside each step', async (t) => {
	for (const last of ['early-bytes', 'bytes', 'eof'] as const) {
		const { client, session } = await scripted(t, KIND, {
			answer: ({ type }): SessionAction[] => {
				if (type === 'accepted') return [peek()];
				return type === last ? [{ type: 'close', manner: 'fin' }] : [];
			},
		});
		client.send('x');
		client.fin();
		t.equal(await client.ending(), 'fin');
		await until('closed', () => session.over);
		t.equal(session.types.indexOf(last), session.types.length - 2, `nothing after ${last}`);
	}
});

t.test('a reply reaches the client and counts nowhere; to a client that is gone it is a reset', async (t) => {
	const { client, session, ask } = await scripted(t, KIND);
	ask({ type: 'reply', bytes: Buffer.from('S') });
	t.equal(await client.heard(1), 'S');
	t.equal(session.meter.downloadBytes, 0);
	const gone = await scripted(t, KIND);
	gone.client.reset();
	await gone.session.next('reset');
	gone.ask({ type: 'reply', bytes: Buffer.from('S') });
	await pass(10);
	t.same(gone.session.types, ['accepted', 'reset'], 'it is told once');
});

t.test('where a client connected to is looked up for those who ask', async (t) => {
	const dialled = { from: '127.0.0.3' };
	const asks = await scripted(t, KIND, {
		listener: { needsLocal: true },
		bind: { type: 'tcp', host: '0.0.0.0', port: 0 },
		dial: dialled,
	});
	const { local, peer } = asks.session.facts;
	t.match(local, { address: { a: 0, b: 0, c: 0xffff, d: 0x7f000001 } }, 'never the wildcard');
	t.match(peer, { address: { d: 0x7f000003 } });
	t.equal(local?.port, asks.client.socket.remotePort);
	const mapped = await scripted(t, KIND, {
		listener: { needsLocal: true },
		bind: { type: 'tcp', host: '::', port: 0 },
	});
	t.match(mapped.session.facts.local, { address: { a: 0, b: 0, c: 0xffff, d: 0x7f000001 } });
	t.equal((await scripted(t, KIND)).session.facts.local, null, 'nobody asks');
	const path = socketFolder(t)('in');
	const unix = await scripted(t, KIND, { listener: { needsLocal: true }, bind: { type: 'unix', path } });
	t.equal(unix.session.facts.local, null);
});

/** Peeks when it is accepted. */
function firstPeek(beyond = 0, atMost = 65_536) {
	return ({ type }: { readonly type: string }): SessionAction[] => (type === 'accepted' ? [peek(beyond, atMost)] : []);
}
