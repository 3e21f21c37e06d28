import { connect } from 'node:net';
import t from 'tap';
import { folderOf, steered, steeredConfig } from './support/steered.ts';

t.test('a listener tells how full the table of its clients has been', async (t) => {
	const listener = (perClient: object) => ({
		name: 'in',
		bind: '127.0.0.1:0',
		routes: [{ to: ['main'] }],
		...perClient,
	});
	const config = steeredConfig(folderOf(t), {
		engine: 'node',
		listeners: [listener({ perClient: { maxConnections: 5, tableSize: 64 } }), { ...listener({}), name: 'unlimited' }],
	});
	const { ask, heard } = await steered(t, config);
	const tables = async (): Promise<unknown> => {
		const { json } = await ask({ path: '/listeners' });
		return (json as unknown as { clientTable: unknown }[]).map(({ clientTable }) => clientTable);
	};
	const table = { size: 64, peak: 0, evicted: 0, overflowed: 0 };
	t.same(await tables(), [table, null]);
	const address = heard.events.find(({ msg, fields }) => msg === 'listening' && fields.listener === 'in')?.fields
		.address;
	const port = Number(String(address).split(':').at(-1));
	for (const localAddress of ['127.0.0.1', '127.0.0.2', '127.0.0.1']) {
		// Nobody answers behind it: each session ends by itself.
		const client = connect({ host: '127.0.0.1', port, localAddress }).on('error', () => {});
		await new Promise((resolve) => client.on('close', resolve));
	}
	t.same(await tables(), [{ ...table, peak: 2 }, null]);
});
