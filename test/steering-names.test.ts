import t from 'tap';
import { folderOf, steered, steeredConfig } from './support/steered.ts';

type Shown = { readonly name: string } & Record<string, unknown>;

const ADDRESSES = ['127.0.0.1', '127.0.0.2'];
const BY_ADDRESS = '/pools/main/backends/web%2F127.0.0.2%3A80';

/** A pool of one host name with two addresses, and of one address. */
async function twoAddresses(t: Parameters<typeof folderOf>[0]) {
	const backends = [
		{ name: 'web', address: 'web.test:80', weight: 3 },
		{ name: 'other', address: '127.0.0.3:80' },
	];
	const pools = [{ name: 'main', health: { active: 'off' as const }, backends }];
	const started = await steered(t, steeredConfig(folderOf(t), { pools }), { lookup: async () => ADDRESSES });
	const shown = async (what: string) => {
		const [pool] = (await started.ask({ path: '/pools' })).json as unknown as { backends: Shown[] }[];
		return pool?.backends.map((backend) => [backend.name, backend[what]]);
	};
	return { ...started, shown };
}

t.test('an order to a backend by the name that is shown is for all addresses of its host name', async (t) => {
	const { ask, heard, shown } = await twoAddresses(t);
	const orders = [
		{ method: 'POST', path: '/drain', body: {}, what: 'state', value: 'draining', otherwise: 'enabled' },
		{ method: 'POST', path: '/disable', body: {}, what: 'state', value: 'disabled', otherwise: 'enabled' },
		{ method: 'POST', path: '/enable', body: {}, what: 'state', value: 'enabled', otherwise: 'enabled' },
		{ method: 'PUT', path: '/weight', body: { weight: 7 }, what: 'weight', value: 7, otherwise: 1 },
	];
	for (const { method, path, body, what, value, otherwise } of orders) {
		t.equal((await ask({ method, path: `${BY_ADDRESS}${path}`, body })).status, 200, path);
		t.same(
			await shown(what),
			[
				['web/127.0.0.1:80', value],
				['web/127.0.0.2:80', value],
				['other', otherwise],
			],
			path,
		);
	}
	t.match((await ask({ path: '/changes' })).json, [{ target: 'backend main/web', what: 'weight', value: '7' }]);
	t.match(await heard.event('backend drains'), { fields: { pool: 'main', backend: 'web' } });
	t.equal((await ask({ method: 'DELETE', path: BY_ADDRESS, body: {} })).status, 200);
	t.same(await shown('weight'), [['other', 1]]);
	t.match((await ask({ method: 'POST', path: `${BY_ADDRESS}/drain`, body: {} })).status, 404, 'it is gone');
});

t.test("a backend's rates are set by the name that is shown, for each address of its host name", async (t) => {
	const { ask, heard } = await twoAddresses(t);
	const place = encodeURIComponent('backend main/web/127.0.0.1:80');
	t.equal((await ask({ method: 'PUT', path: `/shaping/${place}`, body: { upload: '8Mbit/s' } })).status, 200);
	t.match((await ask({ path: '/buckets' })).json, [
		{ place: 'backend main/web/127.0.0.1:80', direction: 'upload', bytesPerSecond: 1e6 },
		{ place: 'backend main/web/127.0.0.2:80', direction: 'upload', bytesPerSecond: 1e6 },
	]);
	t.match(await heard.event('shaping set'), { fields: { place: 'backend main/web' } });
});
