import t from 'tap';
import { SharedState } from '../../src/control/shared-state.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { wakeAt } from '../../src/shared/wake.ts';
import { WorkerBoard } from '../../src/shared/worker-board.ts';
import { snapshotOf } from '../support/snapshots.ts';

function bench(t: { teardown(end: () => void): void }) {
	const rung: number[] = [];
	const gone: number[] = [];
	const shared = new SharedState({
		workers: 3,
		clock: { nowNs: () => 1e9, wallMs: () => 0 },
		ring: (worker) => rung.push(worker),
		gone: (snapshot) => gone.push(snapshot),
	});
	t.teardown(() => shared.stop());
	const make = (pools: readonly string[]): Snapshot =>
		shared.snapshot(
			(id, slots) =>
				snapshotOf({ id, pools: pools.map((name) => ({ name })) }, (kind, name, address) =>
					slots.claim(kind as 'pool', name, address),
				),
			1e9,
		);
	return { shared, rung, gone, make };
}

t.test('snapshots are numbered; a place is kept while one that names it lives, and free afterwards', async (t) => {
	const { shared, make } = bench(t);
	const first = make(['a']);
	const second = make(['a', 'b']);
	t.same([first.id, second.id], [1, 2]);
	t.same(second.pools[0]?.slot, first.pools[0]?.slot);
	const third = make(['b']);
	const fourth = make(['b', 'c']);
	t.notOk(
		fourth.pools.some(({ slot }) => slot.index === first.pools[0]?.slot.index),
		'the first ones still have it',
	);
	for (const { id } of [first, second, third]) shared.release(id);
	const fifth = make(['b', 'c', 'd', 'e', 'f']);
	t.ok(fifth.pools.some(({ slot }) => slot.index === first.pools[0]?.slot.index));
});

t.test('what cannot be made changes nothing, and has had its number', async (t) => {
	const { shared, gone, make } = bench(t);
	const fail = (): never => {
		throw new Error('no');
	};
	t.throws(() => shared.snapshot(fail, 1e9), /no/);
	t.same(gone, [1]);
	t.equal(make(['a']).id, 2);
	shared.release(2);
	t.same(gone, [1, 2]);
});

t.test('what a dead worker held is given back, and every worker looks at its queues', async (t) => {
	const { shared, rung, make } = bench(t);
	const { process } = make(['a']);
	new WorkerBoard(shared.memory, 2).take(process, 1e9, -1);
	new WorkerBoard(shared.memory, 0).take(process, 1e9, -1);
	t.equal(shared.activeOf(2, process.slot), 1);
	t.equal(shared.repairs.isZero(), false);
	await shared.restore(2);
	t.equal(shared.activeOf(2, process.slot), 0);
	t.equal(shared.scoreboard.active(process.slot), 1);
	t.same(rung, [0, 1, 2]);
	t.ok([0, 1, 2].every((worker) => (shared.wakes[wakeAt(worker)] ?? 0) > 0));
});
