import t from 'tap';
import type { SlotRef } from '../../src/core/snapshot.ts';
import { Holdings } from '../../src/shared/holdings.ts';
import { SlotRegistry } from '../../src/shared/registry.ts';
import { WorkerBoard } from '../../src/shared/worker-board.ts';
import { clientLimits, limited, v4 } from '../support/scoreboards.ts';

const newRegistry = () => new SlotRegistry({ workers: 2, seed: 7 });

t.test('the same key has the same slot with its counters, another key another', async (t) => {
	const registry = newRegistry();
	const slot = registry.claim('backend', 'a', '10.0.0.1:1');
	new WorkerBoard(registry.memory, 0).add(slot, 'sessions', 3);
	registry.scoreboard.setHealth(slot, 'up');
	registry.retain(1, [slot]);
	const again = registry.claim('backend', 'a', '10.0.0.1:1');
	registry.retain(2, [again]);
	registry.releaseSnapshot(1);
	t.same(again, slot);
	t.equal(registry.scoreboard.total(again, 'sessions'), 3);
	t.equal(registry.scoreboard.health(again), 'up');
	for (const [kind, name, address] of [
		['listener', 'a', '10.0.0.1:1'],
		['backend', 'b', '10.0.0.1:1'],
		['backend', 'a', '10.0.0.2:1'],
	] as const) {
		t.not(registry.claim(kind, name, address).index, slot.index);
	}
});

t.test('a slot is reused only when nothing is held and no live snapshot names it', async (t) => {
	const registry = newRegistry();
	const board = new WorkerBoard(registry.memory, 0);
	const slot = registry.claim('backend', 'a', '');
	const session = new Holdings(board);
	const claimNext = (name: string): SlotRef => {
		const claimed = registry.claim('backend', name, '');
		registry.retain(2, [claimed]);
		return claimed;
	};
	t.not(registry.claim('backend', 'while the first is being named', '').index, slot.index);
	registry.retain(1, [slot]);
	session.take('backend', limited(slot, null), 0, -1);
	t.not(claimNext('while named').index, slot.index);
	registry.releaseSnapshot(1);
	const first = claimNext('may have the abandoned one');
	t.not(first.index, slot.index, 'while held');
	session.releaseAll(0);
	const reused = claimNext('after');
	t.equal(reused.index, slot.index);
	t.equal(reused.generation, slot.generation + 1);
	t.equal(registry.scoreboard.total(reused, 'sessions'), 0);
	const back = registry.claim('backend', 'a', '');
	t.notSame(back, slot, 'the old key has lost it');
});

t.test('ten thousand keys through as many reloads stay within two pages', async (t) => {
	const registry = newRegistry();
	for (let id = 1; id <= 1000; id++) {
		const slots = Array.from({ length: 10 }, (_, i) => registry.claim('backend', `${id}-${i}`, ''));
		if (new Set(slots.map((slot) => slot.index)).size !== 10) t.fail('two keys on one slot');
		registry.retain(id, slots);
		registry.releaseSnapshot(id - 2);
	}
	t.ok(registry.memory.pages.length <= 2);
});

t.test('a client table is kept while the listener and the shape stay, and given on when nobody needs it', async (t) => {
	const registry = newRegistry();
	const table = registry.clientTable('game', 100, 2);
	registry.retain(1, [], [table]);
	t.equal(registry.clientTable('game', 100, 2), table);
	registry.retain(2, [], [table]);
	const larger = registry.clientTable('game', 200, 2);
	t.not(larger, table);
	t.not(registry.clientTable('mail', 100, 2), table);
	registry.retain(3, [], [larger]);
	registry.releaseSnapshot(1);

	const board = new WorkerBoard(registry.memory, 1);
	const session = new Holdings(board);
	session.takeClient(clientLimits(table), v4(9), 0);
	registry.releaseSnapshot(2);
	const whileHeld = registry.clientTable('chat', 100, 2);
	t.not(whileHeld, table, 'a session still holds a place there');
	registry.retain(4, [], [whileHeld, larger]);
	session.releaseAll(0);
	t.equal(registry.clientTable('news', 100, 2), table);
	t.equal(registry.scoreboard.clientTables[table]?.active(clientLimits(table), v4(9)), 0);
});

t.test(
	'a pool keeps its queue; it is given to another pool only when no snapshot names it and nobody waits',
	async (t) => {
		const registry = new SlotRegistry({ workers: 2, seed: 1 });
		const a = registry.queue('a');
		registry.retain(1, [], [], [a]);
		t.equal(registry.queue('a'), a);
		t.not(registry.queue('b'), a, 'a snapshot names it');
		registry.retain(2, []);
		registry.releaseSnapshot(1);
		const waiting = registry.scoreboard.queues[a]?.enqueue(0, 1) ?? -1;
		const taken = [registry.queue('c'), registry.queue('d')];
		t.notOk(taken.includes(a), 'somebody waits there');
		registry.scoreboard.queues[a]?.leave(0, waiting);
		t.equal(registry.queue('e'), a);
	},
);
