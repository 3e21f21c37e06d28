import t, { type Test } from 'tap';
import { OUTCOMES, type Outcome } from '../../src/core/outcome.ts';
import { POSTGRES_SSL_REQUEST } from '../../src/wire/postgres.ts';
import { selfSigned } from '../support/certificates.ts';
import { greet, startBackend } from '../support/echo.ts';
import { type Balancer, engineTargets, type Target, type TestConfig } from '../support/harness.ts';
import { helloBytes } from '../support/hello-bytes.ts';
import { configOf, type Overrides } from '../support/net-config.ts';
import { refusingAddress } from '../support/net-ports.ts';
import { dial, type Peer } from '../support/peers.ts';

/** What is done until the session has ended so; each starts its own balancer. */
type Scenario = (run: Run) => Promise<void>;

/** The hands of a scenario. The backend says `hi` and echoes; its address is `backend`. */
interface Run {
	readonly t: Test;
	readonly backend: string;
	start(config: TestConfig): Promise<Balancer>;
	/** In front of the backend alone. */
	startWith(overrides: Overrides): Promise<Balancer>;
	/** A client in its relay. */
	greeted(balancer: Balancer): Promise<Peer>;
	/** A client that is turned away. */
	refused(balancer: Balancer): Promise<void>;
}

const noRetries = { retries: { attempts: 0 } } as const;

/** The client is in, then time does the rest. */
const timed =
	(timeouts: { idle?: string; halfClose?: string; maxDuration?: string }, halfClosed = false): Scenario =>
	async ({ startWith, greeted }) => {
		const client = await greeted(await startWith({ listener: { timeouts } }));
		if (halfClosed) client.fin();
		await client.ending();
		if (!halfClosed) client.fin();
	};

const limited =
	(listener: NonNullable<Overrides['listener']>): Scenario =>
	async ({ startWith, greeted, refused }) => {
		const balancer = await startWith({ listener });
		const first = await greeted(balancer);
		await refused(balancer);
		first.fin();
		await first.ending();
	};

const LOOPBACK = ['127.0.0.0/8'];

/** A client that says this, and is turned away. */
const refusedAfter =
	(says: string, overrides: Overrides): Scenario =>
	async ({ t, startWith }) => {
		const client = await dial(t, (await startWith(overrides)).address());
		client.send(Buffer.from(says, 'latin1'));
		await client.ending();
		client.fin();
		t.equal(client.bytes, 0, 'the client has heard nothing');
	};

/** What comes of TLS that is taken off, which one engine does. */
const OF_NODE_ALONE: ReadonlySet<Outcome> = new Set(['tls-failed']);

/** A member of the union without a scenario does not compile. */
const SCENARIOS: Readonly<Record<Outcome, Scenario>> = {
	completed: async ({ startWith, greeted }) => {
		const client = await greeted(await startWith({}));
		client.fin();
		await client.ending();
	},
	'client-reset': async ({ startWith, greeted }) => (await greeted(await startWith({}))).reset(),
	'backend-reset': async ({ t, start, greeted }) => {
		const backend = await startBackend(t, { onClient: greet('hi') });
		const client = await greeted(await start(configOf([backend.address])));
		(await backend.accepted()).resetAndDestroy();
		await client.ending();
	},
	'client-left': async ({ t, backend, start, greeted }) => {
		const balancer = await start(
			configOf([{ address: backend, maxConnections: 1 }], { pool: { queue: { size: 1, timeout: '1m' } } }),
		);
		const first = await greeted(balancer);
		const second = await dial(t, balancer.address());
		second.fin();
		await second.ending();
		first.fin();
	},
	'idle-timeout': timed({ idle: '60ms' }),
	'half-close-timeout': async ({ t, start, greeted }) => {
		const mute = await startBackend(t, { onClient: (socket) => socket.resume().write('hi\n') });
		const client = await greeted(
			await start(configOf([mute.address], { listener: { timeouts: { halfClose: '60ms' } } })),
		);
		client.fin();
		await client.ending();
		(await mute.accepted()).end();
	},
	'max-duration': timed({ maxDuration: '60ms' }),
	killed: async ({ startWith, greeted }) => {
		const balancer = await startWith({});
		const client = await greeted(balancer);
		await balancer.killAll();
		await client.ending();
		client.fin();
	},
	drained: async ({ t, backend, start, greeted }) => {
		const goes = await startBackend(t, { onClient: greet('hi') });
		const [pool, more] = [{ balance: 'first' } as const, { drain: '50ms' }];
		const balancer = await start(configOf([goes.address, backend], { pool, more }));
		const client = await greeted(balancer);
		await balancer.reload(configOf([backend], { pool, more }));
		await client.ending();
		client.fin();
	},
	shutdown: async ({ startWith, greeted }) => {
		const balancer = await startWith({});
		const client = await greeted(balancer);
		const stopped = balancer.stop(0);
		await client.ending();
		client.fin();
		await stopped;
	},
	'no-route': async ({ startWith, refused }) =>
		refused(await startWith({ listener: { routes: [{ match: { countries: ['FR'] }, to: ['out'] }] } })),
	'access-denied': async ({ startWith, refused }) =>
		refused(await startWith({ listener: { access: { deny: { networks: ['127.0.0.1/32'] } } } })),
	'rate-limited': limited({ rate: '1/1m' }),
	'max-connections': limited({ maxConnections: 1 }),
	'pool-full': async ({ backend, start, greeted, refused }) => {
		const balancer = await start(configOf([{ address: backend, maxConnections: 1 }]));
		const first = await greeted(balancer);
		await refused(balancer);
		first.fin();
	},
	'pool-down': async ({ backend, start, refused }) => refused(await start(configOf([{ address: backend, weight: 0 }]))),
	'queue-timeout': async ({ backend, start, greeted, refused }) => {
		const balancer = await start(
			configOf([{ address: backend, maxConnections: 1 }], { pool: { queue: { size: 1, timeout: '60ms' } } }),
		);
		const first = await greeted(balancer);
		await refused(balancer);
		first.fin();
	},
	'connect-failed': async ({ start, refused }) =>
		refused(await start(configOf([await refusingAddress()], { pool: noRetries }))),
	'own-shortage': async ({ startWith, refused }) =>
		refused(await startWith({ pool: { sourceAddress: '192.0.2.7', ...noRetries } })),
	'proxy-header-invalid': refusedAfter('GET / HTTP/1.1\r\n', { listener: { proxyProtocol: { from: LOOPBACK } } }),
	'proxy-header-timeout': refusedAfter('PROXY ', {
		listener: { proxyProtocol: { from: LOOPBACK, timeout: '60ms' } },
	}),
	'not-tls': refusedAfter('GET / HTTP/1.1\r\n', { listener: { tls: { mode: 'passthrough' } } }),
	'client-hello-invalid': refusedAfter('\x16\x03\x01\x00\x00', { listener: { tls: { mode: 'passthrough' } } }),
	'client-hello-timeout': refusedAfter('\x16\x03\x01', {
		listener: { tls: { mode: 'passthrough' }, timeouts: { clientHello: '60ms' } },
	}),
	'tls-failed': async ({ t, startWith }) => {
		const { certFile: cert, keyFile: key } = selfSigned(t, ['a.example']);
		const tls = { mode: 'terminate' as const, certificates: [{ cert, key }] };
		const client = await dial(t, (await startWith({ listener: { tls } })).address());
		client.send(Buffer.from(helloBytes()));
		client.fin();
		await client.ending();
	},
	'upstream-tls-failed': async ({ t, start }) => {
		const backend = await startBackend(t, { onClient: (socket) => socket.end('N') });
		const listener = { tls: { mode: 'passthrough', startTls: 'postgres' } } as const;
		const client = await dial(t, (await start(configOf([backend.address], { listener, pool: noRetries }))).address());
		client.send(Buffer.from(POSTGRES_SSL_REQUEST));
		await client.heard(1);
		client.send(Buffer.from(helloBytes()));
		await client.ending();
	},
	'internal-error': async ({ t, backend, start, refused }) => {
		const balancer = await start(
			configOf([backend, backend.replace('127.0.0.1', '127.0.0.9')], { pool: { balance: 'random' } }),
		);
		balancer.plantFault?.();
		await refused(balancer);
		t.match(balancer.events, [{ level: 'error', fields: { error: 'planted' } }], 'it is logged');
	},
};

async function runOf(t: Test, target: Target): Promise<{ readonly run: Run; readonly started: Balancer[] }> {
	const { address: backend } = await startBackend(t, { onClient: greet('hi') });
	const started: Balancer[] = [];
	const start: Run['start'] = async (config) => {
		const balancer = await target.start(t, config);
		started.push(balancer);
		return balancer;
	};
	const run: Run = {
		t,
		backend,
		start,
		startWith: (overrides) => start(configOf([backend], overrides)),
		greeted: async (balancer) => {
			const client = await dial(t, balancer.address());
			await client.heard(3);
			return client;
		},
		refused: async (balancer) => {
			const client = await dial(t, balancer.address());
			await client.ending();
			client.fin();
			t.equal(client.bytes, 0, 'the client has heard nothing');
		},
	};
	return { run, started };
}

for (const target of engineTargets()) {
	t.test(target.name, async (t) => {
		const produced = new Set<Outcome>();
		const possible = OUTCOMES.filter((outcome) => target.engine === 'node' || !OF_NODE_ALONE.has(outcome));
		for (const outcome of possible) {
			await t.test(`${outcome} is produced on a socket`, async (t) => {
				const { run, started } = await runOf(t, target);
				await SCENARIOS[outcome](run);
				const records = (await started[0]?.recorded(1)) ?? [];
				t.equal(records[0]?.outcome, outcome);
				for (const record of records) produced.add(record.outcome);
			});
		}
		t.same(produced, new Set(possible), 'every member of the union was produced');
	});
}
