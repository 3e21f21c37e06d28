import t from 'tap';
import { TAKEN } from '../../src/core/desk.ts';
import { ATOMICS, type AtomicOps } from '../../src/shared/atomics.ts';
import { ACTIVE, slotBase } from '../../src/shared/layout.ts';
import { SlotRegistry } from '../../src/shared/registry.ts';
import { Repair } from '../../src/shared/repair.ts';
import { WorkerBoard } from '../../src/shared/worker-board.ts';
import { clientLimits, limited, v4 } from '../support/scoreboards.ts';

function house() {
	const registry = new SlotRegistry({ workers: 3, seed: 1 });
	const slot = registry.claim('backend', 'b', '');
	const limits = clientLimits(registry.clientTable('l', 16, 0));
	return { registry, slot, limits, repair: new Repair(registry.scoreboard) };
}

/** Operations that throw at the given compare-exchange of a place's count, counted from 1. */
function dyingAt(exchange: number): AtomicOps {
	let left = exchange;
	return {
		...ATOMICS,
		compareExchange: (words, index, expected, next) => {
			if (--left === 0) throw new Error('dead');
			return ATOMICS.compareExchange(words, index, expected, next);
		},
	};
}

t.test('what a dead worker held goes, what others hold stays', async (t) => {
	const { registry, slot, limits, repair } = house();
	const place = limited(slot, null);
	const boards = [0, 1].map((worker) => new WorkerBoard(registry.memory, worker));
	for (const board of [...boards, ...boards, boards[1]]) {
		board?.take(place, 0, -1);
		board?.scoreboard.clientTables[limits.table]?.take(board.worker, limits, v4(1), 0);
	}
	t.equal(registry.scoreboard.active(slot), 5);
	t.ok(repair.repair(0));
	t.equal(registry.scoreboard.active(slot), 3);
	t.equal(registry.scoreboard.clientTables[limits.table]?.active(limits, v4(1)), 3);
	t.ok(repair.repair(0), 'a second time changes nothing');
	t.equal(registry.scoreboard.active(slot), 3);
	t.same(repair.audit(), []);
	t.notOk(repair.isZero());
	t.ok(repair.repair(1));
	t.ok(repair.isZero());
});

t.test('with another worker stopped between its two writes repair waits for it, and then catches up', async (t) => {
	const { registry, slot, repair } = house();
	const place = limited(slot, null);
	new WorkerBoard(registry.memory, 0).take(place, 0, -1);
	const stopped = new WorkerBoard(registry.memory, 1, dyingAt(1));
	t.throws(() => stopped.take(place, 0, -1), /dead/);
	t.notOk(repair.repair(0));
	t.equal(registry.scoreboard.active(slot), 1, 'nothing is guessed');
	t.match(repair.audit().join(), 'never at rest');
	t.ok(repair.repair(1), 'it was dead as well: both are repaired');
	t.ok(repair.isZero());
	t.equal(new WorkerBoard(registry.memory, 1).take(place, 0, -1), TAKEN, 'its successor');
	t.same(repair.audit(), []);
});

t.test('a client that a dead worker was bringing in is not there, and its place is free', async (t) => {
	for (const exchange of [1, 2, 3]) {
		const { registry, limits, repair } = house();
		const table = new WorkerBoard(registry.memory, 0, dyingAt(exchange)).scoreboard.clientTables[limits.table];
		t.throws(() => table?.take(0, limits, v4(1), 0), /dead/);
		t.ok(repair.repair(0));
		t.ok(repair.isZero());
		const board = new WorkerBoard(registry.memory, 1);
		t.equal(board.scoreboard.clientTables[limits.table]?.take(1, limits, v4(1), 0), TAKEN);
		t.equal(board.scoreboard.clientTables[limits.table]?.overflowed, 0, 'the lock is free');
	}
});

t.test('the audit sees a count that no share explains', async (t) => {
	const { registry, slot, repair } = house();
	const [page] = registry.scoreboard.pages;
	if (page === undefined) throw new Error('no page');
	page.words[slotBase(slot.index) + ACTIVE] = 2;
	t.same(repair.audit(), ['slot 0: 2 more than its shares']);
	t.notOk(repair.isZero());
});
