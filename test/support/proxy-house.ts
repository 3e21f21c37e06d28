import { formatEndpoint, parseAddress } from '../../src/policy/address.ts';
import type { Teardown } from './echo.ts';
import { startHaproxy } from './haproxy.ts';
import type { Balancer, Target, TestConfig } from './harness.ts';
import { listenerTo, poolOf } from './net-config.ts';
import { startNginx } from './nginx.ts';
import { freePorts } from './peer-program.ts';
import { dial } from './peers.ts';

/** Who stands before the balancer and sends headers: all that they can; nginx 1.22 writes version 1 alone. */
export const SENDERS = ['haproxy v1', 'haproxy v2', 'haproxy v2 with TLVs', 'nginx v1'] as const;
export const RECEIVERS = ['haproxy', 'nginx'] as const;
export const VERSIONS = ['v1', 'v2'] as const;
export const FAMILIES = ['v4', 'v6'] as const;
type Family = (typeof FAMILIES)[number];
type Receiver = (typeof RECEIVERS)[number];

/** Where a client goes: to a sender, or to the balancer itself; what that sends on, and to whom. */
export interface Way {
	readonly family: Family;
	readonly sender: (typeof SENDERS)[number] | null;
	readonly version: (typeof VERSIONS)[number];
	readonly receiver: Receiver;
}

/** What the end of the way was told, and what it should have been: addresses as records have them. */
export interface Visit {
	readonly told: { readonly client: string; readonly destination: string };
	readonly client: string;
	readonly destination: string;
}

/** Clients come from an address that nobody else on the way has, where there is another one. */
const CLIENT: Readonly<Record<Family, string>> = { v4: '127.0.0.9', v6: '::1' };
const HOST: Readonly<Record<Family, string>> = { v4: '127.0.0.41', v6: '::1' };

/** The balancer between programs that speak the PROXY protocol. */
export interface ProxyHouse {
	readonly balancer: Balancer;
	visit(way: Way): Promise<Visit>;
}

export async function proxyHouse(t: Teardown, target: Target): Promise<ProxyHouse> {
	const balancer = await target.start(t, configOf(await startReceivers(t)));
	const senders = await startSenders(t, balancer);
	return {
		balancer,
		visit: async (way) => {
			const { family, sender, receiver } = way;
			const direct = balancer.address(listenerOf(way), FAMILIES.indexOf(family));
			const destination = sender === null ? direct : (senders.get(`${sender} ${listenerOf(way)} ${family}`) ?? '');
			const client = await dial(t, destination, { from: CLIENT[family] });
			const own = hostPort(client.socket.localAddress ?? '', client.socket.localPort ?? 0);
			// nginx answers at once, and resets whom it has not read.
			if (receiver === 'haproxy') client.send('GET / HTTP/1.0\r\n\r\n');
			await client.ending();
			client.fin();
			return { told: readAnswer(client.text), client: own, destination };
		},
	};
}

const listenerOf = ({ sender, receiver, version }: Way): string =>
	`${sender === null ? 'direct' : 'behind'}-${receiver}-${version}`;

const hostPort = (host: string, port: number): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);

/** `client destination`, each with its port after the last colon, perhaps after a head of HTTP. */
function readAnswer(text: string): Visit['told'] {
	const body = text.slice(text.lastIndexOf('\r\n\r\n') + 1).trim();
	const [client = '', destination = ''] = body.split(' ').map((written) => {
		const colon = written.lastIndexOf(':');
		const address = parseAddress(written.slice(0, colon));
		return address === null ? written : formatEndpoint({ address, port: Number(written.slice(colon + 1)) });
	});
	return { client, destination };
}

/** A pool for each receiver and version; in front of each a listener that believes senders, and one that knows none. */
function configOf(receivers: Readonly<Record<Receiver, string>>): TestConfig {
	const bind = ['127.0.0.1:0', '[::1]:0'];
	const proxyProtocol = { from: ['127.0.0.1/32', '::1/128'] };
	const pairs = RECEIVERS.flatMap((receiver) => VERSIONS.map((version) => ({ receiver, version })));
	return {
		listeners: pairs.flatMap(({ receiver, version }) => [
			listenerTo([`${receiver}-${version}`], { name: `behind-${receiver}-${version}`, bind, proxyProtocol }),
			listenerTo([`${receiver}-${version}`], { name: `direct-${receiver}-${version}`, bind }),
		]),
		pools: pairs.map(({ receiver, version }) =>
			poolOf(`${receiver}-${version}`, [receivers[receiver]], { proxyProtocol: version }),
		),
	};
}

/** Servers that answer with the addresses that they were told. */
async function startReceivers(t: Teardown): Promise<Readonly<Record<Receiver, string>>> {
	const [haproxy = 0, nginx = 0] = await freePorts(HOST.v4, 2);
	await startHaproxy(t, [
		'frontend receiver',
		'	mode http',
		`	bind ${HOST.v4}:${haproxy} accept-proxy`,
		'	http-request return status 200 content-type text/plain lf-string "%[src]:%[src_port] %[dst]:%[dst_port]"',
	]);
	const told = '$proxy_protocol_addr:$proxy_protocol_port $proxy_protocol_server_addr:$proxy_protocol_server_port';
	await startNginx(t, [`server { listen ${HOST.v4}:${nginx} proxy_protocol; return "${told}"; }`]);
	return { haproxy: `${HOST.v4}:${haproxy}`, nginx: `${HOST.v4}:${nginx}` };
}

/** What makes HAProxy send a header. */
const HAPROXY = {
	'haproxy v1': 'send-proxy',
	'haproxy v2': 'send-proxy-v2',
	'haproxy v2 with TLVs': 'send-proxy-v2 proxy-v2-options crc32c,unique-id',
} as const;

/** Of each kind one in front of each listener that believes it; their addresses by `sender listener family`. */
async function startSenders(t: Teardown, balancer: Balancer): Promise<ReadonlyMap<string, string>> {
	const addresses = new Map<string, string>();
	const haproxy: string[] = [];
	const nginx: string[] = [];
	for (const [nth, family] of FAMILIES.entries()) {
		const ports = await freePorts(HOST[family], SENDERS.length * RECEIVERS.length * VERSIONS.length);
		for (const sender of SENDERS) {
			for (const listener of RECEIVERS.flatMap((name) => VERSIONS.map((version) => `behind-${name}-${version}`))) {
				const at = hostPort(HOST[family], ports.pop() ?? 0);
				const to = balancer.address(listener, nth);
				const name = `${sender} ${listener} ${family}`;
				addresses.set(name, at);
				if (sender === 'nginx v1') nginx.push(`server { listen ${at}; proxy_pass ${to}; proxy_protocol on; }`);
				else haproxy.push(...haproxySender(name.replaceAll(' ', '-'), at, to, HAPROXY[sender]));
			}
		}
	}
	await Promise.all([startHaproxy(t, haproxy), startNginx(t, nginx)]);
	return addresses;
}

const haproxySender = (name: string, at: string, to: string, header: string): string[] => [
	`listen ${name}`,
	'	mode tcp',
	`	bind ${at}`,
	'	unique-id-format %ci:%cp',
	`	server balancer ${to} ${header}`,
];
