import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { READ, started, TOKENS, WRITE } from '../../support/admin-server.ts';
import { type Asked, bearer } from '../../support/asking.ts';
import { certificateAuthority } from '../../support/certificates.ts';

const RATES = { rates: { all: 10, costly: 3 } };

test('what is refused counts, whatever it is refused for: a flood of it is answered 429', async (t) => {
	const { ask } = await started(t, { tokens: TOKENS }, {}, RATES);
	const headers = bearer(WRITE);
	const text = { ...headers, 'content-type': 'text/plain' };
	const cases: readonly [status: number, asked: Asked][] = [
		[401, { path: '/status', headers: bearer('nobody') }],
		[403, { method: 'POST', path: '/reload', body: {}, headers: bearer(READ) }],
		[403, { path: '/status', headers: { origin: 'http://evil.example' } }],
		[404, { path: '/nothing' }],
		[404, { path: '/pools/nowhere' }],
		[400, { path: '/%zz' }],
		[400, { method: 'PUT', path: '/log-level', body: '{', headers }],
		[400, { method: 'PUT', path: '/log-level', body: { level: 'loud' }, headers }],
		[415, { method: 'POST', path: '/reload', body: '{}', headers: text }],
		[421, { path: '/status', headers: { host: 'evil.example' } }],
	];
	for (const [at, [status, asked]] of cases.entries()) {
		const from = `127.0.1.${at + 1}`;
		for (let times = 0; times < RATES.rates.all; times++)
			t.equal((await ask({ ...asked, from })).status, status, `${asked.path}, time ${times + 1}`);
		const flooded = await ask({ ...asked, from });
		t.match(flooded, { status: 429, json: { code: 'too-many-requests', message: /try again in 10 seconds/ } });
		t.match(flooded.headers['retry-after'], /^\d+$/);
		t.equal((await ask({ path: '/status', headers, from })).status, 429, 'all of that address');
		for (const path of ['/livez', '/readyz']) t.equal((await ask({ path, from })).status, 200, path);
	}
	t.equal((await ask({ path: '/status', headers })).status, 200, 'other addresses are answered');
});

test('all on a unix socket have one count', async (t) => {
	const { ask } = await started(t, { bind: { type: 'unix', path: join(folder(t), 's') } }, {}, RATES);
	const seen = [];
	for (let times = 0; times < 11; times++) seen.push((await ask({ path: '/nothing' })).status);
	t.same(seen, [...Array(10).fill(404), 429]);
});

test('what costs much needs a token, and may be asked for less often', async (t) => {
	const { ask } = await started(t, { tokens: TOKENS }, {}, RATES);
	const diff = { method: 'POST', path: '/diff', body: { configuration: '' } };
	t.equal((await ask({ ...diff, from: '127.0.0.9' })).status, 401, 'loopback alone is not enough');
	const seen = [];
	for (let times = 0; times < 4; times++) seen.push((await ask({ ...diff, headers: bearer(READ) })).status);
	t.same(seen, [200, 200, 200, 429]);
	t.equal((await ask({ path: '/status', headers: bearer(READ) })).status, 200, 'the rest is answered');
	const long = { ...diff, body: { configuration: 'x'.repeat(2 * 1_048_576) }, from: '127.0.0.9' };
	t.match(await ask({ ...long, headers: bearer(READ) }), { status: 413, json: { message: String } });
	const order = { method: 'PUT', path: '/log-level', body: { level: 'x'.repeat(65_536) }, headers: bearer(WRITE) };
	t.equal((await ask(order)).status, 413, 'other bodies are small');
});

test('who watches the process is answered without a look at tokens', async (t) => {
	const { ask } = await started(t, { tokens: TOKENS }, {}, RATES);
	for (let times = 0; times < 30; times++)
		t.equal((await ask({ path: '/livez', headers: bearer('nobody') })).status, 200);
});

const CAPS = { caps: { all: 8, perClient: 4 } };

test('an address that holds its connections open keeps nobody out, not even itself', async (t) => {
	const { ask, place } = await started(t, {}, {}, CAPS);
	const held = await opened(t, place, ['127.0.0.1', '127.0.0.1', '127.0.0.1', '127.0.0.1']);
	held[1]?.write('GET /status HTTP/1.1\r\nHost: localhost\r\n');
	t.equal((await ask({ path: '/status' })).status, 200);
	await held[0]?.ended;
	t.same(await openOf(held), [false, true, true, true], 'the oldest had to go');
	t.equal((await ask({ path: '/status', from: '127.0.0.2' })).status, 200);
	t.same(await openOf(held), [false, true, true, true], 'there is room for others');
});

test('many addresses that hold connections keep nobody out', async (t) => {
	const { ask, place } = await started(t, {}, {}, CAPS);
	const froms = [
		'127.0.0.2',
		'127.0.0.3',
		'127.0.0.3',
		'127.0.0.3',
		'127.0.0.4',
		'127.0.0.4',
		'127.0.0.5',
		'127.0.0.6',
	];
	const held = await opened(t, place, froms);
	t.equal((await ask({ path: '/status' })).status, 200);
	await held[1]?.ended;
	t.same(
		await openOf(held),
		froms.map((_, at) => at !== 1),
		'the oldest of who has most had to go',
	);
});

test('a request that is being worked on is not what goes', async (t) => {
	for (const secure of [false, true]) {
		const asked = Promise.withResolvers<void>();
		const late = Promise.withResolvers<[]>();
		const answers = {
			countries: () => {
				asked.resolve();
				return late.promise;
			},
		};
		const tls = secure ? pairOf(t) : null;
		const { ask, place } = await started(t, { tls }, answers, CAPS);
		const slow = ask({ path: '/countries' });
		await asked.promise;
		const held = await opened(t, place, Array(8).fill('127.0.0.1'));
		await Promise.all(held.slice(0, 4).map(({ ended }) => ended));
		late.resolve([]);
		t.equal((await slow).status, 200, secure ? 'TLS' : 'in the clear');
	}
});

test('who is slow with a request, or with the next one, is not waited for', async (t) => {
	const patience = { headMs: 40, requestMs: 60, keepAliveMs: 40, stuckMs: 60_000, lookMs: 10 };
	const whole = 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n';
	const head = `PUT /log-level HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\nAuthorization: Bearer ${WRITE}\r\n\r\n`;
	for (const tls of [null, pairOf(t)]) {
		const { place } = await started(t, { tls, tokens: TOKENS }, {}, { patience });
		const texts = tls === null ? ['', 'G', whole.slice(0, -2), whole, `${head}{`] : ['', '\x16'];
		await Promise.all(
			texts.map(async (text) => {
				const [socket] = await opened(t, place, ['127.0.0.1']);
				if (text !== '') socket?.write(text);
				await socket?.ended;
				t.pass(`${tls === null ? 'HTTP' : 'HTTPS'}: ${JSON.stringify(text)}`);
			}),
		);
	}
});

test('a body without an end is not read when its request is refused', async (t) => {
	const patience = { headMs: 60_000, requestMs: 60_000, keepAliveMs: 60_000, stuckMs: 60_000, lookMs: 10 };
	const { place } = await started(t, { tokens: TOKENS }, {}, { patience });
	const [socket] = await opened(t, place, ['127.0.0.1']);
	socket?.write('POST /reload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n');
	await socket?.ended;
	t.match(socket?.heard(), /^HTTP\/1.1 403 /);
});

function folder(t: Test): string {
	const path = mkdtempSync(join(tmpdir(), 'admin-'));
	t.teardown(() => rmSync(path, { recursive: true }));
	return path;
}

function pairOf(t: Test) {
	const { cert, key } = certificateAuthority(t).issue(['localhost']);
	return { certificate: cert, key };
}

interface Held {
	write(text: string): void;
	heard(): string;
	readonly ended: Promise<void>;
	readonly socket: Socket;
}

/** Connections from these addresses, one after the other; they say nothing by themselves. */
async function opened(t: Test, place: object, froms: readonly string[]): Promise<Held[]> {
	const held: Held[] = [];
	for (const localAddress of froms) {
		const socket = connect({ ...(place as NetConnectOpts), localAddress });
		t.teardown(() => socket.destroy());
		let heard = '';
		socket.setEncoding('latin1').on('data', (part: string) => {
			heard += part;
		});
		const ended = new Promise<void>((resolve) => socket.on('error', () => {}).once('close', () => resolve()));
		await once(socket, 'connect');
		held.push({ write: (text) => socket.write(text), heard: () => heard, ended, socket });
	}
	return held;
}

/** Which are open, as far as both ends know. */
async function openOf(held: readonly Held[]): Promise<boolean[]> {
	await new Promise((resolve) => setImmediate(resolve));
	return held.map(({ socket }) => !socket.closed);
}
