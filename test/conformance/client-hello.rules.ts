import type { Test } from 'tap';
import { MAX_HELLO_BYTES } from '../../src/wire/client-hello.ts';
import { type Backend, startBackend } from '../support/echo.ts';
import type { EngineName } from '../support/engines.ts';
import { allTargets, type Balancer, type Target } from '../support/harness.ts';
import {
	type Extension,
	helloBody,
	helloBytes,
	hex,
	join,
	longHello,
	message,
	protocols,
	record,
	records,
	serverName,
	utf8,
} from '../support/hello-bytes.ts';
import { listenerTo, type Overrides, poolOf } from '../support/net-config.ts';
import { conformance, type Rules } from '../support/net-rules.ts';
import { dial, type Peer, pass } from '../support/peers.ts';
import { forAll, inTwo, piecesOf, sendPieces } from '../support/pieces.ts';
import { recordings } from '../support/wire-corpus.ts';

type ListenerInput = NonNullable<Overrides['listener']>;

/** Longer than any test. */
const LONG = '1m';
const MORE = utf8('more');
const HEADER = utf8('PROXY TCP4 192.0.2.1 198.51.100.2 258 772\r\n');

/** Backends by what leads to them; each says which one it is when it has heard a FIN, after all that it was sent. */
const NAMES = ['exact', 'wild', 'mqtt', 'rest'] as const;
const ROUTES = [
	{ match: { sni: ['a.example', 'b.example'] }, to: ['exact'] },
	{ match: { sni: ['*.example'] }, to: ['wild'] },
	{ match: { alpn: ['mqtt', 'mqtts'] }, to: ['mqtt'] },
	{ to: ['rest'] },
];

interface Scene {
	readonly balancer: Balancer;
	readonly backends: readonly Backend[];
}

/** Echoes that put their name before what they send back, once they have it all. */
async function named(t: Test, target: Target, listener: ListenerInput = {}): Promise<Scene> {
	const backends = await Promise.all(
		NAMES.map((name) =>
			startBackend(t, {
				onClient: (socket) => {
					const heard: Buffer[] = [];
					socket.on('data', (chunk: Buffer) => heard.push(chunk));
					socket.on('end', () => socket.end(Buffer.concat([Buffer.from(`${name}:`), ...heard])));
				},
			}),
		),
	);
	const pools = NAMES.map((name, at) => poolOf(name, [backends[at]?.address ?? '']));
	const tls = { mode: 'passthrough' } as const;
	const timeouts = { clientHello: LONG };
	const listeners = [listenerTo([], { tls, timeouts, routes: ROUTES, ...listener })];
	return { backends, balancer: await target.start(t, { listeners, pools }) };
}

const served = ({ backends }: Scene): number => backends.reduce((sum, backend) => sum + backend.served, 0);

/** A client's whole session: these pieces, then its FIN. Answers who served it; the bytes have come there unchanged. */
async function servedBy(t: Test, { balancer }: Scene, pieces: readonly Uint8Array[]): Promise<string> {
	const client = await dial(t, balancer.address());
	await sendPieces(client, pieces);
	client.fin();
	await client.ending();
	const [name = '', ...rest] = client.text.split(':');
	if (rest.join(':') !== Buffer.concat(pieces).toString('latin1')) t.fail(`changed on the way to ${name}`);
	return name;
}

const helloTo = (...extensions: readonly Extension[]): Uint8Array => helloBytes({ extensions });

async function turnedAway(t: Test, { balancer }: Scene, bytes: Uint8Array, end: (client: Peer) => void = () => {}) {
	const client = await dial(t, balancer.address());
	client.send(Buffer.from(bytes));
	end(client);
	await client.ending();
	t.equal(client.bytes, 0, 'not a word');
	client.fin();
}

const RULES: Rules = {
	'the server name and the protocols lead to a route, the first that matches': async (t, target) => {
		const scene = await named(t, target);
		const table: readonly (readonly [readonly Extension[], (typeof NAMES)[number], string | null, string | null])[] = [
			[[serverName('a.example')], 'exact', 'a.example', null],
			[[serverName('B.Example')], 'exact', 'b.example', null],
			[[serverName('c.example')], 'wild', 'c.example', null],
			[[serverName('d.c.example')], 'rest', 'd.c.example', null],
			[[serverName('example')], 'rest', 'example', null],
			[[serverName('a.example'), protocols('mqtt')], 'exact', 'a.example', 'mqtt'],
			[[serverName('x.test'), protocols('h2', 'mqtts')], 'mqtt', 'x.test', 'h2,mqtts'],
			[[protocols('mqtt')], 'mqtt', null, 'mqtt'],
			[[protocols('MQTT')], 'rest', null, 'MQTT'],
			[[], 'rest', null, null],
		];
		for (const [at, [extensions, name, sni, alpn]] of table.entries()) {
			t.equal(await servedBy(t, scene, [helloTo(...extensions), MORE]), name);
			const line = (await scene.balancer.recorded(at + 1)).at(-1);
			t.match(line, { sni, alpn, pool: name, outcome: 'completed', tls: null });
		}
	},

	'without a route that matches there is nobody to serve it': async (t, target) => {
		const scene = await named(t, target, { routes: ROUTES.slice(0, 2) });
		await turnedAway(t, scene, helloTo(serverName('a.test')));
		await turnedAway(t, scene, helloTo());
		t.match(await scene.balancer.recorded(2), [
			{ outcome: 'no-route', sni: 'a.test' },
			{ outcome: 'no-route', sni: null },
		]);
		t.equal(served(scene), 0);
	},

	'a hello may be split over segments anywhere, and comes on as it was sent': async (t, target) => {
		const scene = await named(t, target);
		const hello = helloTo(serverName('a.example'), protocols('h2'));
		const whole = join(hello, MORE);
		const splits = [[whole], piecesOf(whole, 1), [hello, MORE], ...inTwo(whole, 3)];
		await forAll(splits, async (pieces) => {
			t.equal(await servedBy(t, scene, pieces), 'exact');
		});
		const records = await scene.balancer.recorded(splits.length);
		t.ok(records.every(({ outcome, uploadBytes }) => outcome === 'completed' && uploadBytes === whole.length));
	},

	'nor does it matter over how many records it is split, or how long it is': async (t, target) => {
		const scene = await named(t, target);
		const body = message(helloBody({ extensions: [serverName('a.example')] }));
		const hellos = [
			records(body, 1),
			records(body, 3, 7, 1, 50),
			longHello(1_800, serverName('a.example')),
			longHello(MAX_HELLO_BYTES, serverName('a.example')),
		];
		for (const hello of hellos) t.equal(await servedBy(t, scene, [hello, MORE]), 'exact');
		for (const size of [300, 1_400]) {
			const pieces = piecesOf(longHello(20_000, serverName('a.example')), size);
			t.equal(await servedBy(t, scene, pieces), 'exact', `${pieces.length} segments`);
		}
	},

	'what programs send leads where it names, and comes on as it was sent': async (t, target) => {
		const names = new Set<string>();
		const scene = await named(t, target);
		for (const { name, bytes } of recordings('hello-')) {
			const pieces = [bytes.subarray(0, 300), bytes.subarray(300)].filter(({ length }) => length > 0);
			t.not(await servedBy(t, scene, pieces), '', name);
			names.add(name);
		}
		t.ok(names.size > 10);
		const records = await scene.balancer.recorded(names.size);
		t.ok(records.every(({ outcome }) => outcome === 'completed'));
	},

	'what is not TLS, or no ClientHello, is turned away at its first wrong byte': async (t, target) => {
		const scene = await named(t, target);
		const body = message(helloBody({ extensions: [serverName('a.example')] }));
		const wrong: readonly (readonly [Uint8Array, string])[] = [
			[utf8('GET / HTTP/1.1\r\n\r\n'), 'not-tls'],
			[utf8('\n'), 'not-tls'],
			[hex('16 02'), 'not-tls'],
			[record(Uint8Array.of(2, 40), 21), 'client-hello-invalid'],
			[record(message(helloBody(), 2)), 'client-hello-invalid'],
			[record(new Uint8Array(0)), 'client-hello-invalid'],
			[record(body.subarray(0, -1).with(3, (body[3] ?? 0) - 1)), 'client-hello-invalid'],
			[hex('16 0301 4001'), 'client-hello-invalid'],
			[longHello(MAX_HELLO_BYTES + 1, serverName('a.example')), 'client-hello-invalid'],
			[join(...new Array<Uint8Array>(16_384).fill(hex('16 0301 0001 01'))), 'client-hello-invalid'],
		];
		for (const [at, [bytes, outcome]] of wrong.entries()) {
			await turnedAway(t, scene, bytes);
			const line = (await scene.balancer.recorded(at + 1)).at(-1);
			t.equal(line?.outcome, outcome, line?.detail ?? '');
		}
		t.equal(served(scene), 0);
	},

	'a client that ends before its hello is whole': async (t, target) => {
		const scene = await named(t, target);
		const part = helloTo(serverName('a.example')).subarray(0, 60);
		await turnedAway(t, scene, part, (client) => client.fin());
		await turnedAway(t, scene, new Uint8Array(0), (client) => client.fin());
		const gone = await dial(t, scene.balancer.address());
		gone.send(Buffer.from(part));
		await pass(50);
		gone.reset();
		t.match(await scene.balancer.recorded(3), [
			{ outcome: 'client-hello-invalid' },
			{ outcome: 'client-left' },
			{ outcome: 'client-reset' },
		]);
		t.equal(served(scene), 0);
	},

	'a client that ended in the tarpit is told by what it sent, without waiting for more': async (t, target) => {
		const everyone = { networks: ['0.0.0.0/0', '::/0'] };
		const scene = await named(t, target, { access: { deny: everyone, action: 'tarpit', holdFor: '150ms' } });
		const hello = helloTo(serverName('a.example'));
		await turnedAway(t, scene, hello.subarray(0, 60), (client) => client.fin());
		await turnedAway(t, scene, new Uint8Array(0), (client) => client.fin());
		t.equal(await servedBy(t, scene, [hello]), 'exact');
		t.same(
			(await scene.balancer.recorded(3)).map(({ outcome }) => outcome),
			['client-hello-invalid', 'client-left', 'completed'],
		);
	},

	'a hello that does not come in time ends the session, a byte now and then or not': async (t, target) => {
		const scene = await named(t, target, { timeouts: { clientHello: '250ms' } });
		const hello = helloTo(serverName('a.example'));
		const [silent, half, slow] = [
			await dial(t, scene.balancer.address()),
			await dial(t, scene.balancer.address()),
			await dial(t, scene.balancer.address()),
		];
		half.send(Buffer.from(hello.subarray(0, 50)));
		for (const byte of piecesOf(hello.subarray(0, 20), 1)) {
			slow.send(Buffer.from(byte));
			await pass(20);
		}
		for (const client of [silent, half, slow]) {
			t.equal(await client.ending(), 'fin');
			client.fin();
		}
		for (const { outcome, durationMs } of await scene.balancer.recorded(3)) {
			t.equal(outcome, 'client-hello-timeout');
			t.ok(durationMs >= 249, `after ${durationMs} ms`);
		}
		t.equal(served(scene), 0);
	},

	'behind a PROXY header, in one segment or byte by byte': async (t, target) => {
		const scene = await named(t, target, { proxyProtocol: { from: ['127.0.0.0/8'], timeout: LONG } });
		const hello = helloTo(serverName('a.example'));
		const whole = join(HEADER, hello, MORE);
		for (const pieces of [[whole], [HEADER, join(hello, MORE)], piecesOf(whole, 1)]) {
			const client = await dial(t, scene.balancer.address());
			await sendPieces(client, pieces);
			client.fin();
			await client.ending();
			t.equal(client.text, `exact:${Buffer.from(join(hello, MORE)).toString('latin1')}`);
		}
		const records = await scene.balancer.recorded(3);
		t.ok(records.every(({ client, outcome }) => client === '192.0.2.1:258' && outcome === 'completed'));
	},

	'its time begins when a PROXY header before it has ended': async (t, target) => {
		const scene = await named(t, target, {
			proxyProtocol: { from: ['127.0.0.0/8'], timeout: LONG },
			timeouts: { clientHello: '400ms' },
		});
		const late = await dial(t, scene.balancer.address());
		await pass(450);
		late.send(Buffer.from(join(HEADER, helloTo(serverName('a.example')))));
		late.fin();
		await late.ending();
		t.ok(late.text.startsWith('exact:'));
		const never = await dial(t, scene.balancer.address());
		never.send(Buffer.from(HEADER));
		await never.ending();
		t.match(await scene.balancer.recorded(2), [
			{ outcome: 'completed' },
			{ outcome: 'client-hello-timeout', client: '192.0.2.1:258' },
		]);
	},
};

export function conform(engine: EngineName): void {
	conformance(RULES, allTargets([engine]), [engine]);
}
