import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Test, test } from 'tap';
import type { ConfigInput } from '../src/control/config/schema.ts';
import { eventually, startApp } from './support/app.ts';
import { EchoClient, echoBackend } from './support/backends.ts';
import { refusingAddress } from './support/net-ports.ts';

async function hook(t: Test, answer: RequestListener): Promise<string> {
	const server = createServer(answer).listen(0, '127.0.0.1');
	await new Promise((resolve) => server.once('listening', resolve));
	t.teardown(() => {
		server.closeAllConnections();
		server.close();
	});
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret-path`;
}

const config = (address: string, alerts: ConfigInput['alerts']): ConfigInput => ({
	workers: 1,
	log: { access: 'none' },
	listeners: [{ name: 'game', bind: '127.0.0.1:0', routes: [{ to: ['main'] }] }],
	pools: [{ name: 'main', backends: [{ name: 'one', address }] }],
	...(alerts && { alerts }),
});

test('an alert tells its webhook and the log, without any admin server; dead webhooks harm nothing', async (t) => {
	const backend = await echoBackend(t, 'one');
	const messages: { readonly state: string; readonly value: number }[] = [];
	const url = await hook(t, (request, response) => {
		let text = '';
		request.setEncoding('utf8').on('data', (part: string) => {
			text += part;
		});
		request.on('end', () => {
			messages.push(JSON.parse(text));
			response.end();
		});
	});
	const hanging = await hook(t, () => {});
	const when = 'backend main/one active >= 1';
	const alerts = [
		{ name: 'busy', when, webhook: url },
		{ name: 'hanging', when, webhook: hanging },
		{ name: 'refused', when, webhook: `http://${await refusingAddress()}/secret-path` },
		{ name: 'slow', when, for: '1h', webhook: url },
	];
	const { app, heard, port, reload } = await startApp(t, config(backend.address, alerts));
	const client = new EchoClient(t, port());
	t.equal(await client.greeting(), 'one');
	await eventually(() => messages.length === 1);
	t.match(messages[0], { alert: 'busy', state: 'firing', when, value: 1, host: String });
	await eventually(() => app.operations.alerts().every(({ state }) => state !== 'ok'));
	t.match(
		app.operations.alerts().map(({ name, state, webhook }) => [name, state, webhook]),
		[
			['busy', 'firing', String],
			['hanging', 'firing', 'waiting'],
			['refused', 'firing', 'waiting'],
			['slow', 'pending', 'none'],
		],
	);
	t.equal(await new EchoClient(t, port()).greeting(), 'one', 'sessions do not notice');

	await reload(config(backend.address, alerts.slice(0, 2)));
	t.match(
		app.operations.alerts(),
		[{ name: 'busy', state: 'firing' }, { name: 'hanging' }],
		'a reload keeps them firing',
	);
	await reload(config(backend.address, [{ name: 'busy', when, webhook: url }]));
	for (const socket of backend.sockets) socket.destroy();
	await heard.event('alert resolved');
	await eventually(() => messages.length === 2);
	t.match(messages[1], { alert: 'busy', state: 'resolved', value: 0 });
	t.equal(heard.events.filter(({ msg }) => msg === 'alert firing').length, 3);
	t.notMatch(JSON.stringify(heard.events), /secret-path/, 'no line has the URL');
});
