import t from 'tap';
import { AT_CAP, CONTENDED, TAKEN } from '../../src/core/desk.ts';
import { Holdings } from '../../src/shared/holdings.ts';
import { SlotRegistry } from '../../src/shared/registry.ts';
import { Repair } from '../../src/shared/repair.ts';
import { WorkerBoard } from '../../src/shared/worker-board.ts';
import { clientLimits, limited, rate, v4 } from '../support/scoreboards.ts';

const NOW = 5e9;

function house() {
	const registry = new SlotRegistry({ workers: 2, seed: 1 });
	const slot = registry.claim('backend', 'eu-1', '10.0.0.1:7000');
	const other = registry.claim('listener', 'game', '');
	const board = new WorkerBoard(registry.memory, 0);
	return { registry, slot, other, board, scoreboard: registry.scoreboard, repair: new Repair(registry.scoreboard) };
}

t.test('a place is taken up to its cap by all workers together, and each is given back once', async (t) => {
	const { registry, slot, scoreboard, repair } = house();
	const place = limited(slot, 3);
	const boards = [new WorkerBoard(registry.memory, 0), new WorkerBoard(registry.memory, 1)];
	const sessions = [0, 1, 0, 1].map((worker) => new Holdings(boards[worker] as WorkerBoard));
	t.same(
		sessions.map((session) => session.take('backend', place, NOW, -1)),
		[TAKEN, TAKEN, TAKEN, AT_CAP],
	);
	t.equal(scoreboard.active(slot), 3);
	t.notOk(scoreboard.hasRoom(place, NOW));
	for (const session of [...sessions, ...sessions]) session.release('backend', 0);
	for (const session of sessions) session.releaseAll(0);
	t.equal(scoreboard.active(slot), 0);
	t.ok(repair.isZero());
});

t.test('what one session holds of each kind is given back by kind, or all at once', async (t) => {
	const { slot, other, board, scoreboard } = house();
	const session = new Holdings(board);
	session.take('listener', limited(other, null), NOW, -1);
	session.take('backend', limited(slot, null), NOW, -1);
	session.release('listener', 0);
	t.same([scoreboard.active(other), scoreboard.active(slot)], [0, 1]);
	t.same([session.holds('listener'), session.holds('backend')], [false, true]);
	session.releaseAll(0);
	session.releaseAll(0);
	t.same([scoreboard.active(other), scoreboard.active(slot)], [0, 0]);
});

t.test('taking another backend lets the one before go', async (t) => {
	const { slot, other, board, scoreboard } = house();
	const session = new Holdings(board);
	session.take('backend', limited(slot, null), NOW, -1);
	session.take('backend', limited(other, null), NOW, -1);
	t.same([scoreboard.active(slot), scoreboard.active(other)], [0, 1]);
});

t.test('with an expected count a place is taken only while it is so', async (t) => {
	const { slot, board, scoreboard } = house();
	const place = limited(slot, 2);
	const takeAt = (expected: number) => new Holdings(board).take('backend', place, NOW, expected);
	t.same(
		[takeAt(1), takeAt(0), takeAt(0), takeAt(1), takeAt(2), takeAt(0)],
		[CONTENDED, TAKEN, CONTENDED, TAKEN, AT_CAP, AT_CAP],
	);
	t.equal(scoreboard.active(slot), 2);
});

t.test('a refusal by cap or by any rate leaves nothing taken', async (t) => {
	const { slot, board, scoreboard, repair } = house();
	const place = limited(slot, 10, [rate(3, 1000), rate(2, 10_000)]);
	const results = [1, 2, 3].map(() => new Holdings(board).take('backend', place, NOW, -1));
	t.same(results, [TAKEN, TAKEN, 1]);
	t.equal(scoreboard.active(slot), 2);
	t.same(repair.audit(), []);
	t.equal(
		new Holdings(board).take('backend', limited(slot, 10, [rate(3, 1000)]), NOW, -1),
		TAKEN,
		'the first rate too',
	);
	t.equal(
		new Holdings(board).take('backend', limited(slot, 3, [rate(3, 1000)]), NOW, -1),
		AT_CAP,
		'the cap comes first',
	);
});

t.test('refunded rates leave the places, and are refunded once', async (t) => {
	const { registry, slot, other, board, scoreboard } = house();
	const listener = limited(other, null, [rate(1, 1000)]);
	const backend = limited(slot, null, [rate(2, 1000)]);
	const limits = clientLimits(registry.clientTable('game', 16, 1), { rates: [rate(1, 1000)] });
	board.scoreboard.attach(registry.memory);
	const session = new Holdings(board);
	const takeAll = () => [
		session.take('listener', listener, NOW, -1),
		session.takeClient(limits, v4(1), NOW),
		session.take('backend', backend, NOW, -1),
	];
	t.same(takeAll(), [TAKEN, TAKEN, TAKEN]);
	t.notOk(scoreboard.hasRoom(listener, NOW));
	session.refundRates();
	session.refundRates();
	t.ok(scoreboard.hasRoom(listener, NOW));
	t.equal(scoreboard.active(other), 1);
	t.equal(scoreboard.lookClient(limits, v4(1), NOW), TAKEN);
	t.equal(new Holdings(board).take('backend', backend, NOW, -1), TAKEN);
	t.equal(new Holdings(board).take('backend', backend, NOW, -1), TAKEN);
	t.equal(new Holdings(board).take('backend', backend, NOW, -1), 0, 'not refunded twice');
});

t.test('an old generation takes nothing, gives nothing back and counts nothing', async (t) => {
	const { registry, slot, board, scoreboard } = house();
	const session = new Holdings(board);
	session.take('backend', limited(slot, null), NOW, -1);
	session.release('backend', 0);
	registry.retain(1, []);
	const next = registry.claim('backend', 'us-1', '10.0.0.2:7000');
	t.equal(next.index, slot.index);
	t.equal(next.generation, slot.generation + 1);
	new Holdings(board).take('backend', limited(next, null), NOW, -1);
	t.equal(new Holdings(board).take('backend', limited(slot, null), NOW, -1), AT_CAP);
	board.giveBack(slot);
	board.add(slot, 'sessions', 1);
	t.same([scoreboard.active(next), scoreboard.active(slot), scoreboard.total(next, 'sessions')], [1, 0, 0]);
});

t.test('a client is held up to its cap and found again under its network', async (t) => {
	const { registry, board } = house();
	const limits = clientLimits(registry.clientTable('game', 16, 0), { maxConnections: 2, prefixV4: 24 });
	board.scoreboard.attach(registry.memory);
	const takeFor = (d: number) => {
		const session = new Holdings(board);
		return { session, result: session.takeClient(limits, v4(d), NOW) };
	};
	const first = takeFor(0x0a000001);
	t.same([first.result, takeFor(0x0a000002).result, takeFor(0x0a000003).result], [TAKEN, TAKEN, AT_CAP]);
	t.equal(takeFor(0x0a000101).result, TAKEN, 'the next /24');
	first.session.release('client', 0);
	first.session.release('client', 0);
	t.same([takeFor(0x0a000004).result, takeFor(0x0a000005).result], [TAKEN, AT_CAP]);
});
