import t from 'tap';
import { echo, startBackend } from '../../support/echo.ts';
import { refusingAddress } from '../../support/net-ports.ts';
import { acceptOne, OPEN_GATES, placeAt } from '../../support/node-connection.ts';
import { pass, peerOf } from '../../support/peers.ts';

t.test('a greeting is answered with what the backend says first, which nobody else gets', async (t) => {
	const backend = await startBackend(t);
	const { connection, client, next } = await acceptOne(t);
	const { pool, backend: to } = placeAt(backend);
	connection.connect(pool, to, null);
	const server = peerOf(await backend.accepted());
	await next('connected');
	connection.greet(Buffer.from('hello?'));
	t.equal(await server.heard(6), 'hello?');
	server.send('S');
	t.equal(`${(await next('greeted')).bytes}`, 'S');
	connection.relay(OPEN_GATES);
	server.send('all yours');
	t.equal(await client.heard(9), 'all yours');
	t.match(connection.meter, { uploadBytes: 0, downloadBytes: 9 });
});

t.test('what a backend says in one go is one answer', async (t) => {
	const backend = await startBackend(t, { onClient: (socket) => socket.write('Sinjected') });
	const { connection, next } = await acceptOne(t);
	const { pool, backend: to } = placeAt(backend);
	connection.connect(pool, to, null);
	await next('connected');
	await pass(20);
	connection.greet(Buffer.from('x'));
	t.equal(`${(await next('greeted')).bytes}`, 'Sinjected');
});

t.test('a backend that closes or resets instead of an answer has refused', async (t) => {
	for (const how of ['fin', 'reset'] as const) {
		const backend = await startBackend(t, { onClient: (socket) => socket.resume() });
		const { connection, next, types } = await acceptOne(t);
		const { pool, backend: to } = placeAt(backend);
		connection.connect(pool, to, null);
		await next('connected');
		connection.greet(Buffer.from('x'));
		const server = await backend.accepted();
		if (how === 'fin') server.end();
		else server.resetAndDestroy();
		const { reason } = await next('upstream-tls-failed');
		t.match(reason, how === 'fin' ? /closed/ : /ECONNRESET/);
		await pass(20);
		t.same(types(), ['connected', 'upstream-tls-failed'], 'told once');
		connection.connect(pool, placeAt(await startBackend(t, { onClient: echo })).backend, null);
		await next('connected');
	}
});

t.test('an upstream that is given up is gone without a word, in every phase', async (t) => {
	const backend = await startBackend(t);
	for (const phase of ['connecting', 'connected', 'greeting'] as const) {
		const { connection, next, types } = await acceptOne(t);
		const { pool, backend: to } = placeAt(backend);
		connection.connect(pool, to, null);
		if (phase !== 'connecting') await next('connected');
		if (phase === 'greeting') connection.greet(Buffer.from('x'));
		connection.cancelConnect();
		await pass(20);
		t.same(types(), phase === 'connecting' ? [] : ['connected'], phase);
	}
});

t.test('a connect that fails is told with the code', async (t) => {
	const { connection, next } = await acceptOne(t);
	const { pool, backend } = placeAt({ address: await refusingAddress() });
	connection.connect(pool, backend, Buffer.from('preface'));
	t.match(await next('connect-failed'), { cause: 'refused', code: 'ECONNREFUSED' });
});
