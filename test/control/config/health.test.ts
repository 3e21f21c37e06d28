import t from 'tap';
import { parseConfigObject } from '../../../src/control/config/load.ts';
import type { ConfigInput } from '../../../src/control/config/schema.ts';
import { justStarted, paperSnapshot } from '../../../src/control/paper-snapshot.ts';
import type { PoolHealth } from '../../../src/core/snapshot.ts';

type HealthInput = NonNullable<ConfigInput['pools'][number]['health']>;

function snapshotOf(health: HealthInput | undefined, panicBelow?: number) {
	const backends = [{ address: '10.1.0.1:7000' }];
	const pool = { name: 'a', backends, ...(health && { health }), ...(panicBelow !== undefined && { panicBelow }) };
	const listeners = [{ name: 'game', bind: '127.0.0.1:7000', routes: [{ to: ['a'] }] }];
	return paperSnapshot(parseConfigObject({ listeners, pools: [pool] }), new Map());
}

const DEFAULT: PoolHealth = {
	active: { probe: { type: 'tcp' }, intervalMs: 5_000, timeoutMs: 2_000, rise: 2, fall: 3, port: null },
	passive: { failures: 5, withinMs: 10_000, ejectMs: 20_000, maxEjected: 0.5 },
};

t.test('health as written, with its defaults', async (t) => {
	const cases: [name: string, written: HealthInput | undefined, want: PoolHealth][] = [
		['absent', undefined, DEFAULT],
		['empty', { active: {}, passive: {} }, DEFAULT],
		['probes off', { active: 'off' }, { ...DEFAULT, active: null }],
		['ejection off', { passive: 'off' }, { ...DEFAULT, passive: null }],
		[
			'everything written',
			{
				active: { type: 'tcp', interval: '1s', timeout: '300ms', rise: 1, fall: 5, port: 99 },
				passive: { failures: 1, within: '1m', eject: '2m', maxEjected: 1 },
			},
			{
				active: { probe: { type: 'tcp' }, intervalMs: 1_000, timeoutMs: 300, rise: 1, fall: 5, port: 99 },
				passive: { failures: 1, withinMs: 60_000, ejectMs: 120_000, maxEjected: 1 },
			},
		],
	];
	for (const [name, written, want] of cases) t.strictSame(snapshotOf(written).pools[0]?.health, want, name);
	t.equal(snapshotOf(undefined).pools[0]?.panicBelow, 0);
	t.equal(snapshotOf(undefined, 0.25).pools[0]?.panicBelow, 0.25);
});

t.test('for explain, backends that are probed are unknown and the others up', async (t) => {
	const healthOf = (health: HealthInput | undefined) => {
		const snapshot = snapshotOf(health);
		const slot = snapshot.pools[0]?.backends[0]?.slot;
		return slot && justStarted(snapshot).health(slot);
	};
	t.equal(healthOf(undefined), 'unknown');
	t.equal(healthOf({ active: 'off' }), 'up');
});
