import fc from 'fast-check';
import t from 'tap';
import type { Health } from '../../src/core/desk.ts';
import type { BackendSnapshot } from '../../src/core/snapshot.ts';
import { PANIC_TIERS, Standing, TIERS, type Tier } from '../../src/policy/standing.ts';
import { at } from '../../src/policy/world.ts';
import { SlotRegistry } from '../../src/shared/registry.ts';
import { Scoreboard } from '../../src/shared/scoreboard.ts';
import { snapshotOf } from '../support/snapshots.ts';

const HEALTHS: readonly Health[] = ['up', 'unknown', 'down'];

/** The rule itself, asked of one backend. */
function belongs({ weight, backup }: BackendSnapshot, health: Health, tier: Tier): boolean {
	return weight > 0 && backup === tier.backup && (tier.health === null || tier.health === health);
}

t.test('each backend stands where its newest health puts it, whatever has changed since the last look', async (t) => {
	const backend = fc.record({ weight: fc.integer({ min: 0, max: 2 }), backup: fc.boolean() });
	const flips = fc.array(fc.tuple(fc.nat(), fc.constantFrom(...HEALTHS), fc.boolean()), { maxLength: 40 });
	const rule = fc.property(fc.array(backend, { maxLength: 8 }), flips, (sketches, changes) => {
		const registry = new SlotRegistry({ workers: 1, seed: 1 });
		const made = snapshotOf({
			pools: [{ name: 'p', backends: sketches.map((sketch, i) => ({ name: `b${i}`, ...sketch })) }],
		});
		const pool = at(made.pools, 0);
		const backends = pool.backends.map((one) => ({ ...one, slot: registry.claim('backend', 'p', one.name) }));
		// As a worker sees it; the registry is the main thread's.
		const standing = new Standing({ ...pool, backends }, new Scoreboard(registry.memory));
		for (const [which, health, looks] of [[0, 'unknown', true] as const, ...changes]) {
			const changed = backends[which % Math.max(1, backends.length)];
			if (changed !== undefined) registry.scoreboard.setHealth(changed.slot, health);
			if (!looks) continue;
			standing.look();
			for (const tier of [...TIERS, ...PANIC_TIERS]) {
				const members = backends.map((one) => belongs(one, registry.scoreboard.health(one.slot), tier));
				if (members.some((is, index) => is !== standing.isIn(index, tier))) return false;
				if (members.includes(true) !== standing.hasMember(tier)) return false;
			}
		}
		return true;
	});
	t.doesNotThrow(() => fc.assert(rule, { numRuns: 300 }));
});

t.test('while no health changes nobody is looked at again', async (t) => {
	let asked = 0;
	let epoch = 1;
	const live = {
		health: (): Health => {
			asked += 1;
			return 'up';
		},
		healthEpoch: () => epoch,
	};
	const pool = at(snapshotOf({ pools: [{ name: 'p', backends: [{ name: 'a' }, { name: 'b' }] }] }).pools, 0);
	const standing = new Standing(pool, live);
	for (let i = 0; i < 5; i++) standing.look();
	t.equal(asked, 2);
	epoch += 1;
	standing.look();
	t.equal(asked, 4);
});
