import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { QueueKeeper } from '../../src/control/queue-keeper.ts';
import { type SlotKind, SlotRegistry } from '../../src/shared/registry.ts';
import { Repair } from '../../src/shared/repair.ts';
import { wakeWorker } from '../../src/shared/wake.ts';
import type { QueueFreeStart } from '../support/queue-free-thread.ts';
import { snapshotOf } from '../support/snapshots.ts';

const WORKERS = 3;
const SESSIONS = 15_000;
const CAP = 4;

function house(victimSessions: number) {
	const registry = new SlotRegistry({ workers: WORKERS, seed: 1 });
	const queue = { number: registry.queue('p'), size: 1_000, timeoutMs: 1, first: false };
	const snapshot = snapshotOf({ pools: [{ name: 'p', queue, backends: [{ maxConnections: CAP }] }] }, (kind, name) =>
		registry.claim(kind as SlotKind, name, ''),
	);
	const { memory } = registry;
	const wakes = new Int32Array(memory.wakes);
	const kept = { grants: 0 };
	const keeper = new QueueKeeper(registry.scoreboard, (worker) => {
		kept.grants += 1;
		wakeWorker(wakes, worker);
	});
	keeper.apply(snapshot);
	const seen = new Int32Array(new SharedArrayBuffer((3 + WORKERS) * 4));
	const workers = Array.from({ length: WORKERS }, (_, worker) => {
		const sessions = worker === 0 ? victimSessions : SESSIONS;
		const start: QueueFreeStart = { worker, memory, snapshot, sessions, atOnce: 20, seen };
		return new Worker(new URL('../support/queue-free-thread.ts', import.meta.url), { workerData: start, execArgv: [] });
	});
	t.teardown(() => Promise.all(workers.map((worker) => worker.terminate())));
	return { seen, workers, keeper, kept, repair: new Repair(registry.scoreboard), queue: registry.scoreboard.queues[0] };
}

t.test(
	'without a clock: every place that becomes free finds who waits for it, and hardly any by the keeper',
	async (t) => {
		const { seen, workers, keeper, kept, repair } = house(SESSIONS);
		// A thread that the system stops while it has the lock leaves the others to the keeper. It is rare.
		const keeping = setInterval(() => keeper.tick(0), 500);
		const codes = await Promise.all(workers.map(async (worker) => (await once(worker, 'exit'))[0]));
		clearInterval(keeping);
		t.same(codes, [0, 0, 0]);
		t.ok(kept.grants <= 20, `${kept.grants} were left to the keeper`);
		t.equal(seen[1], CAP, 'never more than the cap, and the cap is reached');
		t.ok((seen[2] ?? 0) > SESSIONS, `${seen[2]} had to wait`);
		t.same(repair.audit(), []);
		t.ok(repair.isZero());
	},
);

t.test('a worker that is killed while it runs costs the others neither places nor turns', async (t) => {
	for (let round = 0; round < 4; round++) {
		const { seen, workers, keeper, repair, queue } = house(Number.MAX_SAFE_INTEGER);
		const [victim, ...others] = workers;
		const ends = others.map((worker) => once(worker, 'exit'));
		while ((seen[3] ?? 0) < 200 * (round + 1)) await new Promise((resolve) => setImmediate(resolve));
		await victim?.terminate();
		while (!repair.repair(0)) await new Promise((resolve) => setImmediate(resolve));
		keeper.wakeAll();
		const keeping = setInterval(() => keeper.tick(0), 5);
		await Promise.all(ends);
		clearInterval(keeping);
		t.same(repair.audit(), []);
		t.ok(repair.isZero());
		t.equal(queue?.waiting, 0);
	}
});
