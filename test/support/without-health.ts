import type { ConfigInput } from '../../src/control/config/schema.ts';

const OFF = { active: 'off', passive: 'off' } as const;

/** Pools that say nothing of health have none: probes are connections, which backends of tests would count. */
export const withoutHealth = (config: ConfigInput): ConfigInput => ({
	...config,
	pools: config.pools.map((pool) => ({ health: OFF, ...pool })),
});
