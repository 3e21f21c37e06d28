import t from 'tap';
import { BucketKeeper, SETTLE_MS } from '../../src/control/bucket-keeper.ts';
import type { RelayGate } from '../../src/core/session-io.ts';
import type { BucketLimit, Shaped, SlotRef, Snapshot } from '../../src/core/snapshot.ts';
import { UNSHAPED } from '../../src/core/snapshot.ts';
import { Holdings } from '../../src/shared/holdings.ts';
import { type SlotKind, SlotRegistry } from '../../src/shared/registry.ts';
import { WorkerBoard } from '../../src/shared/worker-board.ts';
import { Agenda } from '../support/agenda.ts';
import { clientLimits } from '../support/scoreboards.ts';
import { ip } from '../support/session-bench.ts';
import { snapshotOf } from '../support/snapshots.ts';

const MS = 1e6;
const limit = (bytesPerSecond: number, burstBytes: number): BucketLimit => ({ bytesPerSecond, burstBytes });
const down = (bucket: BucketLimit | null): Shaped => ({ upload: null, download: bucket });

interface Limits {
	readonly listener?: Shaped;
	readonly client?: Shaped;
	readonly connection?: Shaped;
	readonly region?: Shaped;
	readonly pool?: Shaped;
	readonly backend?: Shaped;
	/** A pool of another name in the first one's place. */
	readonly poolName?: string;
}

/** A scoreboard with a keeper, and a virtual clock. */
class House {
	readonly agenda = new Agenda();
	readonly registry = new SlotRegistry({ workers: 2, seed: 1 });
	readonly keeper = new BucketKeeper(this.registry.scoreboard);
	readonly boards = [0, 1].map((worker) => new WorkerBoard(this.registry.memory, worker));
	snapshot: Snapshot;
	private reloads = 0;

	constructor(limits: Limits = {}) {
		this.snapshot = this.reload(limits);
	}

	reload(limits: Limits): Snapshot {
		this.reloads += 1;
		const slots: SlotRef[] = [];
		const table = this.registry.clientTable('in', 64, 0);
		this.snapshot = snapshotOf(
			{
				id: this.reloads,
				regions: [{ name: 'eu', countries: ['DE'], shaping: limits.region ?? UNSHAPED }],
				listeners: [
					{
						name: 'in',
						perClient: clientLimits(table, { maxConnections: null, tableSize: 64 }),
						shaping: {
							listener: limits.listener ?? UNSHAPED,
							client: limits.client ?? UNSHAPED,
							connection: limits.connection ?? UNSHAPED,
						},
					},
				],
				pools: [
					{
						name: limits.poolName ?? 'out',
						shaping: limits.pool ?? UNSHAPED,
						backends: [{ name: 'b', shaping: limits.backend ?? UNSHAPED }],
					},
				],
			},
			(kind, name, address) => {
				const slot = this.registry.claim(kind as SlotKind, name, address);
				slots.push(slot);
				return slot;
			},
		);
		this.registry.retain(this.reloads, slots, [table]);
		this.registry.releaseSnapshot(this.reloads - 1);
		for (const board of this.boards) board.scoreboard.attach(this.registry.memory);
		this.keeper.applyTerms(this.snapshot, this.agenda.nowNs);
		return this.snapshot;
	}

	/** The download gate of a new session of this client, on either worker. */
	gate(client = '192.0.2.1', worker = 0): RelayGate {
		const [board] = this.boards.slice(worker);
		const [listener] = this.snapshot.listeners;
		const [region] = this.snapshot.regions;
		const [pool] = this.snapshot.pools;
		const [backend] = pool?.backends ?? [];
		if (!board || !listener?.perClient || !region || !pool || !backend) throw new Error('an empty house');
		const holdings = new Holdings(board);
		holdings.takeClient(listener.perClient, ip(client), this.agenda.nowNs);
		return holdings.gates({ listener: listener.slot, region: region.slot, pool: pool.slot, backend: backend.slot })
			.download;
	}

	/** Bytes that so many senders move while so much time passes, together. */
	move(gates: readonly RelayGate[], seconds: number): number {
		const endNs = this.agenda.nowNs + seconds * 1e9;
		let moved = 0;
		const pump = (gate: RelayGate): void => {
			if (this.agenda.nowNs >= endNs) return;
			for (let rounds = 0; rounds < 16; rounds++) {
				const allowed = gate.ask(65_536, this.agenda.nowNs);
				moved += allowed;
				if (allowed === 0) return this.agenda.at(gate.readyNs + 0.5 * MS, () => pump(gate));
			}
			this.agenda.after(0.5 * MS, () => pump(gate));
		};
		for (const gate of gates) pump(gate);
		this.pass(seconds);
		return moved;
	}

	pass(seconds: number): void {
		let over = false;
		this.agenda.after(seconds * 1e9, () => {
			over = true;
		});
		while (!over) this.agenda.step();
	}

	/** Lets hours pass with the care that the main thread takes. */
	idle(seconds: number): void {
		for (let ms = 0; ms < seconds * 1_000; ms += SETTLE_MS) {
			this.pass(SETTLE_MS / 1_000);
			this.keeper.settle(this.agenda.nowNs);
		}
	}
}

/** The gate, telling when it lets bytes pass. */
const noting = (gate: RelayGate, passed: () => void): RelayGate => ({
	get readyNs() {
		return gate.readyNs;
	},
	ask: (want, nowNs) => {
		const allowed = gate.ask(want, nowNs);
		if (allowed > 0) passed();
		return allowed;
	},
	unused: (bytes) => gate.unused(bytes),
	rest: () => gate.rest(),
});

t.test('without limits everything passes at once', async (t) => {
	const house = new House();
	t.equal(house.gate().ask(1e9, house.agenda.nowNs), 1e9);
});

t.test('a limit at any level holds', async (t) => {
	for (const level of ['listener', 'client', 'connection', 'region', 'pool', 'backend'] as const) {
		const house = new House({ [level]: down(limit(100_000, 10_000)) });
		const moved = house.move([house.gate()], 2);
		t.ok(Math.abs(moved - 210_000) <= 4_000, `${level}: ${moved}`);
	}
});

t.test('clients and connections have accounts of their own, the rest is shared over workers', async (t) => {
	const two = (house: House, other: string): RelayGate[] => [house.gate('192.0.2.1', 0), house.gate(other, 1)];
	const rate = down(limit(100_000, 10_000));
	const cases: readonly [keyof Limits, string, number][] = [
		['connection', '192.0.2.1', 2],
		['client', '192.0.2.1', 1],
		['client', '192.0.2.2', 2],
		['listener', '192.0.2.2', 1],
		['backend', '192.0.2.2', 1],
	];
	for (const [level, other, buckets] of cases) {
		const house = new House({ [level]: rate });
		const moved = house.move(two(house, other), 2);
		t.ok(Math.abs(moved / buckets - 210_000) <= 4_000, `${level}, client ${other}: ${moved} of ${buckets} buckets`);
	}
});

t.test('a new limit reaches live sessions: from nothing, to another, to nothing', async (t) => {
	for (const level of ['listener', 'client', 'connection', 'region', 'pool', 'backend'] as const) {
		const house = new House();
		const gates = [house.gate(), house.gate()];
		const share = level === 'connection' ? 2 : 1;
		t.ok(house.move(gates, 0.1) > 10_000_000, `${level}: free`);
		house.reload({ [level]: down(limit(100_000, 10_000)) });
		const slow = house.move(gates, 2) / share;
		t.ok(Math.abs(slow - 210_000) <= 5_000, `${level}: limited, ${slow}`);
		house.reload({ [level]: down(limit(1_000_000, 10_000)) });
		const fast = house.move(gates, 2) / share;
		t.ok(Math.abs(fast - 2_000_000) <= 60_000, `${level}: faster, ${fast}`);
		house.reload({});
		t.ok(house.move(gates, 0.6) > 10_000_000, `${level}: lifted`);
	}
});

t.test('those who wait long at an old slow rate follow a faster one within a second', async (t) => {
	const house = new House({ listener: down(limit(1_000, 1_024)) });
	const gates = Array.from({ length: 30 }, () => house.gate());
	house.move(gates, 3);
	const last = Math.max(...gates.map((gate) => gate.readyNs));
	t.ok(last - house.agenda.nowNs <= 1e9, 'none sleeps for longer than that');
	house.reload({ listener: down(limit(1_000_000, 1_024)) });
	const served = new Set<RelayGate>();
	house.move(
		gates.map((gate) => noting(gate, () => served.add(gate))),
		1,
	);
	t.equal(served.size, gates.length, 'every one of them has moved');
	const moved = house.move(gates, 2);
	t.ok(Math.abs(moved - 2_000_000) <= 60_000, `${moved}`);
});

t.test('a place that leaves is lifted, and a slot given to another pool binds its old sessions no more', async (t) => {
	const house = new House({ pool: down(limit(1_000, 1_024)) });
	const gate = house.gate();
	house.move([gate], 2);
	house.reload({ poolName: 'other', pool: down(limit(2_000, 1_024)) });
	t.ok(house.move([gate], 1) > 10_000_000, 'its pool is gone');
	house.reload({ poolName: 'third', pool: down(limit(3_000, 1_024)) });
	t.ok(house.move([gate], 1) > 10_000_000, 'the slot is another pool now');
	const other = house.move([house.gate()], 2);
	t.ok(other <= 8_500, `the new pool has its limit: ${other}`);
});

t.test('idle for hours a bucket has its burst, no more and no less', async (t) => {
	for (const level of ['listener', 'client', 'connection', 'backend'] as const) {
		const house = new House({ [level]: down(limit(100_000, 10_000)) });
		const gate = house.gate();
		house.move([gate], 1);
		for (const minutes of [1, 6, 9, 17, 18, 240]) {
			house.idle(minutes * 60);
			const moved = house.move([gate], 1);
			t.ok(Math.abs(moved - 110_000) <= 4_000, `${level}: ${moved} after ${minutes} minutes`);
		}
	}
});

t.test('without the keeper an idle bucket does come round: the check can fail', async (t) => {
	const house = new House({ listener: down(limit(100_000, 10_000)) });
	const gate = house.gate();
	house.move([gate], 1);
	house.pass(12 * 60);
	t.ok(house.move([gate], 1) <= 1_000, 'no more than what it had reserved before');
});

t.test('what a session that ends has reserved goes back', async (t) => {
	const house = new House({ listener: down(limit(1_000, 1_024)) });
	const ghosts = Array.from({ length: 50 }, () => house.gate());
	house.move(ghosts, 0.2);
	for (const ghost of ghosts) ghost.rest();
	const gate = house.gate();
	gate.ask(512, house.agenda.nowNs);
	t.ok(gate.readyNs - house.agenda.nowNs <= 1e9);
	house.pass(1.1);
	t.ok(gate.ask(512, house.agenda.nowNs) > 0);
});

t.test('levels are told as they stand', async (t) => {
	const terms = limit(100_000, 10_000);
	const house = new House({ listener: down(terms), client: down(terms) });
	const { scoreboard } = house.registry;
	const [listener] = house.snapshot.listeners;
	if (!listener?.perClient) throw new Error('an empty house');
	const levels = (client: string): number[] => [
		scoreboard.bucketLevel(listener.slot, 'download', terms, house.agenda.nowNs),
		scoreboard.clientLevel(clientLimits(0), ip(client), 'download', terms, house.agenda.nowNs),
	];
	t.same(levels('192.0.2.1'), [10_000, 10_000]);
	t.equal(house.gate().ask(4_000, house.agenda.nowNs), 4_000);
	t.same(levels('192.0.2.1'), [6_000, 6_000]);
	t.same(levels('192.0.2.2'), [6_000, 10_000]);
});
