import type { Test } from 'tap';
import { type Backend, echo, startBackend } from '../support/echo.ts';
import { endingRules, type Pair } from '../support/ending-rules.ts';
import type { EngineName } from '../support/engines.ts';
import type { Target } from '../support/harness.ts';
import { engineTargets } from '../support/harness.ts';
import { configOf, type Overrides } from '../support/net-config.ts';
import { conformance } from '../support/net-rules.ts';
import { dial, pass, patternOf, peerOf } from '../support/peers.ts';

interface BackedPair extends Pair {
	readonly backend: Backend;
}

async function pairOf(t: Test, target: Target, overrides: Overrides = {}): Promise<BackedPair> {
	const backend = await startBackend(t);
	const balancer = await target.start(t, configOf([backend.address], overrides));
	const client = await dial(t, balancer.address());
	const server = peerOf(await backend.accepted());
	return { balancer, backend, client, server };
}

export function conform(engine: EngineName): void {
	conformance(
		{
			...endingRules(pairOf),

			'a FIN comes after all bytes, also through full buffers': async (t, target) => {
				const backend = await startBackend(t, { onClient: (socket) => socket.pause() });
				const balancer = await target.start(t, configOf([backend.address]));
				const client = await dial(t, balancer.address());
				client.send(patternOf(12_000_000));
				client.fin();
				const socket = await backend.accepted();
				await pass(50);
				const server = peerOf(socket);
				socket.resume();
				t.equal(await server.ending(), 'fin');
				t.equal(server.bytes, 12_000_000);
				server.fin();
				t.match(await balancer.recorded(1), [{ outcome: 'completed', uploadBytes: 12_000_000 }]);
			},

			'a session is told of when it ends, however long its sockets take to close': async (t, target) => {
				const { balancer, client } = await pairOf(t, target, { listener: { timeouts: { idle: '200ms' } } });
				t.equal(await client.ending(), 'fin');
				const [record] = await balancer.recorded(1, 1_000);
				t.equal(record?.outcome, 'idle-timeout');
				t.ok((record?.durationMs ?? 0) >= 200 && (record?.durationMs ?? 0) < 1_000, `${record?.durationMs} ms`);
				t.notOk(balancer.isZero(), "the place is the backend's until it has closed");
			},

			'a half-closed session ends when no byte comes the other way': async (t, target) => {
				const { balancer, client, server } = await pairOf(t, target, {
					listener: { timeouts: { halfClose: '600ms' } },
				});
				client.fin();
				await server.ending();
				for (let i = 0; i < 4; i++) {
					await pass(200);
					server.send('x');
				}
				t.equal(await client.heard(4), 'xxxx', 'bytes put it off');
				t.equal(await client.ending(), 'fin');
				server.fin();
				const [record] = await balancer.recorded(1);
				t.equal(record?.outcome, 'half-close-timeout');
				t.ok((record?.durationMs ?? 0) >= 1_400, 'not before the last byte is old enough');
			},

			'an idle session ends, a busy one does not': async (t, target) => {
				const { balancer, client, server } = await pairOf(t, target, { listener: { timeouts: { idle: '600ms' } } });
				for (let i = 0; i < 4; i++) {
					await pass(200);
					if (i % 2 === 0) client.send('x');
					else server.send('y');
				}
				t.equal(client.ended, null, 'bytes of either side put it off');
				t.same([await client.ending(), await server.ending()], ['fin', 'fin']);
				client.fin();
				server.fin();
				t.match(await balancer.recorded(1), [{ outcome: 'idle-timeout', uploadBytes: 2, downloadBytes: 2 }]);
			},

			'a session ends at its maximum duration, busy or not': async (t, target) => {
				const { balancer, client, server } = await pairOf(t, target, {
					listener: { timeouts: { maxDuration: '150ms' } },
				});
				const chatter = setInterval(() => client.send('x'), 10);
				t.equal(await client.ending(), 'fin');
				clearInterval(chatter);
				client.fin();
				server.fin();
				const [record] = await balancer.recorded(1);
				t.equal(record?.outcome, 'max-duration');
				t.ok((record?.durationMs ?? 0) >= 150);
			},

			'what was read before a RST is offered to a side that does not read, for a second at most': async (t, target) => {
				const backend = await startBackend(t, { onClient: (socket) => socket.pause() });
				const balancer = await target.start(t, configOf([backend.address]));
				const client = await dial(t, balancer.address());
				await backend.accepted();
				client.send(patternOf(700_000));
				await pass(100);
				client.reset();
				const [record] = await balancer.recorded(1);
				t.equal(record?.outcome, 'client-reset');
				t.ok((record?.durationMs ?? 0) < 2_500, `over after ${record?.durationMs} ms`);
			},

			'a side that never answers a FIN does not keep the session': async (t, target) => {
				const { balancer, client } = await pairOf(t, target, { listener: { timeouts: { idle: '50ms' } } });
				t.equal(await client.ending(), 'fin');
				const [record] = await balancer.recorded(1, 6_000);
				t.equal(record?.outcome, 'idle-timeout');
			},

			'a server that speaks first is heard before the client has sent a byte': async (t, target) => {
				const { client, server } = await pairOf(t, target);
				server.send('220 ready\r\n');
				t.equal(await client.heard(11), '220 ready\r\n');
				client.fin();
				server.fin();
			},

			'a client that ends at once, without waiting for anything, is served whole': async (t, target) => {
				const backend = await startBackend(t, { onClient: echo });
				const balancer = await target.start(t, configOf([backend.address]));
				for (let i = 0; i < 20; i++) {
					const client = await dial(t, balancer.address());
					client.send('hello');
					client.fin();
					await client.ending();
					t.equal(client.text, 'hello');
				}
			},
		},
		engineTargets([engine]),
		[engine],
	);
}
