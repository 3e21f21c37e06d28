import type { Socket } from 'node:net';
import t from 'tap';
import type { ScriptStep } from '../../../src/core/snapshot.ts';
import { certificateAuthority } from '../../support/certificates.ts';
import { startBackend } from '../../support/echo.ts';
import { peerOf, until } from '../../support/peers.ts';
import { bad, GOOD, prober } from '../../support/probing.ts';
import { RedisServer } from '../../support/redis.ts';
import { startTlsBackend, upstreamTls } from '../../support/tls.ts';

const script = (...steps: ScriptStep[]) => ({ probe: { type: 'script', steps } }) as const;
const PING: ScriptStep[] = [{ send: 'PING\r\n' }, { expect: '+PONG' }];

/** Answers the first bytes that come with these, one piece after the other, and ends after the last where told. */
const answering =
	(pieces: readonly string[], end: boolean) =>
	(socket: Socket): void => {
		socket.once('data', async () => {
			for (const piece of pieces) {
				socket.write(piece, 'latin1');
				await new Promise((resolve) => setTimeout(resolve, 5));
			}
			if (end) socket.end();
		});
	};

t.test('a conversation that goes as expected is good, in whatever pieces it comes', async (t) => {
	const { run } = prober(t);
	const cases: [pieces: string[], steps: ScriptStep[]][] = [
		[['+PONG\r\n'], PING],
		[['+', 'PO', 'NG'], PING],
		[['much before ', 'it +PO', 'NG and more'], PING],
		[['one two'], [{ send: '?' }, { expect: 'one' }, { expect: 'two' }]],
		[
			['ab', 'ab'],
			[{ send: '?' }, { expect: 'ab' }, { send: '!' }, { expect: 'ab' }],
		],
		[['\xff\x00'], [{ send: '\x80' }, { expect: '\xff\x00' }]],
		[
			['x'.repeat(60_000), 'yz'],
			[{ send: '?' }, { expect: 'yz' }],
		],
		[['x'], [{ send: '?' }]],
	];
	for (const [pieces, steps] of cases) {
		const { address } = await startBackend(t, { onClient: answering(pieces, false) });
		t.strictSame(await run(address, script(...steps)), GOOD, pieces.join('|').slice(-40));
	}
});

t.test('server first', async (t) => {
	const { run } = prober(t);
	const onClient = (socket: Socket): void => {
		socket.write('220 mail\r\n');
		socket.once('data', (said) => socket.write(said.toString() === 'EHLO a\r\n' ? '250 ok\r\n' : '500\r\n'));
	};
	const { address } = await startBackend(t, { onClient });
	t.strictSame(await run(address, script({ expect: '220' }, { send: 'EHLO a\r\n' }, { expect: '250' })), GOOD);
});

t.test('what came instead is told, shortened, escaped, and without what was sent', async (t) => {
	const { run } = prober(t);
	const auth: ScriptStep[] = [{ send: 'AUTH "hunter22"\r\n' }, { expect: '+OK' }];
	const cases: [pieces: string[], steps: ScriptStep[], reason: string][] = [
		[['-ERR no\r\n'], PING, String.raw`expected "+PONG", got "-ERR no\r\n" before it closed`],
		[[], PING, 'expected "+PONG", got nothing before it closed'],
		[['one'], [{ send: '?' }, { expect: 'one' }, { expect: 'one' }], 'expected "one", got nothing before it closed'],
		[['\x00"\x9f'], PING, String.raw`expected "+PONG", got "\x00\"\x9f" before it closed`],
		[['e'.repeat(100)], PING, `expected "+PONG", got "${'e'.repeat(60)}..." before it closed`],
		[
			["-ERR unknown command 'AUTH', with args: 'hunter22'"],
			auth,
			`expected "+OK", got "-ERR unknown command '***', with args: '***'" before it closed`,
		],
	];
	for (const [pieces, steps, reason] of cases) {
		const { address } = await startBackend(t, { onClient: answering(pieces, true) });
		t.strictSame(await run(address, script(...steps)), bad(reason), reason);
	}
});

t.test('time, a RST and too many bytes end it', async (t) => {
	const { run } = prober(t);
	const cases: [onClient: (socket: Socket) => void, timeoutMs: number, reason: string][] = [
		[(socket) => socket.write('-LOADING'), 300, 'expected "+PONG", got "-LOADING" within 300 ms'],
		[() => {}, 300, 'expected "+PONG", got nothing within 300 ms'],
		[
			(socket) => socket.once('data', () => socket.resetAndDestroy()),
			10_000,
			'expected "+PONG", got nothing before it failed: read ECONNRESET',
		],
		[
			(socket) => socket.write('y'.repeat(200_000)),
			10_000,
			`expected "+PONG", got "${'y'.repeat(60)}..." in 65536 bytes`,
		],
	];
	for (const [onClient, timeoutMs, reason] of cases) {
		const { address } = await startBackend(t, { onClient });
		t.strictSame(await run(address, { ...script(...PING), timeoutMs }), bad(reason), reason);
	}
});

t.test('good or bad, it ends with a FIN, whatever the backend still says', async (t) => {
	const { probes, run } = prober(t);
	for (const said of ['+PONG', '-ERR']) {
		const onClient = (socket: Socket): void => void socket.write(said);
		const backend = await startBackend(t, { onClient });
		await run(backend.address, { ...script(...PING), timeoutMs: 500 });
		const socket = await backend.accepted();
		const peer = peerOf(socket);
		t.equal(await peer.ending(), 'fin', said);
		t.equal(probes.sockets, 1, 'it reads on until the backend ends');
		peer.send('late');
		peer.fin();
		await until('the probe has gone', () => probes.sockets === 0, 900);
	}
});

t.test('under TLS where the pool has it', async (t) => {
	const { run } = prober(t);
	const ca = certificateAuthority(t);
	const backend = await startTlsBackend(t, { ...ca.issue(['127.0.0.1']) });
	const probed = run(backend.address, { ...script(...PING), tls: upstreamTls({ ca: ca.cert }) });
	const peer = await backend.accepted();
	t.equal(await peer.heard(6), 'PING\r\n');
	peer.send('+PONG\r\n');
	t.strictSame(await probed, GOOD);
	t.equal(await peer.ending(), 'fin');
});

t.test('Redis', async (t) => {
	const { run } = prober(t);
	const { address } = await RedisServer.start(t, '127.0.0.1');
	t.strictSame(await run(address, script(...PING)), GOOD);
	const denied = await run(address, { ...script({ send: 'AUTH sesame\r\n' }, { expect: '+OK' }), timeoutMs: 300 });
	t.match(denied, {
		type: 'bad',
		reason: /^expected "\+OK", got "-ERR \*\*\*<password> called without .*\.\.\." within 300 ms$/,
	});
});
