import type { TestConfig } from './harness.ts';

type ListenerInput = TestConfig['listeners'][number];
type PoolInput = TestConfig['pools'][number];
type BackendInput = PoolInput['backends'][number];

export interface Overrides {
	readonly listener?: Partial<ListenerInput>;
	readonly pool?: Partial<PoolInput>;
	/** The rest of the configuration. */
	readonly more?: Partial<TestConfig>;
}

/** Listener `in` on any port of 127.0.0.1 in front of pool `out` with these backends, by address or in full. */
export function configOf(backends: readonly (string | BackendInput)[], overrides: Overrides = {}): TestConfig {
	return {
		listeners: [listenerTo(['out'], overrides.listener)],
		pools: [poolOf('out', backends, overrides.pool)],
		...overrides.more,
	};
}

export const listenerTo = (to: string[], more: Partial<ListenerInput> = {}): ListenerInput => ({
	name: 'in',
	bind: '127.0.0.1:0',
	routes: [{ to }],
	...more,
});

/** Retries come fast: what is tested is their order, not their waits. */
export const poolOf = (
	name: string,
	backends: readonly (string | BackendInput)[],
	more: Partial<PoolInput> = {},
): PoolInput => ({
	name,
	retries: { attempts: 2, backoff: '5ms', maxBackoff: '10ms' },
	backends: backends.map((backend) => (typeof backend === 'string' ? { address: backend } : backend)),
	...more,
});
