import type { App, AppOptions } from '../../src/app.ts';
import type { ConfigInput } from '../../src/control/config/schema.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { type AppUnderTest, startApp } from './app.ts';
import type { Teardown } from './echo.ts';
import { type Peer, until } from './peers.ts';

/** Workers of each engine. */
export const WORKERS = 2;
/** How long what needs a second look, a started thread or a collected socket may take on a busy machine. */
export const PATIENT_MS = 15_000;

type ListenerInput = ConfigInput['listeners'][number];
type PoolInput = ConfigInput['pools'][number];

/** A balancer with two engines: the listeners in `onNode`, by name, need the one on `node:net` from the next reload on. */
export interface MixedApp extends AppUnderTest {
	readonly onNode: Set<string>;
	address(listener: string): string;
	/** Nothing is held, and so many threads run. */
	atRest(threads: number): Promise<void>;
}

export const listenerAt = (name: string, more: Partial<ListenerInput> = {}): ListenerInput => ({
	name,
	bind: '127.0.0.1:0',
	routes: [{ to: ['out'] }],
	...more,
});

/** Listeners in front of one pool. */
export const mixedConfig = (
	listeners: readonly (string | ListenerInput)[],
	pool: Partial<PoolInput>,
	more: Partial<ConfigInput> = {},
): ConfigInput => ({
	engine: 'epoll',
	workers: WORKERS,
	listeners: listeners.map((listener) => (typeof listener === 'string' ? listenerAt(listener) : listener)),
	pools: [{ name: 'out', health: { active: 'off' }, backends: [], ...pool }],
	...more,
});

export async function startMixed(
	t: Teardown,
	config: ConfigInput,
	needNode: readonly string[],
	options: Partial<AppOptions> = {},
): Promise<MixedApp> {
	const onNode = new Set(needNode);
	const started = await startApp(t, config, { ...options, retouch: (snapshot) => needing(onNode, snapshot) });
	return {
		...started,
		onNode,
		address: (listener) => {
			const found = started.app.addresses.find((entry) => entry.listener === listener);
			if (found === undefined) throw new Error(`${listener} listens nowhere`);
			return found.address;
		},
		atRest: (threads) =>
			until(
				`nothing held by ${threads} threads`,
				() => started.app.held.zero && started.app.workers.length === threads,
				PATIENT_MS,
			),
	};
}

/** As if these listeners terminated TLS. */
export const needing = (names: ReadonlySet<string>, snapshot: Snapshot): Snapshot => ({
	...snapshot,
	listeners: snapshot.listeners.map((listener) => ({ ...listener, needsNode: names.has(listener.name) })),
});

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
