import { once } from 'node:events';
import { createServer } from 'node:net';
import type { LogEvent } from '../../src/core/record.ts';
import type { Teardown } from '../support/echo.ts';
import { type Backend, echo, greet, startBackend } from '../support/echo.ts';
import type { EngineName } from '../support/engines.ts';
import { allTargets, type Balancer, engineTargets } from '../support/harness.ts';
import { startBlackhole } from '../support/net-blackhole.ts';
import { configOf } from '../support/net-config.ts';
import { refusingAddress, socketFolder } from '../support/net-ports.ts';
import { conformance } from '../support/net-rules.ts';
import { dial, pass, until } from '../support/peers.ts';

/** An address that no machine on loopback has: TEST-NET-1, RFC 5737. */
const NOT_LOCAL = '192.0.2.7';

const PROBES = { interval: '100ms', timeout: '1s', rise: 2, fall: 2 } as const;
const EJECTS = { failures: 2, within: '10s', eject: '400ms' } as const;
const portOf = (address: string): number => Number(address.split(':').at(-1));

/** The first event of this kind about this backend, or any, that is not among the first `skip`. */
async function told(balancer: Balancer, msg: string, backend?: string, skip = 0): Promise<LogEvent['fields']> {
	const find = () =>
		balancer.events.find(
			(event, i) => i >= skip && event.msg === msg && (backend === undefined || event.fields.backend === backend),
		);
	await until(`${msg} ${backend ?? ''}`, () => find() !== undefined);
	return find()?.fields ?? {};
}

const said = (balancer: Balancer, msg: string): boolean => balancer.events.some((event) => event.msg === msg);

/** Who greets a new client, and after how many tries; the client leaves again. */
async function visit(t: Teardown, balancer: Balancer): Promise<string> {
	const before = balancer.records.length;
	const client = await dial(t, balancer.address());
	client.fin();
	await client.ending();
	const record = (await balancer.recorded(before + 1)).at(-1);
	return `${client.text.trim() || record?.outcome} ${record?.attempts}`;
}

/** A server that answers probes at this port of 127.0.0.2. */
async function answerAt(t: Teardown, port: number): Promise<void> {
	const server = createServer((socket) => socket.on('error', () => {}).resume()).listen(port, '127.0.0.2');
	await once(server, 'listening');
	t.teardown(() => server.close());
}

/** What also has to hold when workers count and another thread decides. */

export function conform(engine: EngineName): void {
	conformance(
		{
			'a server that goes away is down after fall probes, and up after rise when it is back': async (t, target) => {
				const path = socketFolder(t)('one.sock');
				const start = (): Promise<Backend> => startBackend(t, { path, onClient: greet('one') });
				const one = await start();
				const two = await startBackend(t, { onClient: greet('two') });
				const pool = { balance: 'first', health: { active: PROBES, passive: 'off' } } as const;
				const backends = [
					{ name: 'one', address: one.address },
					{ name: 'two', address: two.address },
				];
				const balancer = await target.start(t, configOf(backends, { pool }));
				t.match(await told(balancer, 'backend up', 'one'), { pool: 'out', reason: 'connect answered, first probe' });
				await told(balancer, 'backend up', 'two');
				t.equal(await visit(t, balancer), 'one 1');
				one.close();
				t.match(await told(balancer, 'backend down', 'one'), { reason: /^not reachable \(ENOENT\), 2 in a row$/ });
				t.equal(await visit(t, balancer), 'two 1');
				const before = balancer.events.length;
				await start();
				t.match(await told(balancer, 'backend up', 'one', before), { reason: 'connect answered, 2 in a row' });
				t.equal(await visit(t, balancer), 'one 1');
			},

			'one that refuses is tried in vain twice, then avoided at once until its time is over': async (t, target) => {
				const good = await startBackend(t, { onClient: greet('good') });
				const bad = await refusingAddress();
				const pool = { balance: 'first', health: { active: 'off', passive: EJECTS } } as const;
				const balancer = await target.start(t, configOf([bad, good.address], { pool }));
				t.equal(await visit(t, balancer), 'good 2');
				t.equal(await visit(t, balancer), 'good 2');
				const reason = '2 failures of sessions, the last one a failed connect';
				t.match(await told(balancer, 'backend ejected', bad), { pool: 'out', reason, forMs: 400, inARow: 1 });
				t.equal(await visit(t, balancer), 'good 1');
				t.match(await told(balancer, 'backend returned', bad), { reason: 'its time is over', health: 'up' });
				t.equal(await visit(t, balancer), 'good 2', 'it is tried again');
			},

			'one that resets before any byte is ejected': async (t, target) => {
				const good = await startBackend(t, { onClient: greet('good') });
				const bad = await startBackend(t, { onClient: (socket) => setTimeout(() => socket.resetAndDestroy(), 20) });
				const pool = { balance: 'first', health: { active: 'off', passive: EJECTS } } as const;
				const balancer = await target.start(t, configOf([bad.address, good.address], { pool }));
				for (const _ of [1, 2]) {
					const client = await dial(t, balancer.address());
					t.equal(await client.ending(), 'reset');
				}
				const reason = '2 failures of sessions, the last one a reset before the first byte';
				t.match(await told(balancer, 'backend ejected'), { backend: bad.address, reason });
				t.match(await balancer.recorded(2), [{ outcome: 'backend-reset' }, { outcome: 'backend-reset' }]);
				t.equal(await visit(t, balancer), 'good 1');
			},

			'our own shortage ejects nobody and is no result of a probe': async (t, target) => {
				const backend = await startBackend(t, { onClient: greet('one') });
				const health = { active: PROBES, passive: { ...EJECTS, failures: 1, maxEjected: 1 } };
				const retries = { attempts: 0 };
				const short = { pool: { health, retries, sourceAddress: NOT_LOCAL } };
				const balancer = await target.start(t, configOf([backend.address], short));
				t.match(await told(balancer, 'cannot probe'), { reason: 'EADDRNOTAVAIL' });
				for (let i = 0; i < 3; i++) {
					const client = await dial(t, balancer.address());
					await client.ending();
				}
				t.match(await balancer.recorded(3), Array(3).fill({ outcome: 'own-shortage' }));
				await pass(250);
				t.notOk(said(balancer, 'backend ejected') || said(balancer, 'backend down'));
				await balancer.reload(configOf([backend.address], { pool: { health, retries } }));
				t.match(await told(balancer, 'backend up'), { reason: 'connect answered, first probe' });
				t.equal(await visit(t, balancer), 'one 1');
			},

			'in a panic a pool that is down is tried all the same, but not what takes no sessions': async (t, target) => {
				const [one, none] = [
					await startBackend(t, { onClient: greet('one') }),
					await startBackend(t, { onClient: echo }),
				];
				const active = { ...PROBES, port: portOf(await refusingAddress()) };
				const backends = [{ address: none.address, weight: 0 }, { address: one.address }];
				const pool = { balance: 'first', health: { active } } as const;
				const balancer = await target.start(t, configOf(backends, { pool }));
				await told(balancer, 'backend down', one.address);
				t.equal(await visit(t, balancer), 'pool-down 0');
				await balancer.reload(configOf(backends, { pool: { ...pool, panicBelow: 0.5 } }));
				t.equal(await visit(t, balancer), 'one 1');
				t.equal(none.served, 0);
			},
		},
		allTargets([engine]),
		[engine],
	);

	conformance(
		{
			'a backend serves before its first result, which then decides alone': async (t, target) => {
				const backend = await startBackend(t, { onClient: greet('one') });
				const active = { interval: '1h', timeout: '700ms', port: portOf(await startBlackhole(t)) };
				const balancer = await target.start(t, configOf([backend.address], { pool: { health: { active } } }));
				t.equal(await visit(t, balancer), 'one 1');
				t.match(await told(balancer, 'backend down'), { reason: 'no answer to connect within 700 ms, first probe' });
				t.equal(await visit(t, balancer), 'pool-down 0');
			},

			'one without a result is passed over once another is up': async (t, target) => {
				const unknown = await startBackend(t, { onClient: greet('unknown') });
				const up = await startBackend(t, { host: '127.0.0.2', onClient: greet('up') });
				const port = portOf(await startBlackhole(t));
				await answerAt(t, port);
				const pool = { balance: 'first', health: { active: { interval: '1h', timeout: '10s', port } } } as const;
				const balancer = await target.start(t, configOf([unknown.address, up.address], { pool }));
				await told(balancer, 'backend up', up.address);
				t.equal(await visit(t, balancer), 'up 1');
			},

			'with probes off every backend counts as up, and is left alone': async (t, target) => {
				const backend = await startBackend(t, { onClient: greet('one') });
				const balancer = await target.start(t, configOf([backend.address], { pool: { health: { active: 'off' } } }));
				await pass(150);
				t.equal(backend.served, 0);
				t.equal(await visit(t, balancer), 'one 1');
				t.notOk(said(balancer, 'backend up'));
			},

			'one that resets after a byte of the client or of its own is not': async (t, target) => {
				const rude = await startBackend(t, {
					onClient: (socket) => socket.on('data', () => socket.resetAndDestroy()),
				});
				const brief = await startBackend(t, {
					onClient: (socket) => socket.write('x', () => setTimeout(() => socket.resetAndDestroy(), 20)),
				});
				const passive = { ...EJECTS, failures: 1, maxEjected: 1 };
				const pool = { balance: 'round-robin', health: { active: 'off', passive } } as const;
				const balancer = await target.start(t, configOf([rude.address, brief.address], { pool }));
				for (let i = 0; i < 6; i++) {
					const client = await dial(t, balancer.address());
					client.send('who is there?');
					await client.ending();
				}
				t.match(await balancer.recorded(6), Array(6).fill({ outcome: 'backend-reset' }));
				await pass(250);
				t.notOk(said(balancer, 'backend ejected'));
			},

			'one that accepts and hangs is up for a connect, and its sessions end by their timeouts': async (t, target) => {
				const backend = await startBackend(t, { onClient: (socket) => socket.resume().on('end', () => socket.end()) });
				const timeouts = { idle: '200ms' };
				const pool = { health: { active: PROBES, passive: { ...EJECTS, failures: 1, maxEjected: 1 } } };
				const balancer = await target.start(t, configOf([backend.address], { pool, listener: { timeouts } }));
				await told(balancer, 'backend up');
				const client = await dial(t, balancer.address());
				client.send('hello?');
				await client.ending();
				t.match(await balancer.recorded(1), [{ outcome: 'idle-timeout' }]);
				await pass(250);
				t.notOk(said(balancer, 'backend ejected') || said(balancer, 'backend down'));
			},

			'the only backend of a pool is never ejected': async (t, target) => {
				const pool = { retries: { attempts: 0 }, health: { active: 'off', passive: EJECTS } } as const;
				const balancer = await target.start(t, configOf([await refusingAddress()], { pool }));
				for (let i = 0; i < 5; i++) t.equal(await visit(t, balancer), 'connect-failed 1');
				await pass(250);
				t.notOk(said(balancer, 'backend ejected'));
			},
		},
		engineTargets([engine]),
		[engine],
	);
}
