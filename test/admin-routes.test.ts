import t from 'tap';
import type { Asked } from './support/asking.ts';
import { EchoClient, echoBackend } from './support/backends.ts';
import { folderOf, poolOf, steered, steeredConfig } from './support/steered.ts';

const LONG = 'x'.repeat(64);

/** `METHOD path`, with a body where one follows, and what it is answered with. */
const REFUSED: readonly [asked: string, status: number, body?: unknown][] = [
	['GET /pools/nowhere', 404],
	['GET /pools/__proto__', 404],
	['GET /pools/main/backends/nobody', 404],
	['GET /sessions/0-999999', 404],
	['GET /sessions/nonsense', 404],
	['DELETE /sessions/0-999999', 404],
	['DELETE /sessions/9-1', 404],
	['GET /explain?listener=nowhere&ip=192.0.2.1', 404],
	['PUT /pools/nowhere/backends/a/weight', 404, { weight: 1 }],
	['PUT /pools/main/backends/nobody/weight', 404, { weight: 1 }],
	['POST /pools/main/backends/nobody/drain', 404],
	['POST /pools/main/backends/nobody/enable', 404],
	['POST /pools/main/backends/nobody/disable', 404],
	['DELETE /pools/main/backends/nobody', 404],
	['POST /pools/nowhere/backends', 404, { address: '127.0.0.1:9' }],
	['PUT /shaping/pool%20nowhere', 404, { upload: '8Mbit/s' }],
	['PUT /shaping/region%20constructor', 404, { upload: '8Mbit/s' }],
	['PUT /shaping/nonsense', 404, { upload: '8Mbit/s' }],
	[`PUT /shaping/backend%20${LONG}%2F${LONG}`, 404, { upload: '8Mbit/s' }],
	[`GET /pools/${'x'.repeat(600)}`, 414],
	['PATCH /status', 404],
	['POST /status', 404],
	['DELETE /pools', 404],
	['GET /reload', 404],
	['POST /livez', 404],
	['GET /assets/../../package.json', 404],
	['GET /assets/%2e%2e%2fserver.ts', 404],
	['GET /sessions?limit=0', 400],
	['GET /sessions?limit=1001', 400],
	['GET /sessions?limit=1&limit=2', 400],
	['GET /sessions?lmit=5', 400],
	['GET /sessions?after=nonsense', 400],
	['GET /sessions?client=nonsense', 400],
	['GET /sessions?country=Germany', 400],
	[`GET /sessions?pool=${'x'.repeat(600)}`, 400],
	['GET /clients?limit=1001', 400],
	['GET /clients?limit=x', 400],
	['GET /clients?other=1', 400],
	['GET /events?after=-1', 400],
	['GET /events?after=x', 400],
	['GET /events?since=1', 400],
	['GET /history?since=yesterday', 400],
	['GET /history?serie=process', 400],
	['GET /explain', 400],
	['GET /explain?listener=in', 400],
	['GET /explain?listener=in&ip=nonsense', 400],
	[`GET /explain?listener=in${'&ip=192.0.2.1'.repeat(101)}`, 400],
	['GET /explain?listener=in&ip=192.0.2.1&more=1', 400],
	['POST /pools/main/backends', 400, { address: '127.0.0.1:9', more: 1 }],
	['POST /pools/main/backends', 409, { address: 'nonsense' }],
	['POST /pools/main/backends', 409, { address: 'unix:relative' }],
	['POST /pools/main/backends', 409, { address: '127.0.0.1:9', name: 'a' }],
	['POST /pools/main/backends/a/drain', 400, { closePerSecond: -1 }],
	['PUT /shaping/pool%20main', 409, { upload: 'much' }],
	['PUT /shaping/pool%20main', 400, { sideways: '8Mbit/s' }],
	['PUT /log-level', 400, { level: 'loud' }],
	['POST /diff', 422, { configuration: 'nonsense' }],
	['POST /diff', 400, {}],
];

t.test('what cannot be is refused with its status, and no stack or path of ours is told', async (t) => {
	const { ask } = await steered(t, steeredConfig(folderOf(t)));
	for (const [asked, status, body] of REFUSED) {
		const [method = '', path = ''] = asked.split(' ');
		const answer = await ask({ method, path, ...(method === 'GET' ? {} : { body: body ?? {} }) });
		const what = `${asked.slice(0, 80)} ${JSON.stringify(body ?? '')}`;
		t.equal(answer.status, status, `${what}: ${answer.text.slice(0, 200)}`);
		t.match(answer.json, { code: String, message: String }, what);
		t.notMatch(answer.text, /node_modules|\.ts\b.*:\d|\bat \w+ \(|\/tmp\//, what);
		t.notMatch(answer.text, process.cwd(), what);
	}
	t.same((await ask({ path: '/changes' })).json, [], 'nothing was changed');
});

t.test('sessions come in pages that end, by any filter, and one that is killed ends', async (t) => {
	const backend = await echoBackend(t, 'a');
	const pools = [{ ...poolOf('a'), backends: [{ name: 'a', address: backend.address }] }];
	const { app, ask } = await steered(t, steeredConfig(folderOf(t), { pools }));
	const port = Number(app.addresses[0]?.address.split(':').at(-1));
	const clients = Array.from({ length: 5 }, () => new EchoClient(t, port));
	for (const client of clients) await client.greeting();
	type Page = { readonly sessions: readonly { readonly id: string }[]; readonly next: string | null };
	const page = async (query: string) => (await ask({ path: `/sessions?${query}` })).json as unknown as Page;
	const seen: string[] = [];
	let after = '';
	for (let pages = 1; ; pages++) {
		const { sessions, next } = await page(`limit=2&pool=main&listener=in&client=127.0.0.0/8${after}`);
		seen.push(...sessions.map(({ id }) => id));
		if (next === null) {
			t.equal(pages, 3);
			break;
		}
		after = `&after=${next}`;
	}
	t.equal(new Set(seen).size, 5, 'each once');
	for (const none of ['pool=other', 'backend=b', 'listener=other', 'client=192.0.2.0/24', 'country=DE', 'after=9-1'])
		t.same(await page(none), { sessions: [], next: null }, none);
	const kill = (id = ''): Promise<{ readonly status: number }> =>
		ask({ method: 'DELETE', path: `/sessions/${id}`, body: {} } satisfies Asked);
	t.equal((await kill(seen[0])).status, 200);
	await clients[0]?.end().catch(() => {});
	t.equal((await kill(seen[0])).status, 404, 'it is no more');
	t.equal((await page('')).sessions.length, 4);
});
