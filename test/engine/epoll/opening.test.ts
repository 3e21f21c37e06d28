import t from 'tap';
import type { SessionAction } from '../../../src/core/session-io.ts';
import { echo, startBackend } from '../../support/echo.ts';
import { createEpollInProcess } from '../../support/epoll-in-process.ts';
import { refusingAddress, socketFolder } from '../../support/net-ports.ts';
import { pass, patternOf, peerOf, until } from '../../support/peers.ts';
import { connectTo, greeting, peek, relayBy, scripted } from '../../support/scripted.ts';

const KIND = createEpollInProcess;
const HEADER = 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n';

t.test('a header is out before the connect is told, to a unix-domain socket too', async (t) => {
	for (const options of [{}, { path: socketFolder(t)('out') }]) {
		const backend = await startBackend(t, options);
		const { client, session, ask } = await scripted(t, KIND);
		ask(connectTo(backend.address, HEADER));
		await session.next('connected');
		const server = peerOf(await backend.accepted());
		t.equal(await server.heard(HEADER.length), HEADER, 'nobody has to ask for it');
		ask(relayBy());
		client.send('hi');
		t.equal(await server.heard(HEADER.length + 2), `${HEADER}hi`);
		t.match(session.meter, { uploadBytes: 2, downloadBytes: 0 });
	}
});

t.test('a header that does not go out at once is a connect that lasts', async (t) => {
	const header = patternOf(9_000_000).toString('latin1');
	for (const options of [{}, { path: socketFolder(t)('out') }]) {
		const backend = await startBackend(t, { ...options, onClient: (socket) => socket.pause() });
		const { session, ask } = await scripted(t, KIND);
		ask(connectTo(backend.address, header));
		const server = await backend.accepted();
		await pass(30);
		t.same(session.types, ['accepted']);
		const peer = peerOf(server);
		await session.next('connected');
		t.equal((await peer.heard(header.length)) === header, true);
		t.equal(session.meter.uploadBytes, 0);
	}
});

t.test('a connect that fails is told once, and another may begin', async (t) => {
	const backend = await startBackend(t);
	const { session, ask } = await scripted(t, KIND);
	for (const address of [await refusingAddress(), `unix:${socketFolder(t)('none')}`]) {
		ask(connectTo(address, HEADER));
		await session.next('connect-failed');
	}
	ask(connectTo(backend.address, HEADER));
	await session.next('connected');
	t.equal(await peerOf(await backend.accepted()).heard(HEADER.length), HEADER);
});

t.test('a backend that resets before the whole header is out has begun: that is a reset', async (t) => {
	const backend = await startBackend(t, { onClient: (socket) => socket.pause() });
	const { session, ask } = await scripted(t, KIND, {
		answer: ({ type }) => (type === 'connected' ? [relayBy()] : []),
	});
	ask(connectTo(backend.address, patternOf(9_000_000).toString('latin1')));
	const server = await backend.accepted();
	await pass(30);
	server.resetAndDestroy();
	await session.next('connected');
	t.equal((await session.next('reset')).side, 'backend');
	await pass(20);
	t.same(session.types, ['accepted', 'connected', 'reset'], 'told once');
});

t.test('a greeting is answered with what the backend says first, which nobody else gets', async (t) => {
	const backend = await startBackend(t);
	const { client, session, ask } = await scripted(t, KIND, {
		answer: ({ type }): SessionAction[] => {
			if (type === 'connected') return [greeting('hello?')];
			return type === 'greeted' ? [relayBy()] : [];
		},
	});
	ask(connectTo(backend.address, HEADER));
	await session.next('connected');
	const server = peerOf(await backend.accepted());
	t.equal(await server.heard(HEADER.length + 6), `${HEADER}hello?`);
	server.send('S');
	t.equal(textOf((await session.next('greeted')).bytes), 'S');
	server.send('all yours');
	t.equal(await client.heard(9), 'all yours');
	t.match(session.meter, { uploadBytes: 0, downloadBytes: 9 });
});

t.test('no more than a few bytes are read of an answer; the rest is the relay', async (t) => {
	for (const [said, answer, rest] of [
		['0123456789abcdefghij', '0123456789abcdef', 'ghij'],
		['0123456789abcdef', '0123456789abcdef', ''],
		['Sinjected', 'Sinjected', ''],
	] as const) {
		const backend = await startBackend(t, { onClient: (socket) => socket.end(said) });
		const { client, session, ask } = await scripted(t, KIND);
		ask(connectTo(backend.address));
		await session.next('connected');
		await pass(20);
		ask(greeting('x'));
		t.equal(textOf((await session.next('greeted')).bytes), answer, 'it may have spoken before');
		ask(relayBy(), { type: 'shutdown', side: 'client' });
		await client.ending();
		t.equal(client.text, rest);
	}
});

t.test('a backend that closes or resets instead of an answer has refused, and its socket is closed', async (t) => {
	for (const how of ['fin', 'reset', 'before'] as const) {
		const backend = await startBackend(t, { onClient: (socket) => socket.resume() });
		const { session, ask } = await scripted(t, KIND);
		ask(connectTo(backend.address));
		await session.next('connected');
		const server = await backend.accepted();
		if (how !== 'before') ask(greeting('x'));
		if (how === 'fin') server.end();
		else server.resetAndDestroy();
		await pass(20);
		if (how === 'before') ask(greeting('x'));
		const { reason } = await session.next('upstream-tls-failed');
		t.match(reason, how === 'fin' ? /closed/ : /ECONNRESET|EPIPE/);
		await pass(20);
		t.same(session.types, ['accepted', 'connected', 'upstream-tls-failed'], 'told once');
		await until('closed', () => backend.sockets.size === 0);
		ask(connectTo((await startBackend(t, { onClient: echo })).address));
		await session.next('connected');
	}
});

t.test('an upstream that is given up is gone without a word, in every phase', async (t) => {
	const header = patternOf(9_000_000).toString('latin1');
	for (const phase of ['connecting', 'header', 'connected', 'greeting'] as const) {
		const backend = await startBackend(t, { onClient: (socket) => socket.pause() });
		const { session, ask } = await scripted(t, KIND);
		const connect = connectTo(backend.address, phase === 'header' ? header : null);
		const cancel = { type: 'cancel-connect' } as const;
		if (phase === 'connecting') ask(connectTo('192.0.2.1:9'));
		else ask(connect);
		if (phase === 'header') await backend.accepted();
		else if (phase !== 'connecting') await session.next('connected');
		if (phase === 'greeting') ask(greeting('x'));
		ask(cancel);
		if (phase !== 'connecting') (await backend.accepted()).resume();
		await pass(20);
		t.same(session.types.slice(1), phase === 'connecting' || phase === 'header' ? [] : ['connected'], phase);
		await until('closed', () => [...backend.sockets].every((socket) => socket.readableEnded || socket.destroyed));
		ask({ type: 'close', manner: 'reset' });
		await session.next('closed');
	}
});

t.test('a greeting and what was held of the client do not get mixed up', async (t) => {
	const backend = await startBackend(t);
	const { client, session, ask } = await scripted(t, KIND, {
		answer: ({ type }): SessionAction[] => {
			if (type === 'accepted') return [peek()];
			if (type === 'bytes') return [{ type: 'consume', bytes: 3 }, { type: 'reply', bytes: Buffer.from('N') }, greet];
			return type === 'greeted' ? [relayBy()] : [];
		},
	});
	const greet = connectTo(backend.address, 'header ');
	client.send('eh?hello');
	for (const type of ['early-bytes', 'bytes', 'connected'] as const) await session.next(type);
	ask(greeting('question '));
	const server = peerOf(await backend.accepted());
	await server.heard(16);
	server.send('S');
	t.equal(await server.heard(21), 'header question hello');
	t.equal(client.text, 'N');
});

t.test('TLS is refused by name, and the session ends alone', async (t) => {
	const tls = {} as never;
	for (const action of [
		{ type: 'handshake', tls, serverName: null },
		{ type: 'secure', tls, serverName: null, alpn: [] },
	] as const) {
		const { session, ask, log } = await scripted(t, KIND);
		ask(action);
		t.equal((await session.next('kill')).outcome, 'internal-error');
		t.match(log, [{ level: 'error', fields: { error: /node engine/ } }]);
	}
});

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
