import type { Test } from 'tap';
import { formatEndpoint } from '../../src/policy/address.ts';
import { type ProxyHeader, readProxyHeader } from '../../src/wire/proxy-protocol.ts';
import { type Backend, startBackend } from '../support/echo.ts';
import type { EngineName } from '../support/engines.ts';
import { allTargets, type Target } from '../support/harness.ts';
import { helloBytes, join, protocols, serverName, utf8 } from '../support/hello-bytes.ts';
import { configOf, listenerTo, type Overrides, poolOf } from '../support/net-config.ts';
import { refusingAddress, socketFolder } from '../support/net-ports.ts';
import { conformance, type Rules } from '../support/net-rules.ts';
import { dial, digestOf, type Peer, pass, patternOf, peerOf } from '../support/peers.ts';

type PoolInput = NonNullable<Overrides['pool']>;

const VERSIONS = ['v1', 'v2'] as const;
const TLV = { alpn: 0x01, authority: 0x02, crc32c: 0x03, uniqueId: 0x05 } as const;

/** What a backend heard: one header, and what came behind it. */
interface Heard {
	readonly header: ProxyHeader;
	readonly bytes: Buffer;
	readonly payload: string;
}

/** Waits for a header and so much payload. */
async function heardBy(t: Test, server: Peer, payloadBytes: number): Promise<Heard> {
	for (let most = 1; ; most++) {
		const bytes = Buffer.from(await server.heard(most), 'latin1');
		const read = readProxyHeader(bytes);
		if (read.type === 'invalid') throw new Error(`${read.reason}: ${bytes.toString('latin1')}`);
		if (read.type === 'need-more') continue;
		const { header } = read;
		const payload = (await server.heard(header.bytes + payloadBytes)).slice(header.bytes);
		t.equal(payload.length, payloadBytes);
		return { header, bytes: bytes.subarray(0, header.bytes), payload };
	}
}

const placesOf = ({ addresses }: ProxyHeader): string[] | null =>
	addresses === null ? null : [formatEndpoint(addresses.source), formatEndpoint(addresses.destination)];

const sourceOf = ({ socket }: Peer): string => `${socket.localAddress}:${socket.localPort}`;
const aimOf = ({ socket }: Peer): string => `${socket.remoteAddress}:${socket.remotePort}`;

function tlvsOf(header: Buffer): Map<number, Buffer> {
	const addressBytes = { 17: 12, 33: 36 }[header[13] ?? 0] ?? 0;
	const tlvs = new Map<number, Buffer>();
	for (let at = 16 + addressBytes; at < header.length; ) {
		const end = at + 3 + header.readUInt16BE(at + 1);
		tlvs.set(header.readUInt8(at), header.subarray(at + 3, end));
		at = end;
	}
	return tlvs;
}

async function tellers(t: Test, target: Target, pool: PoolInput, listener: Overrides['listener'] = {}) {
	const backend = await startBackend(t);
	return { backend, balancer: await target.start(t, configOf([backend.address], { pool, listener })) };
}

const server = async (backend: Backend, nth = 0): Promise<Peer> => peerOf(await backend.accepted(nth));

const RULES: Rules = {
	'one header before all else says who the client is and where it connected to; it counts nowhere': async (
		t,
		target,
	) => {
		for (const proxyProtocol of VERSIONS) {
			const { backend, balancer } = await tellers(t, target, { proxyProtocol });
			const first = await dial(t, balancer.address());
			const data = patternOf(300_000);
			first.send(data);
			first.fin();
			const one = await server(backend);
			const heard = await heardBy(t, one, data.length);
			t.same(placesOf(heard.header), [sourceOf(first), aimOf(first)]);
			t.equal(digestOf(Buffer.from(heard.payload, 'latin1')), digestOf(data));
			t.equal(await one.ending(), 'fin');
			one.fin();
			t.match(await balancer.recorded(1), [{ outcome: 'completed', uploadBytes: data.length }]);
		}
	},

	'a backend that speaks first, or only when it has the header, has it without a word of the client': async (
		t,
		target,
	) => {
		for (const proxyProtocol of VERSIONS) {
			const { backend, balancer } = await tellers(t, target, { proxyProtocol });
			const client = await dial(t, balancer.address());
			const one = await server(backend);
			t.same(placesOf((await heardBy(t, one, 0)).header), [sourceOf(client), aimOf(client)]);
			one.send('welcome');
			await client.heard(7);
			client.send('x');
			t.equal((await heardBy(t, one, 1)).payload, 'x');
			one.fin();
			client.fin();
			t.match(await balancer.recorded(1), [{ outcome: 'completed', uploadBytes: 1, downloadBytes: 7 }]);
		}
	},

	'the destination is where the client connected to, never the wildcard; mapped addresses are of version 4': async (
		t,
		target,
	) => {
		for (const bind of ['0.0.0.0:0', '[::]:0']) {
			const { backend, balancer } = await tellers(t, target, { proxyProtocol: 'v1' }, { bind });
			const port = balancer.address().split(':').at(-1);
			const client = await dial(t, `127.0.0.5:${port}`, { from: '127.0.0.6' });
			const { bytes } = await heardBy(t, await server(backend), 0);
			const ports = `${client.socket.localPort} ${port}`;
			t.equal(bytes.toString('latin1'), `PROXY TCP4 127.0.0.6 127.0.0.5 ${ports}\r\n`, bind);
		}
		const { backend, balancer } = await tellers(t, target, { proxyProtocol: 'v2' }, { bind: '[::1]:0' });
		const client = await dial(t, balancer.address());
		t.same(placesOf((await heardBy(t, await server(backend), 0)).header), [
			`[::1]:${client.socket.localPort}`,
			`[::1]:${client.socket.remotePort}`,
		]);
	},

	'what an incoming header says is handed on; one that names nobody leaves the addresses of the socket': async (
		t,
		target,
	) => {
		const proxyProtocol = { from: ['127.0.0.0/8'], timeout: '1m' };
		for (const version of VERSIONS) {
			const { backend, balancer } = await tellers(t, target, { proxyProtocol: version }, { proxyProtocol });
			const named = await dial(t, balancer.address());
			named.send('PROXY TCP6 2001:db8::1 2001:db8::2 258 772\r\nhi');
			const heard = await heardBy(t, await server(backend), 2);
			t.same(placesOf(heard.header), ['[2001:db8::1]:258', '[2001:db8::2]:772']);
			t.equal(heard.payload, 'hi');
			const local = await dial(t, balancer.address());
			local.send('PROXY UNKNOWN\r\nhi');
			t.same(placesOf((await heardBy(t, await server(backend, 1), 2)).header), [sourceOf(local), aimOf(local)]);
		}
	},

	'of a client without an address there is nothing to say; unix-domain backends are told like others': async (
		t,
		target,
	) => {
		const path = socketFolder(t);
		for (const version of VERSIONS) {
			const backend = await startBackend(t, { path: path(`${version}-out`) });
			const listeners = [
				listenerTo(['out']),
				listenerTo(['out'], { name: 'unix', bind: `unix:${path(`${version}-in`)}` }),
			];
			const pools = [poolOf('out', [backend.address], { proxyProtocol: version })];
			const balancer = await target.start(t, { listeners, pools });
			const unix = await dial(t, balancer.address('unix'));
			unix.send('hi');
			t.equal(placesOf((await heardBy(t, await server(backend), 2)).header), null);
			const tcp = await dial(t, balancer.address());
			tcp.send('hi');
			t.same(placesOf((await heardBy(t, await server(backend, 1), 2)).header), [sourceOf(tcp), aimOf(tcp)]);
		}
	},

	'version 2 says besides what it is told to': async (t, target) => {
		const pool: PoolInput = { proxyProtocol: 'v2', proxyTlvs: ['authority', 'alpn', 'unique-id', 'crc32c'] };
		const { backend, balancer } = await tellers(t, target, pool, { tls: { mode: 'passthrough' } });
		const hello = helloBytes({ extensions: [serverName('a.example'), protocols('h2', 'http/1.1')] });
		const ids = new Set<string>();
		for (const nth of [0, 1]) {
			const client = await dial(t, balancer.address());
			client.send(Buffer.from(join(hello, utf8('more'))));
			const { bytes, payload } = await heardBy(t, await server(backend, nth), hello.length + 4);
			const tlvs = tlvsOf(bytes);
			t.same([...tlvs.keys()].sort(), Object.values(TLV));
			t.equal(tlvs.get(TLV.authority)?.toString(), 'a.example');
			t.equal(tlvs.get(TLV.alpn)?.toString(), 'h2');
			t.equal(digestOf(Buffer.from(payload, 'latin1')), digestOf(Buffer.from(join(hello, utf8('more')))));
			ids.add(`${tlvs.get(TLV.uniqueId)}`);
		}
		t.equal(ids.size, 2, 'each session has an id of its own');
	},

	'over retries it is one header': async (t, target) => {
		const backend = await startBackend(t);
		const pool: PoolInput = { proxyProtocol: 'v1', balance: 'first' };
		const balancer = await target.start(t, configOf([await refusingAddress(), backend.address], { pool }));
		const client = await dial(t, balancer.address());
		client.send('payload');
		const one = await server(backend);
		t.equal((await heardBy(t, one, 7)).payload, 'payload');
		one.fin();
		client.fin();
		t.match(await balancer.recorded(1), [{ outcome: 'completed', attempts: 2, uploadBytes: 7 }]);
		t.equal(one.text.split('PROXY').length, 2);
	},

	'after a wait in a queue it is one header, and what was sent meanwhile is behind it': async (t, target) => {
		const backend = await startBackend(t);
		const pool: PoolInput = { proxyProtocol: 'v1', queue: { size: 5, timeout: '1m' } };
		const balancer = await target.start(t, configOf([{ address: backend.address, maxConnections: 1 }], { pool }));
		const first = await dial(t, balancer.address());
		const one = await server(backend);
		await heardBy(t, one, 0);
		const second = await dial(t, balancer.address());
		second.send('payload');
		await pass(50);
		second.fin();
		t.equal(backend.served, 1);
		first.fin();
		one.fin();
		const two = await server(backend, 1);
		const heard = await heardBy(t, two, 7);
		t.same([placesOf(heard.header), heard.payload], [[sourceOf(second), aimOf(second)], 'payload']);
		t.equal(await two.ending(), 'fin');
		two.fin();
		await balancer.recorded(2);
		t.equal(two.text.split('PROXY').length, 2);
	},

	'a backend that resets once it has the header is not tried again': async (t, target) => {
		const [moody, other] = [await startBackend(t), await startBackend(t)];
		const pool: PoolInput = { proxyProtocol: 'v2', balance: 'first' };
		const balancer = await target.start(t, configOf([moody.address, other.address], { pool }));
		const client = await dial(t, balancer.address());
		const one = await server(moody);
		await heardBy(t, one, 0);
		one.reset();
		t.equal(await client.ending(), 'reset');
		t.match(await balancer.recorded(1), [{ outcome: 'backend-reset', backend: moody.address, attempts: 1 }]);
		t.equal(other.served, 0);
	},
};

export function conform(engine: EngineName): void {
	conformance(RULES, allTargets([engine]), [engine]);
}
