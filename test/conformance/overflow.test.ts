import t from 'tap';
import { echo, startBackend } from '../support/echo.ts';
import { allTargets, type Balancer, type TestConfig } from '../support/harness.ts';
import { configOf } from '../support/net-config.ts';
import { conformance, type Rules } from '../support/net-rules.ts';
import { dial, type Peer, pass, until } from '../support/peers.ts';

const CLIENTS = 12;

/** Clients that come all at once; each has sent a byte. */
async function crowd(t: Parameters<typeof dial>[0], balancer: Balancer): Promise<Peer[]> {
	const clients = await Promise.all(Array.from({ length: CLIENTS }, () => dial(t, balancer.address())));
	for (const client of clients) client.send('x');
	return clients;
}

const served = (clients: readonly Peer[]): readonly Peer[] => clients.filter(({ bytes }) => bytes > 0);

/** Above a cap of 3, the others are in the kernel's queue: none is refused, and each is served when one leaves. */
const waitsForRoom =
	(limits: (cap: number) => Partial<TestConfig> & { readonly listener?: Partial<TestConfig['listeners'][number]> }) =>
	async (...[t, target]: Parameters<Rules[string]>): Promise<void> => {
		const backend = await startBackend(t, { onClient: echo });
		const { listener = {}, ...more } = limits(3);
		const balancer = await target.start(t, configOf([backend.address], { listener, more }));
		const clients = await crowd(t, balancer);
		await until('three are served', () => served(clients).length >= 3);
		await pass(100);
		t.equal(served(clients).length, 3, 'and no more');
		t.notOk(
			clients.some(({ ended }) => ended !== null),
			'nobody is turned away',
		);
		for (let left = CLIENTS; left > 0; left--) {
			await until('somebody is served', () =>
				served(clients).some(({ ended, socket }) => ended === null && !socket.writableEnded),
			);
			const next = served(clients).find(({ socket }) => !socket.writableEnded);
			next?.fin();
			await next?.ending();
		}
		const records = await balancer.recorded(CLIENTS);
		t.ok(records.every(({ outcome }) => outcome === 'completed'));
		t.ok(backend.peak <= 3, `at most three at once: ${backend.peak}`);
	};

const RULES: Rules = {
	'above the cap of a listener clients wait in the queue of the kernel': waitsForRoom((maxConnections) => ({
		listener: { maxConnections, overflow: 'wait' },
	})),

	'above the cap of the process they do, too': waitsForRoom((maxConnections) => ({
		limits: { maxConnections, overflow: 'wait' },
	})),

	'above a rate they wait for the next that may come': async (t, target) => {
		const backend = await startBackend(t, { onClient: echo });
		const listener = { rate: '3/200ms', overflow: 'wait' } as const;
		const balancer = await target.start(t, configOf([backend.address], { listener }));
		const clients = await crowd(t, balancer);
		await until('three are served', () => served(clients).length >= 3);
		await until('all are served', () => served(clients).length === CLIENTS);
		t.notOk(
			clients.some(({ ended }) => ended !== null),
			'nobody is turned away',
		);
		for (const client of clients) client.fin();
		const records = await balancer.recorded(CLIENTS);
		t.ok(records.every(({ outcome }) => outcome === 'completed'));
	},

	'a listener that refuses does so beside one that waits': async (t, target) => {
		const backend = await startBackend(t, { onClient: echo });
		const routes = [{ to: ['out'] }];
		const one = { name: 'in', bind: '127.0.0.1:0', maxConnections: 1, routes };
		const two = { ...one, name: 'patient', overflow: 'wait' } as const;
		const balancer = await target.start(t, configOf([backend.address], { more: { listeners: [one, two] } }));
		const first = await dial(t, balancer.address());
		first.send('x');
		await first.heard(1);
		const second = await dial(t, balancer.address());
		t.equal(await second.ending(), 'fin');
		t.match(await balancer.recorded(1), [{ outcome: 'max-connections' }]);
		const [third, fourth] = [await dial(t, balancer.address('patient')), await dial(t, balancer.address('patient'))];
		for (const client of [third, fourth]) client.send('x');
		await until('one is served', () => served([third, fourth]).length === 1);
		await pass(50);
		t.equal(served([third, fourth]).length, 1);
		for (const client of served([third, fourth])) client.fin();
		await until('then the other', () => served([third, fourth]).length === 2);
	},

	'those who wait when their listener goes are taken in before': async (t, target) => {
		const backend = await startBackend(t, { onClient: echo });
		const limited = { maxConnections: 3, overflow: 'wait' } as const;
		const balancer = await target.start(t, configOf([backend.address], { listener: limited }));
		const clients = await crowd(t, balancer);
		await until('three are served', () => served(clients).length >= 3);
		await balancer.reload(configOf([backend.address], { listener: { ...limited, name: 'another' } }));
		for (let left = CLIENTS; left > 0; left--) {
			await until('somebody is served', () => served(clients).some(({ socket }) => !socket.writableEnded));
			const next = served(clients).find(({ socket }) => !socket.writableEnded);
			next?.fin();
			await next?.ending();
		}
		t.ok((await balancer.recorded(CLIENTS)).every(({ outcome }) => outcome === 'completed'));
	},
};

conformance(RULES, allTargets(['epoll']), ['epoll']);

t.test('under node clients cannot wait in the queue of the kernel, and that is said', async (t) => {
	const node = allTargets(['node']).at(-1);
	const listener = { maxConnections: 1, overflow: 'wait' } as const;
	const start = async () => node?.start(t, configOf(['127.0.0.1:9'], { listener }));
	await t.rejects(start, { message: /listeners\[0\]\.overflow: wait needs the epoll engine, this is engine: node$/m });
});
