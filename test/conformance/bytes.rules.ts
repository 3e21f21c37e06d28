import type { Socket } from 'node:net';
import type { Test } from 'tap';
import { startBackend, startEcho } from '../support/echo.ts';
import type { EngineName } from '../support/engines.ts';
import { allTargets, type Target } from '../support/harness.ts';
import { configOf } from '../support/net-config.ts';
import { conformance, type Rules } from '../support/net-rules.ts';
import { dial, digestOf, pass, patternOf, peerOf, until } from '../support/peers.ts';

const SIZES = [1, 17, 65_535, 65_536, 65_537, 1_000_000, 8_000_000];

/** More than kernel and engine buffers of both hops can hold on loopback. */
const FLOOD_BYTES = 64_000_000;

const RULES: Rules = {
	'bytes come through whole, in order and once, whatever their number': everySizeComesBack,
	'both directions move at once without regard for each other': bothWaysAtOnce,
	'a client that does not read stops the backend, and loses nothing': (t, target) => slowReader(t, target, 'client'),
	'a backend that does not read stops the client, and loses nothing': (t, target) => slowReader(t, target, 'backend'),
	'what follows a long stream comes at once, though its sender neither goes on nor ends': tailsOfStreams,
	'sessions do not mix': sessionsDoNotMix,
};

async function everySizeComesBack(t: Test, target: Target): Promise<void> {
	const balancer = await target.start(t, configOf([(await startEcho(t)).address]));
	for (const [at, size] of SIZES.entries()) {
		const data = patternOf(size);
		const client = await dial(t, balancer.address());
		client.send(data);
		client.fin();
		t.equal(await client.ending(), 'fin', `${size}: the FIN comes back`);
		t.equal(client.digest, digestOf(data), `${size}: the same bytes`);
		const records = await balancer.recorded(at + 1);
		t.match(records[at], { uploadBytes: size, downloadBytes: size, outcome: 'completed' });
	}
}

async function bothWaysAtOnce(t: Test, target: Target): Promise<void> {
	const backend = await startBackend(t);
	const balancer = await target.start(t, configOf([backend.address]));
	const client = await dial(t, balancer.address());
	const server = peerOf(await backend.accepted());
	const [up, down] = [patternOf(3_000_000), patternOf(5_000_001)];
	client.send(up);
	server.send(down);
	client.fin();
	server.fin();
	t.same([await client.ending(), await server.ending()], ['fin', 'fin']);
	t.same([server.digest, client.digest], [digestOf(up), digestOf(down)]);
	t.match(await balancer.recorded(1), [{ uploadBytes: up.length, downloadBytes: down.length, outcome: 'completed' }]);
}

async function slowReader(t: Test, target: Target, reader: 'client' | 'backend'): Promise<void> {
	const backend = await startBackend(t, { onClient: (socket) => socket.pause() });
	const balancer = await target.start(t, configOf([backend.address]));
	const client = await dial(t, balancer.address(), { paused: true });
	const server = await backend.accepted();
	const [sender, slow] = reader === 'client' ? [server, client.socket] : [client.socket, server];
	const data = patternOf(1_000_000);
	const taken = await floodUntilStuck(sender, data);
	t.ok(taken < FLOOD_BYTES, `stuck after ${taken} bytes`);
	sender.end();
	let heard = 0;
	slow.on('data', (chunk: Buffer) => {
		heard += chunk.length;
	});
	slow.resume();
	await until('all bytes arrive', () => heard === FLOOD_BYTES, 20_000);
	slow.end();
	slow.end();
}

/** Writes `FLOOD_BYTES`; answers how many left this process before nothing moved any more. */
async function floodUntilStuck(socket: Socket, data: Buffer): Promise<number> {
	for (let sent = 0; sent < FLOOD_BYTES; sent += data.length) socket.write(data);
	const taken = (): number => FLOOD_BYTES - socket.writableLength;
	for (let before = -1; before !== taken(); ) {
		before = taken();
		await pass(150);
	}
	return taken();
}

async function tailsOfStreams(t: Test, target: Target): Promise<void> {
	const backend = await startBackend(t);
	const balancer = await target.start(t, configOf([backend.address]));
	const client = await dial(t, balancer.address());
	const server = peerOf(await backend.accepted());
	for (const [sender, receiver] of [
		[client, server],
		[server, client],
	] as const) {
		let expected = 0;
		for (const bytes of [40_000_000, 1, 700, 2_000_000, 3]) {
			sender.send(patternOf(bytes));
			expected += bytes;
			await until(`the last of ${bytes} bytes`, () => receiver.bytes === expected, 15_000);
		}
	}
	client.fin();
	server.fin();
	t.same([await client.ending(), await server.ending()], ['fin', 'fin']);
}

async function sessionsDoNotMix(t: Test, target: Target): Promise<void> {
	const balancer = await target.start(t, configOf([(await startEcho(t)).address]));
	const sizes = Array.from({ length: 60 }, (_, i) => 1_000 + i * 997);
	const digests = await Promise.all(
		sizes.map(async (size) => {
			const client = await dial(t, balancer.address());
			client.send(patternOf(size));
			client.fin();
			await client.ending();
			return client.digest;
		}),
	);
	t.same(
		digests,
		sizes.map((size) => digestOf(patternOf(size))),
	);
	const records = await balancer.recorded(sizes.length);
	t.ok(records.every((record) => record.outcome === 'completed'));
}

export function conform(engine: EngineName): void {
	conformance(RULES, allTargets([engine]), [engine]);
}
