import t from 'tap';
import { startBackend } from '../../support/echo.ts';
import { acceptOne, OPEN_GATES, placeAt } from '../../support/node-connection.ts';
import { pass, patternOf, peerOf, until } from '../../support/peers.ts';

const AT_MOST = 4_096;

t.test('a peek is answered once, with all that is held, when more than it asks for is there', async (t) => {
	const { connection, client, next, types } = await acceptOne(t);
	connection.peek(0, AT_MOST);
	client.send('abc');
	t.equal(`${(await next('bytes')).bytes}`, 'abc');
	client.send('def');
	connection.peek(3, AT_MOST);
	t.equal(`${(await next('bytes')).bytes}`, 'abcdef');
	connection.peek(2, AT_MOST);
	t.equal(`${(await next('bytes')).bytes}`, 'abcdef', 'at once, when it is there already');
	client.send('g');
	await pass(30);
	t.same(types(), ['early-bytes', 'bytes', 'bytes', 'bytes'], 'not again without another peek');
});

t.test('what is consumed is gone, and the first byte after that is told again', async (t) => {
	const it = await acceptOne(t);
	it.connection.peek(0, AT_MOST);
	it.client.send('12345678rest');
	await it.next('bytes');
	it.connection.consume(8);
	it.connection.peek(0, AT_MOST);
	t.equal(`${(await it.next('bytes')).bytes}`, 'rest');
	it.connection.consume(4);
	it.client.send('more');
	await it.next('early-bytes');
	await it.next('early-bytes');
	it.connection.peek(0, AT_MOST);
	t.equal(`${(await it.next('bytes')).bytes}`, 'more');
	t.throws(() => it.connection.consume(5), RangeError, 'nobody takes what is not there');
});

t.test('no more is read than a peek lets, and on with the next one', async (t) => {
	const { connection, client, next } = await acceptOne(t);
	const sent = patternOf(3_000_000);
	connection.peek(AT_MOST - 1, AT_MOST);
	client.send(sent);
	let seen = (await next('bytes')).bytes;
	t.ok(seen.length >= AT_MOST && seen.length <= AT_MOST + 65_536, `${seen.length} bytes`);
	await pass(30);
	connection.peek(0, AT_MOST);
	t.ok((await next('bytes')).bytes.length <= 131_072, 'nor without one');
	while (seen.length < 1_000_000) {
		connection.peek(seen.length, seen.length + 100_000);
		seen = (await next('bytes')).bytes;
		t.ok(sent.subarray(0, seen.length).equals(seen));
	}
	connection.consume(seen.length);
	connection.peek(0, AT_MOST);
	const rest = (await next('bytes')).bytes;
	t.ok(sent.subarray(seen.length, seen.length + rest.length).equals(rest), 'nothing is lost in between');
});

t.test('without a peek it is read on into 64 KiB, to see its end', async (t) => {
	const { client, next } = await acceptOne(t);
	client.send(patternOf(60_000));
	client.fin();
	t.equal((await next('eof')).side, 'client');
});

t.test('a FIN is told while a peek waits', async (t) => {
	const { connection, client, next, types } = await acceptOne(t);
	connection.peek(100, AT_MOST);
	client.send('short');
	client.fin();
	await next('eof');
	t.same(types(), ['early-bytes', 'eof']);
	connection.peek(4, AT_MOST);
	t.equal(`${(await next('bytes')).bytes}`, 'short', 'what came before is still there');
});

t.test('a RST is told while a peek waits', async (t) => {
	const { connection, client, next } = await acceptOne(t);
	connection.peek(100, AT_MOST);
	client.reset();
	t.equal((await next('reset')).side, 'client');
});

t.test('a reply goes to the client, and counts nowhere', async (t) => {
	const { connection, client } = await acceptOne(t);
	connection.reply(Buffer.from('S'));
	t.equal(await client.heard(1), 'S');
	t.equal(connection.meter.downloadBytes, 0);
});

t.test('the preface comes first and counts nowhere; what was held counts, less what was consumed', async (t) => {
	const backend = await startBackend(t);
	const { connection, client, next } = await acceptOne(t);
	connection.peek(11, AT_MOST);
	client.send('for us for them');
	await next('bytes');
	connection.consume(7);
	const { pool, backend: to } = placeAt(backend);
	connection.connect(pool, to, Buffer.from('PROXY ...\r\n'));
	const server = peerOf(await backend.accepted());
	await next('connected');
	t.equal(await server.heard(11), 'PROXY ...\r\n');
	t.equal(connection.meter.uploadBytes, 0);
	connection.relay(OPEN_GATES);
	t.equal(await server.heard(19), 'PROXY ...\r\nfor them');
	t.equal(connection.meter.uploadBytes, 8);
	client.send(', later');
	t.equal(await server.heard(26), 'PROXY ...\r\nfor them, later');
});

t.test('a session that closes from inside a step leaves the client alone', async (t) => {
	const it = await acceptOne(t);
	it.onEvent = ({ type }) => {
		if (type === 'early-bytes') it.connection.close('fin');
	};
	it.connection.peek(0, AT_MOST);
	it.client.send('x');
	t.equal(await it.client.ending(), 'fin');
	it.client.fin();
	await until('closed', () => it.types().includes('closed'));
	t.same(it.types(), ['early-bytes', 'closed']);
});
