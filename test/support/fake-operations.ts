import type { Operations } from '../../src/control/admin/operations.ts';
import type {
	BackendView,
	DiffView,
	EventView,
	PoolView,
	SessionView,
	StatusView,
	Traffic,
} from '../../src/control/admin/views.ts';
import { SluiceError } from '../../src/core/errors.ts';

export const QUIET: Traffic = {
	uploadBytes: 0,
	downloadBytes: 0,
	uploadBytesPerSecond: 0,
	downloadBytesPerSecond: 0,
};

export const backendOf = (pool: string, name: string): BackendView => ({
	pool,
	name,
	address: '10.1.0.1:7000',
	health: 'up',
	ejected: false,
	healthForMs: 1_000,
	state: 'enabled',
	weight: 1,
	configuredWeight: 1,
	backup: false,
	active: 3,
	maxConnections: 10,
	sessions: 12,
	sessionsPerSecond: 0.5,
	connects: 12,
	connectFailures: 0,
	traffic: QUIET,
	lastError: null,
	changed: [],
});

export const POOL: PoolView = {
	name: 'eu',
	balance: 'round-robin',
	active: 3,
	capacity: 10,
	healthy: 1,
	queued: 0,
	queueSize: null,
	sessions: 12,
	sessionsPerSecond: 0.5,
	traffic: QUIET,
	changed: [],
	backends: [backendOf('eu', 'eu-1')],
};

export const STATUS: StatusView = {
	version: '0.0.0',
	startedAt: '2026-01-01T00:00:00.000Z',
	uptimeMs: 1_000,
	phase: 'running',
	engine: 'epoll',
	workers: 2,
	snapshot: 1,
	configuration: '/etc/sluice.yaml',
	active: 3,
	maxConnections: 100,
	sessions: 12,
	sessionsPerSecond: 0.5,
	queued: 0,
	throttledShare: 0,
	traffic: QUIET,
	outcomes: { completed: 9 },
	recordsDropped: 0,
	logLevel: 'info',
	geoDatabase: 'embedded',
	changes: 0,
};

export const SESSION: SessionView = {
	id: '0-1',
	listener: 'game',
	peer: '198.51.100.7:4000',
	client: '198.51.100.7:4000',
	country: 'DE',
	region: 'eu',
	sni: null,
	alpn: null,
	route: '1',
	pool: 'eu',
	backend: 'eu-1',
	state: 'relaying',
	worker: 0,
	ageMs: 10,
	idleMs: 1,
	uploadBytes: 5,
	downloadBytes: 6,
	throttledMs: 0,
	throttled: false,
};

const EVENTS: readonly EventView[] = [1, 2].map((number) => ({
	number,
	time: '2026-01-02T03:04:05.678Z',
	level: 'info',
	msg: `event ${number}`,
	fields: {},
}));

export const NO_DIFF: DiffView = {
	summary: 'no changes',
	listeners: { added: [], removed: [], changed: [] },
	pools: { added: [], removed: [], changed: [] },
	backends: { added: [], removed: [], changed: [] },
	regions: { added: [], removed: [], changed: [] },
	settings: [],
	restart: [],
};

/** Operations that remember what was asked of them; `answers` replaces any of them. */
export function fakeOperations(answers: Partial<Operations> = {}): {
	readonly asked: unknown[][];
	readonly operations: Operations;
} {
	const asked: unknown[][] = [];
	const note =
		(name: string) =>
		async (...args: unknown[]): Promise<void> =>
			void asked.push([name, ...args]);
	const operations: Operations = {
		ready: true,
		status: () => STATUS,
		listeners: () => [],
		pools: () => [POOL],
		regions: () => [],
		buckets: () => [],
		events: (after) => EVENTS.filter(({ number }) => number > after),
		changes: () => [],
		alerts: () => [],
		history: async ({ series }) => ({ kept: false, series, stepMs: 10_000, points: [] }),
		sessions: async () => ({ sessions: [SESSION], next: null }),
		session: async (id) => (id === SESSION.id ? SESSION : null),
		countries: async () => [{ country: 'DE', active: 3 }],
		clients: async () => [],
		kill: async (id, by) => {
			asked.push(['kill', id, by]);
			return id === SESSION.id;
		},
		setWeight: note('setWeight'),
		drain: note('drain'),
		enable: note('enable'),
		disable: note('disable'),
		addBackend: note('addBackend'),
		removeBackend: async () => {
			throw new SluiceError('refused', 'eu-1 is the last backend of pool eu');
		},
		setShaping: note('setShaping'),
		setLogLevel: (...args) => void asked.push(['setLogLevel', ...args]),
		explain: ({ listener, ips }) => ({
			listener,
			clients: ips.map((client) => ({
				client,
				country: 'DE',
				region: 'eu',
				steps: [{ stage: 'route', text: 'route 1' }],
				route: '1',
				pool: 'eu',
				backend: 'eu-1',
				outcome: null,
				manner: null,
			})),
			spread: [{ pool: 'eu', backend: 'eu-1', outcome: null, clients: ips.length }],
		}),
		reload: async (by) => {
			asked.push(['reload', by]);
			return NO_DIFF;
		},
		diff: () => NO_DIFF,
	};
	// Getters stay getters.
	Object.defineProperties(operations, Object.getOwnPropertyDescriptors(answers));
	return { asked, operations };
}
