import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { type ClientRequest, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import type { Operations } from '../../../src/control/admin/operations.ts';
import { AdminServer } from '../../../src/control/admin/server.ts';
import type { AdminTerms } from '../../../src/control/admin/terms.ts';
import { fakeOperations } from '../../support/fake-operations.ts';

interface Asked {
	readonly method?: string;
	readonly path: string;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body?: unknown;
}

interface Answer {
	readonly status: number;
	readonly headers: Readonly<Record<string, string | string[] | undefined>>;
	readonly text: string;
	/** Null where the answer is no JSON. */
	readonly json: Readonly<Record<string, unknown>> | null;
}

const READ = 'read-token-0123456789';
const WRITE = 'write-token-0123456789';
const TOKENS: AdminTerms['tokens'] = [
	{ role: 'read', token: READ },
	{ role: 'write', token: WRITE },
];

async function started(t: Test, terms: Partial<AdminTerms> = {}, answers: Partial<Operations> = {}) {
	const { asked, operations } = fakeOperations(answers);
	const warnings: string[] = [];
	const server = await AdminServer.open({
		terms: { bind: { type: 'tcp', host: '127.0.0.1', port: 0 }, tokens: [], tls: null, ...terms },
		operations,
		log: { warn: (msg, fields) => void warnings.push(`${msg} ${JSON.stringify(fields)}`) },
		version: '1.2.3',
		metrics: async () => ({ type: 'text/plain; version=0.0.4', text: 'sluice_up 1\n' }),
	});
	t.teardown(() => server.close());
	const place = server.address.startsWith('unix:')
		? { socketPath: server.address.slice('unix:'.length) }
		: { host: '127.0.0.1', port: Number(server.address.split(':').at(-1)) };
	const ask = ({ method = 'GET', path, headers = {}, body }: Asked): Promise<Answer> =>
		new Promise((resolve, reject) => {
			const text = body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body);
			const typed = text === null && method === 'GET' ? {} : { 'content-type': 'application/json' };
			const sent: ClientRequest = request(
				{ ...place, method, path, headers: { ...typed, ...headers }, agent: false },
				(got) => {
					let all = '';
					got.setEncoding('utf8').on('data', (part: string) => {
						all += part;
					});
					got.on('end', () => {
						const json = String(got.headers['content-type']).includes('json') ? JSON.parse(all) : null;
						resolve({ status: got.statusCode ?? 0, headers: got.headers, text: all, json });
					});
				},
			);
			sent.on('error', reject).end(text ?? undefined);
		});
	return { ask, asked, warnings, server };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

test('the overview is what the six questions answer, with the events after the one that was seen', async (t) => {
	const { ask } = await started(t);
	const kinds = ['status', 'listeners', 'pools', 'buckets', 'countries', 'events'] as const;
	for (const after of [0, 1]) {
		const path = (kind: string): string => (kind === 'events' ? `/events?after=${after}` : `/${kind}`);
		const answers = await Promise.all(kinds.map(async (kind) => [kind, (await ask({ path: path(kind) })).json]));
		t.strictSame((await ask({ path: `/overview?after=${after}` })).json, Object.fromEntries(answers));
	}
	t.equal((await ask({ path: '/overview?after=-1' })).status, 400);
});

test('without a token loopback may read and nothing else', async (t) => {
	const { ask, asked } = await started(t);
	for (const path of [
		'/status',
		'/overview',
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
	for (const authorization of [`Bearer ${READ}x`, 'Bearer ', 'Basic Og==', `bearer${READ}`, 'Bearer é']) {
		const answer = await ask({ path: '/status', headers: { authorization } }).catch(() => null);
		if (answer === null) continue;
		t.equal(answer.status, 401, authorization);
		t.match(answer.headers['www-authenticate'], /Bearer/);
		t.notMatch(answer.text, READ, 'no token is told');
	}
	t.match(asked, [['reload', 'token 2 (write) from 127.0.0.1']], 'the log learns who it was, not the token');
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
