import t from 'tap';
import { at } from '../../src/policy/world.ts';
import { Holdings } from '../../src/shared/holdings.ts';
import { QueueHouse } from '../support/queue-house.ts';

/** A session of a worker that holds a place of the backend. */
function inside(house: QueueHouse, worker = 0, backend = house.backend()): Holdings {
	const session = new Holdings(at(house.boards, worker), at(house.workers, worker));
	session.take('backend', backend, 0, -1);
	return session;
}

function queued(house: QueueHouse, worker = 0): Holdings {
	const session = new Holdings(at(house.boards, worker), at(house.workers, worker));
	if (!session.enqueue(house.pool(), session, 0)) throw new Error('the queue is full');
	return session;
}

function told(house: QueueHouse, worker = 0): object[] {
	const sessions: object[] = [];
	at(house.workers, worker).lookAfter((session) => sessions.push(session), 0);
	return sessions;
}

t.test('what a session gives back goes to the oldest, whose worker is woken and tells it', async (t) => {
	const house = new QueueHouse([{ maxConnections: 1 }]);
	const holder = inside(house, 0);
	const [first, second] = [queued(house, 1), queued(house, 0)];
	t.same(told(house, 1), []);
	holder.releaseAll(0);
	t.same(house.woken, [1]);
	t.same([told(house, 0), told(house, 1)], [[], [first]]);
	t.match(first.claim(0), { pool: { name: 'p0' }, backend: { name: 'p0-b0' } });
	t.same(told(house, 1), [], 'told no more');
	first.releaseAll(0);
	t.same(house.woken, [1, 0]);
	second.releaseAll(0);
	t.ok(house.repair.isZero(), 'a grant that was never claimed goes back, too');
});

t.test('whoever joins a queue while a place is free gets it at once', async (t) => {
	const house = new QueueHouse([{ maxConnections: 1 }]);
	const session = queued(house);
	t.same(told(house), [session]);
});

t.test('of several free backends the least busy is granted first, a backup last, a down one never', async (t) => {
	const house = new QueueHouse([
		{ name: 'spare', backup: true, maxConnections: 9 },
		{ name: 'down', maxConnections: 9 },
		{ name: 'busy', maxConnections: 3 },
		{ name: 'idle', maxConnections: 1 },
	]);
	for (const backend of house.pool().backends) {
		house.registry.scoreboard.setHealth(backend.slot, backend.name === 'down' ? 'down' : 'up');
	}
	inside(house, 0, house.backend(2));
	const names = Array.from({ length: 4 }, () => queued(house).claim(0)?.backend.name);
	t.same(names, ['idle', 'busy', 'busy', 'spare']);
});

t.test('a backend that is not probed yet is granted only while none is up', async (t) => {
	const house = new QueueHouse([
		{ name: 'up', maxConnections: 1 },
		{ name: 'new', maxConnections: 1 },
	]);
	house.registry.scoreboard.setHealth(house.backend(0).slot, 'up');
	queued(house);
	const second = queued(house);
	t.equal(second.claim(0), null);
	house.registry.scoreboard.setHealth(house.backend(0).slot, 'down');
	house.keeper.tick(0);
	t.equal(second.claim(0)?.backend.name, 'new');
});

t.test('a session is granted a backend that its own snapshot does not know, when its worker does', async (t) => {
	const house = new QueueHouse([{ maxConnections: 1 }]);
	inside(house);
	const session = queued(house);
	house.apply(house.build([[{ maxConnections: 1 }, { name: 'added', maxConnections: 1 }]]));
	house.keeper.tick(0);
	t.same(told(house), [session]);
	t.equal(session.claim(0)?.backend.name, 'added');
});

t.test('while its worker does not know it either, the session waits on and the place is free for others', async (t) => {
	const house = new QueueHouse([{ maxConnections: 1 }]);
	inside(house);
	const session = queued(house);
	const added = house.build([[{ maxConnections: 1 }, { name: 'added', maxConnections: 1 }]]);
	house.apply(added, false);
	house.keeper.tick(0);
	t.equal(session.claim(0), null);
	t.equal(house.queue().waiting, 1);
	t.same(house.faults(0, house.backend(1)), []);
	house.apply(added);
	house.keeper.tick(0);
	t.equal(session.claim(0)?.backend.name, 'added');
});

t.test('a session that lost its turn and finds the queue full joins it again when there is room', async (t) => {
	const house = new QueueHouse([{ maxConnections: 1 }]);
	inside(house);
	const session = queued(house);
	const others = [queued(house, 1), queued(house, 1)];
	const added = house.build([[{ maxConnections: 1 }, { name: 'added', maxConnections: 1 }]]);
	house.apply(added, false);
	house.keeper.tick(0);
	const late = queued(house, 1);
	t.equal(session.claim(0), null, 'granted what its worker does not know');
	t.equal(house.queue().waiting, 3, 'and somebody else has its place in the queue');
	const look = (): boolean => at(house.workers, 0).lookAfter(() => {}, 0);
	t.equal(look(), true, 'look again');
	for (const other of [...others, late]) other.leaveQueue(0);
	t.equal(look(), false);
	t.equal(house.queue().waiting, 1);
	house.apply(added);
	house.keeper.tick(0);
	t.equal(session.claim(0)?.backend.name, 'added');
});

t.test('a session that leaves while it has no turn is forgotten', async (t) => {
	const house = new QueueHouse([{ maxConnections: 1 }]);
	inside(house);
	const session = queued(house);
	house.apply(house.build([[{ maxConnections: 1 }, { name: 'added', maxConnections: 1 }]]), false);
	house.keeper.tick(0);
	const others = [queued(house, 1), queued(house, 1), queued(house, 1)];
	t.equal(session.claim(0), null);
	session.leaveQueue(0);
	for (const other of others) other.leaveQueue(0);
	t.equal(
		at(house.workers, 0).lookAfter(() => {}, 0),
		false,
	);
	t.equal(house.queue().waiting, 0);
});

t.test('a session that leaves a queue that is stuck leaves it later', async (t) => {
	const house = new QueueHouse([{ maxConnections: 1 }]);
	const holder = inside(house);
	const session = queued(house);
	house.queue().list.lock(1);
	session.releaseAll(0);
	t.equal(house.queue().waiting, 1);
	t.equal(
		at(house.workers, 0).lookAfter(() => {}, 0),
		true,
		'look again',
	);
	house.queue().list.unlock();
	t.equal(
		at(house.workers, 0).lookAfter(() => {}, 0),
		false,
	);
	t.equal(house.queue().waiting, 0);
	holder.releaseAll(0);
	t.ok(house.repair.isZero());
});
