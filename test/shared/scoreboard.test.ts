import t from 'tap';
import { SlotRegistry } from '../../src/shared/registry.ts';
import { Scoreboard } from '../../src/shared/scoreboard.ts';
import { WorkerBoard } from '../../src/shared/worker-board.ts';

t.test('health is unknown at first and seen by every thread once set', async (t) => {
	const registry = new SlotRegistry({ workers: 1, seed: 1 });
	const slot = registry.claim('backend', 'a', '');
	const elsewhere = new Scoreboard(registry.memory);
	t.equal(elsewhere.health(slot), 'unknown');
	for (const health of ['up', 'down', 'unknown'] as const) {
		registry.scoreboard.setHealth(slot, health);
		t.equal(elsewhere.health(slot), health);
	}
	registry.scoreboard.setHealth({ ...slot, generation: slot.generation + 1 }, 'down');
	t.equal(elsewhere.health(slot), 'unknown', 'an old or foreign generation changes nothing');
});

t.test('turns are counted once for all workers, and looking leaves them', async (t) => {
	const registry = new SlotRegistry({ workers: 2, seed: 1 });
	const pool = registry.claim('pool', 'eu', '');
	const boards = [0, 1].map((worker) => new WorkerBoard(registry.memory, worker).scoreboard);
	const turns = [0, 1, 1, 0].map((i) => boards[i]?.nextTurn(pool));
	t.same(turns, [0, 1, 2, 3]);
	t.equal(registry.scoreboard.peekTurn(pool), 4);
	t.equal(registry.scoreboard.nextTurn(pool), 4);
});

t.test('totals of all workers add up, and are kept apart by slot', async (t) => {
	const registry = new SlotRegistry({ workers: 3, seed: 1 });
	const slot = registry.claim('backend', 'a', '');
	const other = registry.claim('backend', 'b', '');
	for (const worker of [0, 1, 2]) {
		const board = new WorkerBoard(registry.memory, worker);
		board.add(slot, 'uploadBytes', 2 ** 40 + worker);
		board.add(slot, 'connects', 1);
		board.add(other, 'connects', 10);
	}
	const { scoreboard } = registry;
	t.equal(scoreboard.total(slot, 'uploadBytes'), 3 * 2 ** 40 + 3);
	t.equal(scoreboard.total(slot, 'connects'), 3);
	t.equal(scoreboard.total(other, 'connects'), 30);
	t.equal(scoreboard.total(slot, 'sessions'), 0);
});

t.test('a thread that has not attached a page yet sees nothing there, and then what stands there', async (t) => {
	const registry = new SlotRegistry({ workers: 1, seed: 1 });
	const early = new Scoreboard(registry.memory);
	let slot = registry.claim('backend', '0', '');
	for (let i = 1; i <= 256; i++) slot = registry.claim('backend', `${i}`, '');
	registry.scoreboard.setHealth(slot, 'up');
	t.equal(early.health(slot), 'unknown');
	early.attach(registry.memory);
	early.attach(registry.memory);
	t.equal(early.health(slot), 'up');
	t.equal(early.pages.length, 2);
});

t.test('a worker beyond the ledgers is refused', async (t) => {
	const { memory } = new SlotRegistry({ workers: 2, seed: 1 });
	t.throws(() => new WorkerBoard(memory, 2), /worker 2/);
	t.throws(() => new SlotRegistry({ workers: 128, seed: 1 }), /workers: 128/);
});
