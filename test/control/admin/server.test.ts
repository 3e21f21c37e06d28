import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { test } from 'tap';
import type { Operations } from '../../../src/control/admin/operations.ts';
import { READ, started, TOKENS, WRITE } from '../../support/admin-server.ts';
import { bearer } from '../../support/asking.ts';
import { STATUS } from '../../support/fake-operations.ts';

test('without a token loopback may read and nothing else', async (t) => {
	const { ask, asked } = await started(t);
	for (const path of [
		'/status',
		'/listeners',
		'/pools',
		'/pools/eu',
		'/backends',
		'/pools/eu/backends/eu-1',
		'/regions',
	])
		t.equal((await ask({ path })).status, 200, path);
	for (const path of [
		'/countries',
		'/clients',
		'/buckets',
		'/events',
		'/overview',
		'/changes',
		'/alerts',
		'/history?series=pool%20eu&since=2026-01-01T00:00:00Z',
		'/sessions',
		'/sessions/0-1',
		'/metrics',
	])
		t.equal((await ask({ path })).status, 200, path);
	t.match(await ask({ path: '/status' }), { json: { version: '0.0.0' } });
	const refused = await ask({ method: 'POST', path: '/reload', body: {} });
	t.equal(refused.status, 403);
	t.match(refused.json, { code: 'forbidden', message: /role write/ });
	t.equal((await ask({ method: 'DELETE', path: '/sessions/0-1' })).status, 403);
	t.same(asked, []);
});

test('a token may do what its role says; a wrong one is worth less than none', async (t) => {
	const { ask, asked } = await started(t, { tokens: TOKENS });
	t.equal((await ask({ path: '/status', headers: bearer(READ) })).status, 200);
	t.equal((await ask({ method: 'POST', path: '/reload', body: {}, headers: bearer(READ) })).status, 403);
	t.equal((await ask({ method: 'POST', path: '/reload', body: {}, headers: bearer(WRITE) })).status, 200);
	t.equal((await ask({ path: '/status', headers: bearer(WRITE) })).status, 200);
	const caller = async (headers: Record<string, string>) => JSON.parse((await ask({ path: '/caller', headers })).text);
	t.same(await caller(bearer(WRITE)), { name: 'token 2 (write) from 127.0.0.1', roles: ['read', 'write'] });
	t.match(await caller({}), { roles: ['read'] });
	for (const authorization of [`Bearer ${READ}x`, 'Bearer ', 'Basic Og==', `bearer${READ}`, 'Bearer é']) {
		const answer = await ask({ path: '/status', headers: { authorization } }).catch(() => null);
		if (answer === null) continue;
		t.equal(answer.status, 401, authorization);
		t.match(answer.headers['www-authenticate'], /Bearer/);
		t.notMatch(answer.text, READ, 'no token is told');
	}
	t.match(asked, [['reload', 'token 2 (write) from 127.0.0.1']], 'the log learns who it was, not the token');
});

test('an overview is all of one moment, and the workers are asked for those who wait only where somebody does', async (t) => {
	for (const [queued, wanted] of [
		[0, []],
		[3, [{ limit: 8, waiting: 'true' }]],
	] as const) {
		const looked: unknown[] = [];
		const answers: Partial<Operations> = {
			status: () => ({ ...STATUS, queued }),
			events: (after) => [{ number: after + 1, time: STATUS.startedAt, level: 'info', msg: 'm', fields: {} }],
			sessions: async (query) => {
				looked.push(query);
				return { sessions: [], next: null };
			},
		};
		const { ask } = await started(t, {}, answers);
		const { json } = await ask({ path: '/overview?after=7' });
		t.match(json, { status: { queued }, pools: [{ name: 'eu' }], events: [{ number: 8 }], alerts: [], waiting: [] });
		t.same(looked, wanted);
	}
});

test('a token with role tap may look, and change nothing', async (t) => {
	const TAP = 'tap-token-0123456789';
	const { ask, asked } = await started(t, { tokens: [{ role: 'tap', token: TAP }] });
	const headers = bearer(TAP);
	t.equal((await ask({ path: '/status', headers })).status, 200);
	const { json } = await ask({ path: '/openapi.json', headers });
	const orders = Object.entries(json?.paths as Record<string, object>).flatMap(([path, methods]) =>
		Object.keys(methods).flatMap((method) => (method === 'get' || path === '/diff' ? [] : [{ path, method }])),
	);
	t.ok(orders.length > 8, 'every order is tried');
	for (const { path, method } of orders) {
		const answer = await ask({ method: method.toUpperCase(), path: path.replaceAll(/[{}]/g, ''), body: {}, headers });
		t.match(answer, { status: 403, json: { code: 'forbidden' } }, `${method} ${path}`);
	}
	t.same(asked, []);
});

test('every change reaches its operation with who asked', async (t) => {
	const { ask, asked } = await started(t, { tokens: TOKENS });
	const by = 'token 2 (write) from 127.0.0.1';
	const change = (method: string, path: string, body?: unknown) => ask({ method, path, body, headers: bearer(WRITE) });
	t.equal((await change('PUT', '/pools/eu/backends/eu-1/weight', { weight: 5 })).status, 200);
	t.equal((await change('POST', '/pools/eu/backends/eu-1/drain', { closePerSecond: 10 })).status, 200);
	t.equal((await change('POST', '/pools/eu/backends/eu-1/drain', {})).status, 200);
	t.equal((await change('POST', '/pools/eu/backends/eu-1/enable', {})).status, 200);
	t.equal((await change('POST', '/pools/eu/backends/eu-1/disable', {})).status, 200);
	t.equal((await change('POST', '/pools/eu/backends', { address: '10.1.0.9:7000', weight: 2 })).status, 200);
	t.equal((await change('PUT', '/shaping/backend%20eu%2Feu-1', { upload: '1Mbit/s', download: null })).status, 200);
	t.equal((await change('PUT', '/log-level', { level: 'debug' })).status, 200);
	t.equal((await change('DELETE', '/sessions/0-1')).status, 200);
	t.same(asked, [
		['setWeight', 'eu', 'eu-1', 5, by],
		['drain', 'eu', 'eu-1', { closePerSecond: 10 }, by],
		['drain', 'eu', 'eu-1', {}, by],
		['enable', 'eu', 'eu-1', by],
		['disable', 'eu', 'eu-1', by],
		['addBackend', 'eu', { address: '10.1.0.9:7000', weight: 2 }, by],
		['setShaping', 'backend eu/eu-1', { upload: '1Mbit/s', download: null }, by],
		['setLogLevel', 'debug', by],
		['kill', '0-1', by],
	]);
});

test('what cannot be done is told with its code', async (t) => {
	const { ask } = await started(t, { tokens: TOKENS });
	const headers = bearer(WRITE);
	t.match(await ask({ method: 'DELETE', path: '/pools/eu/backends/eu-1', headers }), {
		status: 409,
		json: { code: 'refused', message: /last backend/ },
	});
	t.match(await ask({ method: 'DELETE', path: '/sessions/9-9', headers }), {
		status: 404,
		json: { code: 'not-found' },
	});
	t.match(await ask({ path: '/sessions/9-9' }), { status: 404 });
	t.match(await ask({ path: '/pools/nowhere' }), { status: 404, json: { message: /nowhere/ } });
	t.match(await ask({ path: '/nothing' }), { status: 404, json: { message: 'GET /nothing: there is no such route' } });
});

test('bad bodies and queries are refused, and nothing is done', async (t) => {
	const { ask, asked } = await started(t, { tokens: TOKENS });
	const headers = bearer(WRITE);
	const cases: readonly [method: string, path: string, body: unknown][] = [
		['PUT', '/pools/eu/backends/eu-1/weight', { weight: -1 }],
		['PUT', '/pools/eu/backends/eu-1/weight', { weight: 1.5 }],
		['PUT', '/pools/eu/backends/eu-1/weight', { weight: 1, more: 2 }],
		['PUT', '/pools/eu/backends/eu-1/weight', '{"weight": 1'],
		['POST', '/pools/eu/backends', {}],
		['POST', '/pools/eu/backends/eu-1/drain', { closePerSecond: 0 }],
		['PUT', '/log-level', { level: 'loud' }],
		['PUT', '/log-level', []],
	];
	for (const [method, path, body] of cases) {
		const answer = await ask({ method, path, body, headers });
		t.equal(answer.status, 400, `${method} ${path} ${JSON.stringify(body)}`);
		t.match(answer.json, { message: String });
	}
	t.equal((await ask({ path: '/sessions?limit=0' })).status, 400);
	t.equal((await ask({ path: '/sessions?limit=9999' })).status, 400);
	const plain = { ...headers, 'content-type': 'text/plain' };
	t.equal((await ask({ method: 'POST', path: '/reload', body: '{}', headers: plain })).status, 415);
	t.same(asked, []);
});

test('pages from elsewhere get nothing: Host and Origin are checked', async (t) => {
	const { ask, asked } = await started(t, { tokens: TOKENS });
	const own = '127.0.0.1:1';
	const cases: readonly [headers: Record<string, string>, status: number][] = [
		[{ host: 'localhost:9900' }, 200],
		[{ host: '[::1]:9900' }, 200],
		[{ host: 'evil.example' }, 421],
		[{ host: 'localhost.evil.example' }, 421],
		[{ host: 'a b' }, 421],
		[{ host: own, origin: `http://${own}` }, 200],
		[{ host: own, origin: 'http://evil.example' }, 403],
		[{ host: own, origin: `https://${own}` }, 403],
		[{ host: own, origin: 'null' }, 403],
		[{ host: own, 'sec-fetch-site': 'cross-site' }, 403],
		[{ host: own, 'sec-fetch-site': 'same-site' }, 403],
		[{ host: own, 'sec-fetch-site': 'same-origin' }, 200],
		[{ host: own, 'sec-fetch-site': 'none' }, 200],
	];
	for (const [headers, status] of cases)
		t.equal(
			(await ask({ path: '/status', headers }).catch(() => ({ status: 421 }))).status,
			status,
			JSON.stringify(headers),
		);
	const foreign = { ...bearer(WRITE), origin: 'http://evil.example' };
	t.equal((await ask({ method: 'POST', path: '/reload', body: {}, headers: foreign })).status, 403);
	t.same(asked, []);
});

test('a flood is answered with 429', async (t) => {
	const { ask } = await started(t);
	const seen = new Set<number>();
	for (let sent = 0; sent < 700 && !seen.has(429); sent += 50) {
		const answers = await Promise.all(Array.from({ length: 50 }, () => ask({ path: '/status' })));
		for (const { status } of answers) seen.add(status);
	}
	t.same([...seen].sort(), [200, 429]);
	t.equal((await ask({ path: '/livez' })).status, 200, 'who watches the process is answered all the same');
});

test('/livez and /readyz need no token; /readyz follows the process', async (t) => {
	let ready = false;
	const { ask } = await started(t, { tokens: TOKENS }, {
		get ready() {
			return ready;
		},
	} as Partial<Operations>);
	const wrong = bearer('nobody');
	t.match(await ask({ path: '/livez', headers: wrong }), { status: 200, text: 'ok' });
	t.match(await ask({ path: '/readyz', headers: wrong }), { status: 503, text: 'not ready' });
	ready = true;
	t.match(await ask({ path: '/readyz', headers: wrong }), { status: 200, text: 'ready' });
});

test('the unix socket is its owner’s alone, who may do all', async (t) => {
	const folder = mkdtempSync(join(tmpdir(), 'admin-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const path = join(folder, 's');
	const { ask, asked } = await started(t, { bind: { type: 'unix', path } });
	t.equal(statSync(path).mode & 0o777, 0o600);
	t.equal((await ask({ method: 'POST', path: '/reload', body: {} })).status, 200);
	t.match(asked, [['reload', 'the unix socket']]);
	await t.rejects(
		started(t, { bind: { type: 'unix', path } }),
		{ message: /address in use/ },
		'somebody listens there',
	);
});

test('an operation that breaks is told in the log, not to the caller', async (t) => {
	const broken = (): never => {
		throw new Error('secret inside');
	};
	const { ask, warnings } = await started(t, {}, { status: broken });
	const answer = await ask({ path: '/status' });
	t.equal(answer.status, 500);
	t.notMatch(answer.text, /secret/);
	t.match(warnings, [/admin request failed .*secret inside/]);
});

test('the OpenAPI document names every route with its schema', async (t) => {
	const { ask } = await started(t);
	const { json } = await ask({ path: '/openapi.json' });
	t.match(json, { openapi: /^3\./, info: { title: 'Sluice', version: '1.2.3' } });
	t.same(
		await new Validator().validate(json as Record<string, unknown>),
		{ valid: true },
		'it is what OpenAPI calls valid',
	);
	type Method = { readonly summary?: string; readonly responses?: object };
	const described = json?.paths as Readonly<Record<string, Readonly<Record<string, Method>>>>;
	const paths = Object.keys(described);
	for (const path of [
		'/status',
		'/sessions',
		'/pools/{pool}/backends/{backend}/drain',
		'/shaping/{place}',
		'/reload',
		'/diff',
	])
		t.ok(paths.includes(path), path);
	for (const [path, methods] of Object.entries(described)) {
		for (const [method, { summary, responses }] of Object.entries(methods)) {
			t.type(summary, 'string', `${method} ${path} says what it is for`);
			t.ok(Object.keys(responses ?? {}).length > 0, `${method} ${path} has answers`);
		}
	}
});

test('a bind that is taken is told with its address', async (t) => {
	const { server } = await started(t);
	const port = Number(server.address.split(':').at(-1));
	await t.rejects(started(t, { bind: { type: 'tcp', host: '127.0.0.1', port } }), {
		code: 'cannot-bind',
		exitCode: 2,
		message: new RegExp(`admin: cannot bind 127.0.0.1:${port}`),
	});
});
