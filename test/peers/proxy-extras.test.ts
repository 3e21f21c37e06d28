import t, { type Test } from 'tap';
import type { ConfigInput } from '../../src/control/config/schema.ts';
import { startApp } from '../support/app.ts';
import { certificateAuthority } from '../support/certificates.ts';
import { startEcho } from '../support/echo.ts';
import { enginesOf } from '../support/engines.ts';
import { type Haproxy, startHaproxy } from '../support/haproxy.ts';
import { startNginx } from '../support/nginx.ts';
import { freePorts } from '../support/peer-program.ts';
import { until } from '../support/peers.ts';
import { dialTls } from '../support/tls.ts';

const HOST = '127.0.0.43';
/** Probes of each backend that a test waits for. */
const PROBES = 5;

/** HAProxy behind a header, that answers with what was in its TLVs. */
async function startReceiver(t: Test): Promise<{ haproxy: Haproxy; address: string }> {
	const [port = 0] = await freePorts(HOST, 1);
	const haproxy = await startHaproxy(t, [
		'frontend receiver',
		'	mode http',
		'	log-format "log %ci %ST %ts"',
		`	bind ${HOST}:${port} accept-proxy`,
		'	http-request return status 200 content-type text/plain lf-string "%[src] %[fc_pp_authority] %[fc_pp_unique_id]"',
	]);
	return { haproxy, address: `${HOST}:${port}` };
}

t.test('HAProxy reads the server name and the id from our TLVs, and finds the checksum right', async (t) => {
	const { address } = await startReceiver(t);
	const ca = certificateAuthority(t);
	const { certFile: cert, keyFile: key } = ca.issue(['a.example']);
	const { port } = await startApp(t, {
		workers: 1,
		listeners: [
			{
				name: 'in',
				bind: '127.0.0.1:0',
				tls: { mode: 'terminate', certificates: [{ cert, key }], alpn: ['http/1.0'] },
				routes: [{ to: ['out'] }],
			},
		],
		pools: [
			{
				name: 'out',
				health: { active: 'off' },
				proxyProtocol: 'v2',
				proxyTlvs: ['authority', 'alpn', 'ssl', 'unique-id', 'crc32c'],
				backends: [{ address }],
			},
		],
	});
	const ids = new Set<string>();
	for (let i = 0; i < 3; i++) {
		const terms = { ca: ca.cert, servername: 'a.example', ALPNProtocols: ['http/1.0'] };
		const client = await dialTls(t, `127.0.0.1:${port()}`, terms);
		client.send('GET / HTTP/1.0\r\n\r\n');
		await client.ending();
		const [, id = ''] = /\r\n\r\n127\.0\.0\.1 a\.example ([0-9a-f]{32})$/.exec(client.text) ?? [];
		t.not(id, '', client.text);
		ids.add(id);
	}
	t.equal(ids.size, 3, 'each session has an id of its own');
});

t.test("HAProxy's checks say LOCAL: a session of nobody, and it finds us up", async (t) => {
	const echo = await startEcho(t);
	for (const engine of enginesOf(process.platform)) {
		const { heard, port } = await startApp(t, {
			engine,
			workers: 1,
			listeners: [
				{
					name: 'in',
					bind: '127.0.0.1:0',
					proxyProtocol: { from: ['127.0.0.1/32'], timeout: '5s' },
					routes: [{ to: ['out'] }],
				},
			],
			pools: [{ name: 'out', health: { active: 'off' }, backends: [{ address: echo.address }] }],
		});
		const [at] = await freePorts(HOST, 1);
		const haproxy = await startHaproxy(t, [
			'listen sender',
			'	mode tcp',
			`	bind ${HOST}:${at}`,
			...['send-proxy', 'send-proxy-v2'].map(
				(header, i) => `	server s${i} 127.0.0.1:${port()} ${header} check inter 100ms fastinter 100ms rise 2 fall 1`,
			),
		]);
		const records = await heard.until(() => (heard.records.length >= 2 * PROBES ? heard.records : undefined));
		for (const { client, peer, outcome } of records) {
			t.equal(client?.split(':')[0], '127.0.0.1', 'version 1 names the check itself, version 2 nobody');
			t.equal(client, peer);
			t.ok(['completed', 'client-reset', 'client-left'].includes(outcome), outcome);
		}
		const servers = await haproxy.ask('show servers state sender');
		const states = servers
			.split('\n')
			.filter((line) => / s[01] /.test(line))
			.map((line) => line.split(' ')[5]);
		t.strictSame(states, ['2', '2'], 'both run');
	}
});

t.test('our probes pass for LOCAL and leave nothing in the logs of HAProxy and nginx', async (t) => {
	const { haproxy, address } = await startReceiver(t);
	const [port = 0] = await freePorts(HOST, 1);
	const nginx = await startNginx(t, [`server { listen ${HOST}:${port} proxy_protocol; return "hello"; }`]);
	const pools: ConfigInput['pools'] = (['v1', 'v2'] as const).flatMap((proxyProtocol) => [
		{
			name: `haproxy-${proxyProtocol}`,
			proxyProtocol,
			health: { active: { type: 'http', interval: '100ms' } },
			backends: [{ address }],
		},
		{
			name: `nginx-${proxyProtocol}`,
			proxyProtocol,
			health: { active: { type: 'script', steps: [{ expect: 'hello' }], interval: '100ms' } },
			backends: [{ address: `${HOST}:${port}` }],
		},
		{
			name: `connect-${proxyProtocol}`,
			proxyProtocol,
			health: { active: { type: 'tcp', interval: '100ms' } },
			backends: [{ address: `${HOST}:${port}` }],
		},
	]);
	const { heard } = await startApp(t, {
		workers: 1,
		listeners: [{ name: 'in', bind: '127.0.0.1:0', routes: [{ to: pools.map(({ name }) => name) }] }],
		pools,
	});
	const found = (): readonly string[] => haproxy.said.match(/^log .*$/gm) ?? [];
	await until('HAProxy has answered them all', () => found().length >= 2 * PROBES, 20_000);
	t.strictSame([...new Set(found())], ['log 127.0.0.1 200 LR']);
	const connections = (): number => nginx.errors.match(/client 127\.0\.0\.1:\d+ connected/g)?.length ?? 0;
	await until('nginx has seen them all', () => connections() >= 4 * PROBES, 20_000);
	t.strictSame(nginx.errors.match(/reset|broken|error|timed out|aborted/gi), null);
	const flips = heard.events.filter(({ msg }) => msg.startsWith('backend '));
	t.strictSame(
		flips.map(({ msg }) => msg),
		pools.map(() => 'backend up'),
	);
});
