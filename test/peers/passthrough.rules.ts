import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { certificateAuthority } from '../support/certificates.ts';
import type { EngineName } from '../support/engines.ts';
import { startHaproxy } from '../support/haproxy.ts';
import { allTargets, type Balancer, type Target, type TestConfig } from '../support/harness.ts';
import { listenerTo, poolOf } from '../support/net-config.ts';
import { conformance, type Rules } from '../support/net-rules.ts';
import { startNginx } from '../support/nginx.ts';
import { OpensslClient } from '../support/openssl-client.ts';
import { freePorts } from '../support/peer-program.ts';

const HOST = '127.0.0.42';
/** Where clients come from. */
const CLIENT = '127.0.0.9';

/** HAProxy and nginx behind the balancer, each with its own certificate and protocol, and HAProxy before it. */
interface House {
	readonly balancer: Balancer;
	/** Passes TLS on to the balancer, with a header. */
	readonly before: string;
	/** A client that verifies the name that it asks for. */
	client(t: Test, address: string, name: string, ...args: string[]): OpensslClient;
}

async function house(t: Test, target: Target): Promise<House> {
	const ca = certificateAuthority(t);
	const [haproxy = 0, nginx = 0, before = 0] = await freePorts(HOST, 3);
	const [one, two] = [ca.issue(['haproxy.example']), ca.issue(['*.nginx.example'])];
	const bundle = join(ca.folder, 'bundle.pem');
	writeFileSync(bundle, one.cert + one.key);
	await startHaproxy(t, [
		'frontend receiver',
		'	mode http',
		`	bind ${HOST}:${haproxy} accept-proxy ssl crt ${bundle} alpn http/1.1`,
		'	http-request return status 200 content-type text/plain lf-string "%[src]:%[src_port] %[ssl_fc_sni] %[ssl_fc_alpn]"',
	]);
	await startNginx(t, [
		`server {
			listen ${HOST}:${nginx} ssl proxy_protocol;
			ssl_certificate ${two.certFile};
			ssl_certificate_key ${two.keyFile};
			ssl_protocols TLSv1.2 TLSv1.3;
			ssl_alpn mqtt;
			return "$proxy_protocol_addr:$proxy_protocol_port $ssl_server_name $ssl_alpn_protocol\\n";
		}`,
	]);
	const balancer = await target.start(t, configOf(`${HOST}:${haproxy}`, `${HOST}:${nginx}`));
	await startHaproxy(t, [
		'listen sender',
		'	mode tcp',
		`	bind ${HOST}:${before}`,
		`	server balancer ${balancer.address('behind')} send-proxy-v2`,
	]);
	const verified = ['-CAfile', ca.certFile, '-verify_return_error', '-bind', `${CLIENT}:0`];
	return {
		balancer,
		before: `${HOST}:${before}`,
		client: (t, address, name, ...args) =>
			new OpensslClient(t, address, [...verified, '-servername', name, '-verify_hostname', name, ...args]),
	};
}

function configOf(haproxy: string, nginx: string): TestConfig {
	const routes = [
		{ match: { sni: ['*.nginx.example'], alpn: ['mqtt'] }, to: ['nginx'] },
		{ match: { sni: ['haproxy.example'] }, to: ['haproxy'] },
	];
	const tls = { mode: 'passthrough' } as const;
	return {
		listeners: [
			listenerTo([], { routes, tls }),
			listenerTo([], { name: 'behind', routes, tls, proxyProtocol: { from: ['127.0.0.1/32'] } }),
		],
		pools: [poolOf('haproxy', [haproxy], { proxyProtocol: 'v2' }), poolOf('nginx', [nginx], { proxyProtocol: 'v1' })],
	};
}

const GET = 'GET / HTTP/1.0\r\n\r\n';

const RULES: Rules = {
	'each server is reached by its name and protocol, is who it says, and is told who the client is': async (
		t,
		target,
	) => {
		const { balancer, before, client } = await house(t, target);
		for (const address of [balancer.address(), before]) {
			for (const version of ['-tls1_2', '-tls1_3']) {
				const one = client(t, address, 'haproxy.example', version, '-alpn', 'h3,http/1.1');
				one.send(GET);
				await one.heard(/127\.0\.0\.9:\d+ haproxy\.example http\/1\.1/);
				await one.ended;
				const two = client(t, address, 'a.nginx.example', version, '-alpn', 'mqtt');
				await two.heard(/127\.0\.0\.9:\d+ a\.nginx\.example mqtt/);
				await two.ended;
				for (const { said } of [one, two]) t.match(said, /Verification: OK/);
			}
		}
		const records = await balancer.recorded(8);
		for (const { client, outcome, sni, pool, tls } of records) {
			t.match(client, /^127\.0\.0\.9:/);
			t.equal(tls, null, 'which is none of ours');
			// Neither server waits for the client's goodbye (close_notify): what comes after they closed is reset.
			t.ok(['completed', 'backend-reset'].includes(outcome), outcome);
			t.equal(sni, pool === 'nginx' ? 'a.nginx.example' : 'haproxy.example');
		}
		const alpn = new Set(records.map(({ pool, alpn }) => `${pool} ${alpn}`));
		t.strictSame(alpn, new Set(['haproxy h3,http/1.1', 'nginx mqtt']));
	},

	'sessions are taken up again by the server that began them': async (t, target) => {
		const { balancer, client } = await house(t, target);
		const again = client(t, balancer.address(), 'haproxy.example', '-tls1_2', '-reconnect');
		const said = await again.heard(/(?:^(?:New|Reused), TLSv1\.2[\s\S]*){6}/m);
		t.equal(said.match(/^Reused, TLSv1\.2/gm)?.length, 5);
		await again.leave();
		t.equal((await balancer.recorded(6)).length, 6);
	},

	'a name or a protocol that nobody serves gets nowhere': async (t, target) => {
		const { balancer, client } = await house(t, target);
		for (const [name, alpn] of [
			['b.a.nginx.example', 'mqtt'],
			['a.nginx.example', 'http/1.1'],
			['haproxy.example.org', 'mqtt'],
		] as const) {
			const lost = client(t, balancer.address(), name, '-alpn', alpn);
			t.not(await lost.ended, 0, `${name} ${alpn}`);
		}
		const nameless = new OpensslClient(t, balancer.address(), ['-noservername']);
		t.not(await nameless.ended, 0);
		for (const { outcome } of await balancer.recorded(4)) t.equal(outcome, 'no-route');
	},
};

export function conform(engine: EngineName): void {
	conformance(RULES, allTargets([engine]), [engine]);
}
