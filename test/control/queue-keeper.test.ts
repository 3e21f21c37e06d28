import t from 'tap';
import { at } from '../../src/policy/world.ts';
import { QueueHouse } from '../support/queue-house.ts';
import { rate } from '../support/snapshots.ts';

/** A full backend, and so many that wait for it. */
function crowded(waiters: number) {
	const house = new QueueHouse([{ maxConnections: 1 }]);
	at(house.boards, 0).take(house.backend(), 0, -1);
	for (let i = 0; i < waiters; i++) house.queue().enqueue(1, 9);
	house.keeper.tick(0);
	t.same(house.woken, [], 'nothing to grant');
	return house;
}

t.test('what becomes free without a session’s doing is granted, and whose turn it is is woken', async (t) => {
	const house = crowded(3);
	house.apply(house.build([[{ maxConnections: 2 }]]));
	house.keeper.tick(0);
	t.same(house.woken, [1], 'a cap was raised');
	house.apply(house.build([[{ maxConnections: 2 }, { name: 'added', maxConnections: 1 }]]));
	house.registry.scoreboard.setHealth(house.backend(1).slot, 'down');
	house.keeper.tick(0);
	t.same(house.woken, [1], 'down');
	house.registry.scoreboard.setHealth(house.backend(1).slot, 'unknown');
	house.keeper.tick(0);
	t.same(house.woken, [1, 1], 'a backend was added');
	t.equal(house.queue().waiting, 1);
	t.same(house.repair.audit(), []);
});

t.test('a rate’s window moves on', async (t) => {
	const house = new QueueHouse([{ maxConnections: 5, rates: [rate(2, 1_000)] }]);
	for (let i = 0; i < 3; i++) house.queue().enqueue(0, 9);
	house.keeper.tick(1e9);
	t.equal(house.woken.length, 2);
	house.keeper.tick(1.5e9);
	t.equal(house.woken.length, 2);
	house.keeper.tick(3e9);
	t.equal(house.woken.length, 3);
});

t.test('a queue that is no longer configured serves those who still wait', async (t) => {
	const house = crowded(1);
	house.apply(house.build([[{ maxConnections: 2 }]], false));
	house.keeper.tick(0);
	t.same(house.woken, [1]);
});

t.test('the queue of a pool that is gone grants nothing', async (t) => {
	const house = crowded(1);
	const [old] = [house.backend()];
	house.apply(house.build([]));
	at(house.boards, 0).giveBack(old.slot);
	house.keeper.tick(0);
	t.same(house.woken, []);
	t.equal(house.queue().waiting, 1);
});

t.test('a backend goes to another queue only while the old one’s lock is free', async (t) => {
	const house = new QueueHouse([{ name: 'x' }]);
	const { slot } = house.backend();
	const { scoreboard } = house.registry;
	const next = house.registry.queue('another');
	house.queue().list.lock(0);
	t.notOk(scoreboard.setQueue(slot, next));
	t.equal(scoreboard.queueOf(slot), 0);
	house.queue().list.unlock();
	t.ok(scoreboard.setQueue(slot, next));
	t.equal(scoreboard.queueOf(slot), next);
});

t.test('every worker is woken after a repair', async (t) => {
	const house = crowded(0);
	house.keeper.wakeAll();
	t.same(house.woken, [0, 1]);
});
