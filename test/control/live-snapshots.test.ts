import t from 'tap';
import { LiveSnapshots, MAX_LIVE_SNAPSHOTS, roomInSight } from '../../src/control/live-snapshots.ts';

function bench() {
	const gone: number[] = [];
	return { gone, live: new LiveSnapshots((snapshot) => gone.push(snapshot)) };
}

t.test('a snapshot is gone when a newer one is there and every worker let it go', (t) => {
	const { gone, live } = bench();
	live.add(1, [0, 1]);
	live.released(0, 1);
	live.released(1, 1);
	t.strictSame(gone, [], 'the newest stays');
	live.add(2, [0, 1]);
	t.strictSame(gone, [1]);
	live.add(3, [0, 1]);
	live.released(0, 2);
	t.strictSame(gone, [1]);
	live.released(1, 2);
	t.strictSame(gone, [1, 2]);
	t.end();
});

t.test('a worker that died holds nothing, and its replacement holds the newest', (t) => {
	const { gone, live } = bench();
	live.add(1, [0, 1]);
	live.add(2, [0, 1]);
	live.released(0, 1);
	live.died(1);
	t.strictSame(gone, [1]);
	live.joined(1);
	live.add(3, [0, 1]);
	live.released(0, 2);
	t.strictSame(gone, [1], 'the replacement still has it');
	live.released(1, 2);
	t.strictSame(gone, [1, 2]);
	t.end();
});

t.test(`number ${MAX_LIVE_SNAPSHOTS + 1} waits until one is let go`, async (t) => {
	const { live } = bench();
	for (let id = 1; id < MAX_LIVE_SNAPSHOTS; id++) live.add(id, [0]);
	await live.room();
	live.add(MAX_LIVE_SNAPSHOTS, [0]);
	let entered = false;
	const waiting = live.room().then(() => {
		entered = true;
	});
	await new Promise((resolve) => setImmediate(resolve));
	t.equal(entered, false);
	live.released(0, 3);
	await waiting;
	t.equal(entered, true);
});

t.test('whoever waits is told of at once, and when it goes on or ends', async (t) => {
	for (const end of ['released', 'closed'] as const) {
		const { live } = bench();
		const told: unknown[] = [];
		const log = {
			warn: (msg: string, fields?: object) => told.push([msg, fields]),
			info: (msg: string, fields?: object) => told.push([msg, fields]),
		};
		let nowNs = 0;
		const clock = { nowNs: () => nowNs };
		await roomInSight(live, { log, clock });
		t.strictSame(told, [], 'not when there is room');
		for (let id = 1; id <= MAX_LIVE_SNAPSHOTS; id++) live.add(id, [0]);
		const waiting = roomInSight(live, { log, clock });
		t.match(told, [[/^a change waits/, { inUse: MAX_LIVE_SNAPSHOTS, waitedMs: 0 }]]);
		nowNs = 5e9;
		if (end === 'released') live.released(0, 3);
		else live.close();
		await waiting;
		t.match(told[1], [/no longer/, { waitedMs: 5_000 }], end);
	}
});
