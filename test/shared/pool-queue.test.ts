import t from 'tap';
import { TAKEN } from '../../src/core/desk.ts';
import { at } from '../../src/policy/world.ts';
import { BUSY, NOBODY } from '../../src/shared/pool-queue.ts';
import { QueueHouse } from '../support/queue-house.ts';
import { rate } from '../support/snapshots.ts';

/** Worker 0 holds the only place; the tickets of those who wait for it, by worker. */
function crowded(waiters: readonly number[], maxConnections = 1) {
	const house = new QueueHouse([{ maxConnections }]);
	for (let taken = 0; taken < maxConnections; taken++) {
		if (at(house.boards, 0).take(house.backend(), 0, -1) !== TAKEN) throw new Error('no place');
	}
	const queue = house.queue();
	const tickets = waiters.map((worker) => queue.enqueue(worker, 99) ?? -1);
	return { house, queue, tickets, backend: house.backend() };
}

t.test('places go to those who wait in their order, whichever worker they are of', async (t) => {
	const { house, queue, tickets, backend } = crowded([1, 0, 1]);
	let holder = 0;
	for (const [i, worker] of [1, 0, 1].entries()) {
		t.equal(queue.claim(worker, at(tickets, i)), null, 'not yet');
		t.equal(queue.handOver(holder, backend, 0), worker);
		t.same(house.faults(1), [], 'granted and not yet claimed');
		t.same(
			tickets.map((ticket) => queue.isGranted(ticket)),
			[0, 1, 2].map((other) => other === i),
		);
		t.same(queue.claim(worker, at(tickets, i)), backend.slot);
		t.equal(queue.claim(worker, at(tickets, i)), null, 'once only');
		t.same(house.faults(1), []);
		holder = worker;
	}
	t.equal(queue.handOver(holder, backend, 0), NOBODY, 'nobody waits any more: it is still the worker’s');
	at(house.boards, holder).giveBack(backend.slot);
	t.ok(house.repair.isZero());
});

t.test('whoever leaves is passed over, from the front, the middle and the end', async (t) => {
	for (const gone of [0, 1, 2]) {
		const { house, queue, tickets, backend } = crowded([0, 0, 0]);
		t.equal(queue.leave(0, at(tickets, gone)), NOBODY);
		t.equal(queue.leave(0, at(tickets, gone)), NOBODY, 'once more changes nothing');
		t.equal(queue.waiting, 2);
		for (const rest of [0, 1, 2].filter((other) => other !== gone)) {
			queue.handOver(0, backend, 0);
			t.same(queue.claim(0, at(tickets, rest)), backend.slot, `${rest} after ${gone} left`);
		}
		t.same(house.faults(1), []);
	}
});

t.test('a grant that is not wanted passes on, and in the end goes back', async (t) => {
	const { house, queue, tickets, backend } = crowded([0, 1, 0]);
	queue.handOver(0, backend, 0);
	t.equal(queue.leave(0, at(tickets, 0)), 1);
	t.equal(queue.leave(1, at(tickets, 1)), 0);
	t.same(house.faults(1), []);
	t.equal(queue.leave(0, at(tickets, 2)), NOBODY);
	t.same(house.faults(0), []);
	t.ok(house.repair.isZero());
});

t.test('no more than its size wait, and entries are used again without mixing up tickets', async (t) => {
	const { queue } = crowded([]);
	for (let round = 0; round < 50; round++) {
		const tickets = [0, 1, 2].map(() => queue.enqueue(0, 3) ?? -1);
		t.equal(queue.enqueue(1, 3), null);
		for (const ticket of tickets) queue.leave(0, ticket);
		const [stale = -1] = tickets;
		const fresh = queue.enqueue(0, 3) ?? -1;
		t.not(fresh, stale);
		queue.leave(0, stale);
		t.equal(queue.waiting, 1, 'an old ticket is nobody’s');
		queue.leave(0, fresh);
	}
	t.ok(queue.isIdle());
});

t.test('a place does not pass on when it should not be used', async (t) => {
	const cases: { name: string; change: (c: ReturnType<typeof crowded>) => void }[] = [
		{
			name: 'the backend is down',
			change: ({ house, backend }) => house.registry.scoreboard.setHealth(backend.slot, 'down'),
		},
		{ name: 'the cap was lowered', change: ({ house }) => house.apply(house.build([[{ maxConnections: 1 }]]), false) },
		{
			name: 'it takes no new sessions',
			change: ({ house }) => house.apply(house.build([[{ maxConnections: 2, weight: 0 }]])),
		},
		{ name: 'it left the configuration', change: ({ house }) => house.apply(house.build([[{ name: 'other' }]])) },
		{
			name: 'another queue grants it now',
			change: ({ house, backend }) => house.registry.scoreboard.setQueue(backend.slot, 7),
		},
	];
	for (const { name, change } of cases) {
		const c = crowded([1], 2);
		change(c);
		t.equal(c.queue.handOver(0, c.backend, 0), NOBODY, name);
		t.equal(c.queue.grantFree(1, c.backend, 0), NOBODY, name);
		t.same(c.house.faults(2, c.backend), [], `${name}: it is still the worker's`);
		t.equal(c.queue.waiting, 1, name);
	}
});

t.test('an unwanted grant of a backend that is down meanwhile goes back to nobody', async (t) => {
	const { house, queue, tickets, backend } = crowded([0, 1]);
	queue.handOver(0, backend, 0);
	house.registry.scoreboard.setHealth(backend.slot, 'down');
	t.equal(queue.leave(0, at(tickets, 0)), NOBODY);
	t.same(house.faults(0), []);
	t.equal(queue.waiting, 1);
});

t.test('a grant counts for the rates, and one that they refuse takes nothing', async (t) => {
	const house = new QueueHouse([{ maxConnections: 2, rates: [rate(1, 1_000)] }]);
	const queue = house.queue();
	for (const worker of [0, 1]) queue.enqueue(worker, 9);
	t.equal(queue.grantFree(0, house.backend(), 1e9), 0);
	t.equal(queue.grantFree(0, house.backend(), 1e9), NOBODY);
	t.same(house.faults(1), []);
	t.equal(queue.grantFree(0, house.backend(), 3e9), 1, 'the window has moved on');
	t.equal(queue.grantFree(0, house.backend(), 9e9), NOBODY, 'nobody waits');
	t.same(house.faults(2), []);
});

t.test('while somebody keeps the lock nothing changes, and callers are told', async (t) => {
	const { house, queue, tickets, backend } = crowded([0, 1]);
	queue.handOver(0, backend, 0);
	t.ok(queue.list.lock(1));
	t.equal(queue.enqueue(0, 9), null);
	t.equal(queue.claim(0, at(tickets, 0)), null);
	t.equal(queue.leave(0, at(tickets, 0)), BUSY);
	t.equal(queue.grantFree(0, backend, 0), BUSY);
	t.notOk(house.repair.repair(0), 'somebody alive has it: repair waits');
	queue.list.unlock();
	t.ok(house.repair.repair(0));
	t.same(house.faults(1), [], 'what was granted to the dead worker passed on');
	t.same(queue.claim(1, at(tickets, 1)), backend.slot);
});

t.test('a dead worker waits no longer, and its lock is free', async (t) => {
	const { house, queue, tickets, backend } = crowded([0, 1, 0, 1]);
	t.ok(queue.list.lock(0));
	t.ok(house.repair.repair(0));
	t.equal(queue.waiting, 2);
	t.same(house.faults(0), [], 'the place it held is free');
	t.equal(queue.grantFree(1, backend, 0), 1);
	t.same(queue.claim(1, at(tickets, 1)), backend.slot);
	t.equal(queue.handOver(1, backend, 0), 1);
	t.same(queue.claim(1, at(tickets, 3)), backend.slot);
	t.same(house.faults(1), []);
});

t.test('the audit sees a grant that no share stands behind', async (t) => {
	const { house, queue } = crowded([0]);
	queue.list.grant(queue.list.oldest(), house.backend().slot.index);
	t.match(house.faults(1).join(), /0 held by its queue, 1 granted/);
});
