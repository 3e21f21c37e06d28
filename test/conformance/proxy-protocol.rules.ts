import type { Test } from 'tap';
import { formatEndpoint } from '../../src/policy/address.ts';
import { readProxyHeader } from '../../src/wire/proxy-protocol.ts';
import { type Backend, greet, startBackend, startEcho } from '../support/echo.ts';
import type { EngineName } from '../support/engines.ts';
import { allTargets, type Balancer, type Target } from '../support/harness.ts';
import { hex, join, utf8 } from '../support/hello-bytes.ts';
import { configOf, type Overrides } from '../support/net-config.ts';
import { conformance, type Rules } from '../support/net-rules.ts';
import { type DialOptions, dial, digestOf, type Peer, pass, patternOf } from '../support/peers.ts';
import { forAll, inTwo, piecesOf, sendPieces } from '../support/pieces.ts';
import { SIGNATURE, tlv, V4_BLOCK, V6_BLOCK, v2 } from '../support/proxy-bytes.ts';
import { recordings } from '../support/wire-corpus.ts';

/** Who must send a header; other clients of a test come from `OTHERS`. */
const TRUSTED = ['127.0.0.1/32'];
const OTHERS: DialOptions = { from: '127.0.0.2' };
/** Longer than any test. */
const LONG = '1m';

const V1 = utf8('PROXY TCP4 192.0.2.1 198.51.100.2 258 772\r\n');
const V2 = v2(0x21, 0x11, V4_BLOCK);
const CLIENT = '192.0.2.1:258';
const PAYLOAD = utf8('payload');

interface Scene {
	readonly balancer: Balancer;
	readonly backend: Backend;
}

const listening = (listener: Overrides['listener'] = {}): Overrides => ({
	listener: { proxyProtocol: { from: TRUSTED, timeout: LONG }, ...listener },
});

/** An echo behind a listener that believes `TRUSTED`. */
async function echoing(t: Test, target: Target, listener: Overrides['listener'] = {}): Promise<Scene> {
	const backend = await startEcho(t);
	return { backend, balancer: await target.start(t, configOf([backend.address], listening(listener))) };
}

/** A client's whole session: these pieces, then its FIN; answers what came back. */
async function sessionOf(
	t: Test,
	balancer: Balancer,
	pieces: readonly Uint8Array[],
	options: DialOptions = {},
): Promise<string> {
	const client = await dial(t, balancer.address(), options);
	await sendPieces(client, pieces);
	client.fin();
	await client.ending();
	return client.text;
}

const clientsOf = ({ records }: Balancer): Set<string | null> => new Set(records.map(({ client }) => client));

const RULES: Rules = {
	'a header of either version may be split anywhere: the client is whom it names, the rest is payload': async (
		t,
		target,
	) => {
		const { balancer, backend } = await echoing(t, target);
		const whole = [V1, V2].map((header) => join(header, PAYLOAD));
		const splits = [
			...whole.map((bytes) => [bytes]),
			...whole.map((bytes) => piecesOf(bytes, 1)),
			...whole.flatMap((bytes) => inTwo(bytes)),
		];
		await forAll(splits, async (pieces) => {
			t.equal(await sessionOf(t, balancer, pieces), 'payload');
		});
		const records = await balancer.recorded(splits.length);
		t.ok(records.every(({ outcome, uploadBytes }) => outcome === 'completed' && uploadBytes === PAYLOAD.length));
		t.same(clientsOf(balancer), new Set([CLIENT]));
		t.ok(
			records.every(({ peer }) => peer?.startsWith('127.0.0.1:')),
			'the peer is the socket',
		);
		t.equal(backend.served, splits.length);
	},

	'what HAProxy and nginx send is understood': async (t, target) => {
		const { balancer } = await echoing(t, target);
		for (const [at, { name, bytes }] of recordings('proxy-').entries()) {
			const read = readProxyHeader(bytes);
			if (read.type !== 'parsed') throw new Error(`${name}: ${read.type}`);
			const { addresses } = read.header;
			const header = bytes.subarray(0, read.header.bytes);
			t.equal(await sessionOf(t, balancer, [header, PAYLOAD]), 'payload', name);
			const { client, peer } = (await balancer.recorded(at + 1)).at(-1) ?? {};
			t.equal(client, addresses === null ? peer : formatEndpoint(addresses.source), name);
		}
	},

	'a header that names nobody leaves the client its own address': async (t, target) => {
		const { balancer } = await echoing(t, target);
		const headers = [
			utf8('PROXY UNKNOWN\r\n'),
			utf8('PROXY UNKNOWN ffff::1 ffff::2 65535 65535 and more\r\n'),
			v2(0x20, 0x11, V4_BLOCK),
			v2(0x20, 0x00),
			v2(0x21, 0x00),
		];
		for (const header of headers) t.equal(await sessionOf(t, balancer, [join(header, PAYLOAD)]), 'payload');
		for (const { client, peer, outcome } of await balancer.recorded(headers.length)) {
			t.equal(client, peer);
			t.equal(outcome, 'completed');
		}
	},

	'addresses of version 6 and TLVs are taken for what they are': async (t, target) => {
		const { balancer } = await echoing(t, target);
		const table: readonly (readonly [Uint8Array, string])[] = [
			[utf8('PROXY TCP6 2001:db8::1 2001:db8::2 258 772\r\n'), '[2001:db8::1]:258'],
			[utf8('PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 258 772\r\n'), CLIENT],
			[v2(0x21, 0x21, V6_BLOCK), '[2001:db8::1]:258'],
			[v2(0x21, 0x11, V4_BLOCK, tlv(0x02, utf8('name')), tlv(0xe0, new Uint8Array(3_000))), CLIENT],
		];
		for (const [at, [header, client]] of table.entries()) {
			t.equal(await sessionOf(t, balancer, piecesOf(join(header, PAYLOAD), 1_000)), 'payload');
			t.match((await balancer.recorded(at + 1)).at(-1), { client, outcome: 'completed' });
		}
	},

	'what follows a header is payload, however much, a second header too': async (t, target) => {
		const { balancer, backend } = await echoing(t, target);
		const data = patternOf(1_000_000);
		for (const first of [V1, V2]) {
			const client = await dial(t, balancer.address());
			client.send(Buffer.from(join(first, V1, data)));
			client.fin();
			await client.ending();
			t.equal(client.digest, digestOf(Buffer.from(join(V1, data))));
		}
		t.equal(backend.served, 2);
		t.same(
			(await balancer.recorded(2)).map(({ uploadBytes }) => uploadBytes),
			[V1.length + data.length, V1.length + data.length],
		);
	},

	'from anyone else the bytes are payload': async (t, target) => {
		const { balancer } = await echoing(t, target);
		for (const bytes of [V1, V2, PAYLOAD]) {
			t.equal(await sessionOf(t, balancer, [bytes], OTHERS), Buffer.from(bytes).toString('latin1'));
		}
		for (const { client, peer, uploadBytes } of await balancer.recorded(3)) {
			t.equal(client, peer);
			t.ok(client?.startsWith('127.0.0.2:'));
			t.ok(uploadBytes > 0);
		}
	},

	'what is no header is refused at its first wrong byte, without a word, and reaches nobody': async (t, target) => {
		const { balancer, backend } = await echoing(t, target);
		const wrong = [
			utf8('GET / HTTP/1.1\r\n\r\n'),
			utf8('PROXY TCP4 192.0.2.1 198.51.100.2 258\r\n'),
			utf8('PROXY TCP4 192.0.2.256 198.51.100.2 258 772\r\n'),
			utf8(`PROXY UNKNOWN ${'x'.repeat(107)}`),
			hex('16 0301 0100'),
			v2(0x31, 0x11, V4_BLOCK),
			v2(0x22, 0x11, V4_BLOCK),
			v2(0x21, 0x41, V4_BLOCK),
			v2(0x21, 0x11, V4_BLOCK.subarray(1)),
			v2(0x21, 0x11, V4_BLOCK, tlv(0x03, hex('00000000'))),
			join(SIGNATURE, hex('21 11 1000')),
			join(SIGNATURE.subarray(0, 11), hex('0b')),
		];
		for (const bytes of wrong) {
			const client = await dial(t, balancer.address());
			client.send(Buffer.from(bytes));
			t.equal(await client.ending(), 'fin');
			t.equal(client.bytes, 0);
			client.fin();
		}
		const records = await balancer.recorded(wrong.length);
		t.ok(records.every(({ outcome, detail }) => outcome === 'proxy-header-invalid' && detail !== null));
		t.equal(backend.served, 0);
	},

	'a header that does not come in time ends the session, a byte now and then or not': async (t, target) => {
		const { balancer, backend } = await echoing(t, target, {
			proxyProtocol: { from: TRUSTED, timeout: '250ms' },
		});
		const [silent, half, slow] = [
			await dial(t, balancer.address()),
			await dial(t, balancer.address()),
			await dial(t, balancer.address()),
		];
		half.send(Buffer.from(V1.subarray(0, 20)));
		for (const byte of piecesOf(V1.subarray(0, 20), 1)) {
			slow.send(Buffer.from(byte));
			await pass(20);
		}
		for (const client of [silent, half, slow]) {
			t.equal(await client.ending(), 'fin');
			client.fin();
		}
		for (const { outcome, durationMs } of await balancer.recorded(3)) {
			t.equal(outcome, 'proxy-header-timeout');
			t.ok(durationMs >= 249, `after ${durationMs} ms`);
		}
		t.equal(backend.served, 0);
	},

	'a client that ends before its header is whole': async (t, target) => {
		const { balancer, backend } = await echoing(t, target);
		const ends: readonly (readonly [Uint8Array | null, (client: Peer) => void, string])[] = [
			[null, (client) => client.fin(), 'client-left'],
			[V1.subarray(0, 10), (client) => client.fin(), 'proxy-header-invalid'],
			[V2.subarray(0, 20), (client) => client.fin(), 'proxy-header-invalid'],
			[null, (client) => client.reset(), 'client-reset'],
		];
		for (const [at, [bytes, end, outcome]] of ends.entries()) {
			const client = await dial(t, balancer.address());
			// A client that is reset before it is accepted may leave no trace.
			if (bytes === null) await pass(50);
			else client.send(Buffer.from(bytes));
			end(client);
			await client.ending();
			t.equal((await balancer.recorded(at + 1)).at(-1)?.outcome, outcome);
		}
		t.equal(backend.served, 0);
	},

	'a client with nothing but a header gets what a server says first, and its FIN is a half-close': async (
		t,
		target,
	) => {
		const backend = await startBackend(t, { onClient: greet('hello') });
		const balancer = await target.start(t, configOf([backend.address], listening()));
		for (const pieces of [[V1], piecesOf(V2, 5)]) t.equal(await sessionOf(t, balancer, pieces), 'hello\n');
		t.match(await balancer.recorded(2), [
			{ outcome: 'completed', client: CLIENT, uploadBytes: 0 },
			{ outcome: 'completed', client: CLIENT, uploadBytes: 0 },
		]);
	},
};

export function conform(engine: EngineName): void {
	conformance(RULES, allTargets([engine]), [engine]);
}
