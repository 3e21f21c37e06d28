import type { App } from '../../src/app.ts';
import type { ConfigInput } from '../../src/control/config/schema.ts';
import { type AppUnderTest, startApp } from './app.ts';
import type { Teardown } from './echo.ts';
import { type Peer, until } from './peers.ts';

/** Workers of each engine. */
export const WORKERS = 2;
/** How long what needs a second look, a started thread or a collected socket may take on a busy machine. */
export const PATIENT_MS = 15_000;

type ListenerInput = ConfigInput['listeners'][number];
type PoolInput = ConfigInput['pools'][number];

/** On any port of 127.0.0.1, before pool `out`. */
export const plain = (name: string, more: Partial<ListenerInput> = {}): ListenerInput => ({
	name,
	bind: '127.0.0.1:0',
	routes: [{ to: ['out'] }],
	...more,
});

/** As `plain`, but it needs the node engine: a route that nobody matches leads to a pool that speaks TLS. */
export const onNode = (name: string, more: Partial<ListenerInput> = {}): ListenerInput => ({
	...plain(name, more),
	routes: [{ match: { networks: ['192.0.2.0/24'] }, to: ['secret'] }, { to: ['out'] }],
});

/** Listeners before pool `out`. */
export const mixedConfig = (
	listeners: ListenerInput[],
	out: Partial<PoolInput>,
	more: Partial<ConfigInput> = {},
): ConfigInput => ({
	engine: 'epoll',
	workers: WORKERS,
	listeners,
	pools: [
		{ name: 'out', health: { active: 'off' }, backends: [], ...out },
		{ name: 'secret', tls: {}, health: { active: 'off' }, backends: [{ address: '127.0.0.1:9' }] },
	],
	...more,
});

/** A balancer with two engines. */
export interface MixedApp extends AppUnderTest {
	address(listener: string): string;
	/** Nothing is held, and so many threads run. */
	atRest(threads: number): Promise<void>;
}

export async function startMixed(t: Teardown, config: ConfigInput): Promise<MixedApp> {
	const started = await startApp(t, config);
	const { app } = started;
	return {
		...started,
		address: (listener) => {
			const found = app.addresses.find((entry) => entry.listener === listener);
			if (found === undefined) throw new Error(`${listener} listens nowhere`);
			return found.address;
		},
		atRest: (threads) =>
			until(`nothing held by ${threads} threads`, () => app.held.zero && app.workers.length === threads, PATIENT_MS),
	};
}

/** Threads of one engine, by their numbers. */
export function threadsOf(app: App, engine: 'epoll' | 'node'): App['workers'] {
	const first = engine === 'epoll' ? 0 : WORKERS;
	const names = Array.from({ length: WORKERS }, (_, place) => `sluice-${first + place}`);
	return app.workers.filter(({ threadName }) => names.includes(threadName ?? ''));
}

/** Its byte comes back. */
export async function answers(peer: Peer): Promise<void> {
	const before = peer.bytes;
	peer.send('x');
	await peer.heard(before + 1);
}
