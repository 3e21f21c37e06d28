import type { Test } from 'tap';
import { startEcho } from '../support/echo.ts';
import type { EngineName } from '../support/engines.ts';
import type { Balancer, Target, TestConfig } from '../support/harness.ts';
import { engineTargets } from '../support/harness.ts';
import { configOf, listenerTo, poolOf } from '../support/net-config.ts';
import { conformance } from '../support/net-rules.ts';
import { dial, type Peer, pass } from '../support/peers.ts';

/** Access rules that deny every client from 127.0.0.2. */
const denied = (action: 'close' | 'reset' | 'silent' | 'tarpit', holdFor = '500ms') => ({
	access: { deny: { networks: ['127.0.0.2/32'] }, action, holdFor },
});

interface Guarded {
	readonly balancer: Balancer;
	readonly intruder: Peer;
	readonly served: () => number;
}

/** A balancer that denies the client which has just connected and spoken. */
async function guarded(t: Test, target: Target, listener: ReturnType<typeof denied>): Promise<Guarded> {
	const backend = await startEcho(t);
	const balancer = await target.start(t, configOf([backend.address], { listener }));
	const intruder = await dial(t, balancer.address(), { from: '127.0.0.2' });
	intruder.send('let me in');
	return { balancer, intruder, served: () => backend.served };
}

/** Serves one client to its end; it has to succeed. */
async function useOnce(t: Test, balancer: Balancer, from = '127.0.0.1'): Promise<void> {
	const client = await dial(t, balancer.address(), { from });
	client.send('x');
	await client.heard(1);
	client.fin();
	await client.ending();
}

/** How a further client fares: its ending, and that it has heard nothing. */
async function refusedAs(t: Test, balancer: Balancer, from = '127.0.0.1'): Promise<string> {
	const client = await dial(t, balancer.address(), { from });
	const how = await client.ending();
	client.fin();
	return `${how}, ${client.bytes} bytes`;
}

/** With `maxConnections: 1` somewhere: one is in, the next is refused, and comes in when the first has left. */
async function oneAtATime(t: Test, target: Target, config: TestConfig, detail: RegExp): Promise<void> {
	const balancer = await target.start(t, config);
	const first = await dial(t, balancer.address());
	first.send('x');
	await first.heard(1);
	t.equal(await refusedAs(t, balancer), 'fin, 0 bytes');
	t.match(await balancer.recorded(1), [{ outcome: 'max-connections', detail, backend: null, attempts: 0 }]);
	first.fin();
	await first.ending();
	await balancer.recorded(2);
	await useOnce(t, balancer);
}

export function conform(engine: EngineName): void {
	conformance(
		{
			'a denied client is closed with a FIN': async (t, target) => {
				const { balancer, intruder, served } = await guarded(t, target, denied('close'));
				t.equal(await intruder.ending(), 'fin');
				t.equal(intruder.bytes, 0);
				t.match(await balancer.recorded(1), [{ outcome: 'access-denied', attempts: 0, pool: null, uploadBytes: 0 }]);
				t.equal(served(), 0);
				await useOnce(t, balancer);
			},

			'a denied client is reset': async (t, target) => {
				const { balancer, intruder } = await guarded(t, target, denied('reset'));
				t.equal(await intruder.ending(), 'reset');
				t.match(await balancer.recorded(1), [{ outcome: 'access-denied' }]);
			},

			'a denied client is held in silence, then reset': async (t, target) => {
				const { balancer, intruder } = await guarded(t, target, denied('silent'));
				await pass(80);
				t.equal(intruder.ended, null, 'still held');
				t.equal(await intruder.ending(), 'reset');
				t.equal(intruder.bytes, 0);
				const [record] = await balancer.recorded(1);
				t.equal(record?.outcome, 'access-denied');
				t.ok((record?.durationMs ?? 0) >= 500);
			},

			'a client that leaves while it is held is forgotten at once': async (t, target) => {
				const { balancer, intruder } = await guarded(t, target, denied('silent', '20s'));
				await pass(30);
				intruder.reset();
				t.match(await balancer.recorded(1), [{ outcome: 'access-denied' }]);
			},

			'of too many held clients the oldest goes first': async (t, target) => {
				const backend = await startEcho(t);
				const more = { limits: { maxConnections: 200 } };
				const balancer = await target.start(
					t,
					configOf([backend.address], { listener: denied('silent', '20s'), more }),
				);
				const held: Peer[] = [];
				for (let i = 0; i < 3; i++) {
					held.push(await dial(t, balancer.address(), { from: '127.0.0.2' }));
					await pass(20);
				}
				t.equal(await held[0]?.ending(), 'reset', '1 % of 200 are 2');
				t.same([held[1]?.ended, held[2]?.ended], [null, null]);
			},

			'a denied client is delayed, then served': async (t, target) => {
				const { balancer, intruder } = await guarded(t, target, denied('tarpit'));
				await pass(80);
				t.equal(intruder.bytes, 0, 'not yet');
				t.equal(await intruder.heard(9), 'let me in', 'what it sent meanwhile is kept');
				intruder.fin();
				const [record] = await balancer.recorded(1);
				t.equal(record?.outcome, 'completed');
				t.ok((record?.durationMs ?? 0) >= 500);
			},

			'deny beats allow, and who is not allowed stays out': async (t, target) => {
				const backend = await startEcho(t);
				const access = { allow: { networks: ['127.0.0.0/30'] }, deny: { networks: ['127.0.0.2/32'] } };
				const balancer = await target.start(t, configOf([backend.address], { listener: { access } }));
				await useOnce(t, balancer, '127.0.0.1');
				t.equal(await refusedAs(t, balancer, '127.0.0.2'), 'fin, 0 bytes');
				t.equal(await refusedAs(t, balancer, '127.0.0.8'), 'fin, 0 bytes');
			},

			'above a rate clients are refused, and refused attempts do not count': async (t, target) => {
				const backend = await startEcho(t);
				const balancer = await target.start(t, configOf([backend.address], { listener: { rate: '3/2s' } }));
				for (let i = 0; i < 3; i++) await useOnce(t, balancer);
				for (let i = 0; i < 5; i++) t.equal(await refusedAs(t, balancer), 'fin, 0 bytes');
				const records = await balancer.recorded(8);
				t.match(records[3], { outcome: 'rate-limited', detail: 'listener in: 3/2s' });
				await pass(2_300);
				await useOnce(t, balancer);
			},

			'a rate per client leaves the others alone': async (t, target) => {
				const backend = await startEcho(t);
				const perClient = { rate: ['1/1m', '5/1h'], action: 'reset' as const };
				const balancer = await target.start(t, configOf([backend.address], { listener: { perClient } }));
				await useOnce(t, balancer, '127.0.0.3');
				t.equal(await refusedAs(t, balancer, '127.0.0.3'), 'reset, 0 bytes');
				t.match((await balancer.recorded(2))[1], { outcome: 'rate-limited', detail: 'client: 1/1m' });
				await useOnce(t, balancer, '127.0.0.4');
			},

			'the process has room for so many': async (t, target) => {
				const { address } = await startEcho(t);
				await oneAtATime(t, target, configOf([address], { more: { limits: { maxConnections: 1 } } }), /^process: /);
			},

			'a listener has room for so many': async (t, target) => {
				const { address } = await startEcho(t);
				await oneAtATime(t, target, configOf([address], { listener: { maxConnections: 1 } }), /^listener in: /);
			},

			'a client has room for so many': async (t, target) => {
				const { address } = await startEcho(t);
				const listener = { perClient: { maxConnections: 1 } };
				await oneAtATime(t, target, configOf([address], { listener }), /^client: /);
			},

			'a region has room for so many': async (t, target) => {
				const { address } = await startEcho(t);
				const regions = { home: { countries: ['FR'], maxConnections: 1 } };
				const geo = { regions, overrides: [{ network: '127.0.0.0/8', country: 'FR' }] };
				await oneAtATime(t, target, configOf([address], { more: { geo } }), /^region home: /);
			},

			'a client that no route matches is refused': async (t, target) => {
				const { address } = await startEcho(t);
				const routes = [{ match: { networks: ['127.0.0.9/32'] }, to: ['out'] }];
				const balancer = await target.start(t, configOf([address], { listener: { routes } }));
				t.equal(await refusedAs(t, balancer), 'fin, 0 bytes');
				t.match(await balancer.recorded(1), [{ outcome: 'no-route', route: null, pool: null }]);
				await useOnce(t, balancer, '127.0.0.9');
			},

			'clients reach the pool of their country and their region, as the overrides say': async (t, target) => {
				const [france, asia, rest] = [await startEcho(t), await startEcho(t), await startEcho(t)];
				const match = [
					{ match: { countries: ['FR'] }, to: ['fr'] },
					{ match: { regions: ['as'] }, to: ['as'] },
					{ to: ['x'] },
				];
				const balancer = await target.start(t, {
					listeners: [listenerTo(['x'], { routes: match })],
					pools: [poolOf('fr', [france.address]), poolOf('as', [asia.address]), poolOf('x', [rest.address])],
					geo: {
						regions: { as: { continents: ['asia'] } },
						overrides: [
							{ network: '127.0.0.2/32', country: 'FR' },
							{ network: '127.0.0.3/32', country: 'JP' },
						],
					},
				});
				for (const from of ['127.0.0.2', '127.0.0.3', '127.0.0.4']) await useOnce(t, balancer, from);
				t.match(await balancer.recorded(3), [
					{ pool: 'fr', route: '1', country: 'FR', region: null },
					{ pool: 'as', route: '2', country: 'JP', region: 'as' },
					{ pool: 'x', route: '3', country: null, region: null },
				]);
			},
		},
		engineTargets([engine]),
		[engine],
	);
}
