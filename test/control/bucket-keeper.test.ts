import t from 'tap';
import { BucketKeeper, SETTLE_MS } from '../../src/control/bucket-keeper.ts';
import type { BucketLimit, PerClientLimits, Shaped, Snapshot } from '../../src/core/snapshot.ts';
import { UNSHAPED } from '../../src/core/snapshot.ts';
import { burstOf, rateOf } from '../../src/shared/bucket.ts';
import { bucketAt, SHAPING_EPOCH } from '../../src/shared/layout.ts';
import { type SlotKind, SlotRegistry } from '../../src/shared/registry.ts';
import { clientLimits } from '../support/scoreboards.ts';
import { ip } from '../support/session-bench.ts';
import { type SnapshotSpec, snapshotOf } from '../support/snapshots.ts';

const SECOND = 1e9;
const limit = (bytesPerSecond: number, burstBytes = 1_024): BucketLimit => ({ bytesPerSecond, burstBytes });
const both = (bytesPerSecond: number): Shaped => ({ upload: limit(bytesPerSecond), download: limit(bytesPerSecond) });

class Board {
	readonly registry = new SlotRegistry({ workers: 1, seed: 3 });
	readonly keeper = new BucketKeeper(this.registry.scoreboard);

	snapshot(spec: SnapshotSpec): Snapshot {
		return snapshotOf(spec, (kind, name, address) => this.registry.claim(kind as SlotKind, name, address));
	}

	get epoch(): number {
		return this.registry.scoreboard.pages[0]?.words[SHAPING_EPOCH] ?? -1;
	}

	/** Rate and burst of a pool's download bucket. */
	poolTerms(snapshot: Snapshot): [number, number] {
		const { pages, ops } = this.registry.scoreboard;
		const [page] = pages;
		const [pool] = snapshot.pools;
		if (page === undefined || pool === undefined) throw new Error('an empty house');
		const at = bucketAt(pool.slot.index, 'own', 'download');
		return [rateOf(ops, page.words, at), burstOf(ops, page.words, at)];
	}
}

t.test('terms are written, changed and lifted; live sessions are told only when any changed', async (t) => {
	const board = new Board();
	const steps: readonly [shaping: Shaped, rate: number, epoch: number][] = [
		[UNSHAPED, 0, 0],
		[both(64_000), 64_000, 1],
		[both(64_000), 64_000, 1],
		[both(8_000), 8_000, 2],
		[{ upload: limit(8_000), download: null }, 0, 3],
		[UNSHAPED, 0, 4],
	];
	for (const [shaping, rate, epoch] of steps) {
		const snapshot = board.snapshot({ pools: [{ shaping }] });
		board.keeper.applyTerms(snapshot, SECOND);
		t.same([board.poolTerms(snapshot)[0], board.epoch], [rate, epoch]);
	}
});

t.test('a changed burst alone is a change, too', async (t) => {
	const board = new Board();
	for (const burst of [1_024, 4_096]) {
		const shaping = { upload: null, download: limit(8_000, burst) };
		const snapshot = board.snapshot({ pools: [{ shaping }] });
		board.keeper.applyTerms(snapshot, SECOND);
		t.same(board.poolTerms(snapshot), [8_000, burst]);
	}
	t.equal(board.epoch, 2);
});

t.test('the limits of a place that left are lifted, once', async (t) => {
	const board = new Board();
	const before = board.snapshot({ pools: [{ name: 'a', shaping: both(8_000) }] });
	board.keeper.applyTerms(before, SECOND);
	const after = board.snapshot({ pools: [{ name: 'b' }] });
	board.keeper.applyTerms(after, SECOND);
	t.same(board.poolTerms(before), [0, 0]);
	t.equal(board.epoch, 2);
	board.keeper.applyTerms(after, SECOND);
	t.equal(board.epoch, 2);
});

const listenerWith = (perClient: PerClientLimits, client: Shaped): SnapshotSpec => ({
	listeners: [{ perClient, shaping: { listener: UNSHAPED, client, connection: UNSHAPED } }],
});

t.test('clients that were there before the limit start with a full bucket; so do those of another table', async (t) => {
	const board = new Board();
	const { registry } = board;
	const terms = limit(8_000, 4_096);
	for (const [round, tableSize] of [16, 32].entries()) {
		const number = registry.clientTable('in', tableSize, 0);
		const limits = clientLimits(number, { maxConnections: null, tableSize });
		const table = registry.scoreboard.clientTables[number];
		const first = SECOND * (1 + round * 1_000);
		table?.take(0, limits, ip('192.0.2.1'), first);
		board.keeper.applyTerms(board.snapshot(listenerWith(limits, UNSHAPED)), first);
		// By now the account, which nobody looked after, would tell nonsense.
		const later = first + 700 * SECOND;
		board.keeper.applyTerms(board.snapshot(listenerWith(limits, { upload: terms, download: terms })), later);
		for (const which of [0, 1] as const) {
			t.equal(table?.level(limits, ip('192.0.2.1'), which, terms, later), 4_096);
			t.equal(table?.level(limits, ip('192.0.2.9'), which, terms, later), 4_096, 'never seen');
		}
		let nowNs = later;
		for (let minute = 0; minute < 30; minute++) {
			nowNs += SETTLE_MS * 1e6;
			board.keeper.settle(nowNs);
			t.equal(table?.level(limits, ip('192.0.2.1'), 0, terms, nowNs), 4_096);
		}
	}
});
