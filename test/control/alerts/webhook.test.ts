import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Test, test } from 'tap';
import { postMessage } from '../../../src/control/alerts/webhook.ts';

const MESSAGE = {
	alert: 'a',
	state: 'firing',
	when: 'ready == 0',
	value: 0,
	since: '2026-01-01T00:00:00.000Z',
	time: '2026-01-01T00:00:01.000Z',
	host: 'h',
} as const;

async function hook(t: Test, answer: RequestListener): Promise<string> {
	const server = createServer(answer).listen(0, '127.0.0.1');
	await new Promise((resolve) => server.once('listening', resolve));
	t.teardown(() => {
		server.closeAllConnections();
		server.close();
	});
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret-path`;
}

const post = (url: string, timeoutMs?: number): Promise<string | null> =>
	postMessage(url, MESSAGE, new AbortController().signal, timeoutMs);

test('a message is posted as JSON', async (t) => {
	let seen: unknown;
	const url = await hook(t, async (request, response) => {
		const parts: Buffer[] = [];
		for await (const part of request) parts.push(part);
		const { 'content-type': type } = request.headers;
		seen = { method: request.method, url: request.url, type, body: JSON.parse(Buffer.concat(parts).toString()) };
		response.end('thanks');
	});
	t.equal(await post(url), null);
	t.same(seen, { method: 'POST', url: '/secret-path', type: 'application/json', body: MESSAGE });
});

test('what is no success is told without the URL', async (t) => {
	const gone = createServer().listen(0, '127.0.0.1');
	await new Promise((resolve) => gone.once('listening', resolve));
	const refusing = `http://127.0.0.1:${(gone.address() as AddressInfo).port}/secret-path`;
	await new Promise((resolve) => gone.close(resolve));
	const cases: [name: string, url: string, fault: RegExp][] = [
		['a refused port', refusing, /^ECONNREFUSED$/],
		['a status of failure', await hook(t, (_, response) => response.writeHead(500).end()), /^answered 500$/],
		[
			'a redirect',
			await hook(t, (_, response) => response.writeHead(307, { location: 'http://127.0.0.1:9/' }).end()),
			/^answered 307$/,
		],
		['a closed connection', await hook(t, (request) => request.socket.destroy()), /^UND_ERR_SOCKET$/],
		['what is no HTTP', await hook(t, (request) => request.socket.end('220 smtp\r\n')), /HTTP/],
	];
	for (const [name, url, fault] of cases) {
		const told = await post(url);
		t.match(told, fault, name);
		t.notMatch(told, /secret-path/, name);
	}
});

test('a webhook that hangs is left', async (t) => {
	const url = await hook(t, () => {});
	t.equal(await post(url, 50), 'no answer within 0.05 s');
});

test('an endless answer is not read', async (t) => {
	const url = await hook(t, (_, response) => {
		const more = (): void => void (response.write('x'.repeat(65_536)) && setImmediate(more));
		more();
	});
	t.equal(await post(url), null);
});

test('a stop ends what is under way', async (t) => {
	const stop = new AbortController();
	const url = await hook(t, () => stop.abort());
	t.equal(await postMessage(url, MESSAGE, stop.signal), 'given up: stopping');
});
