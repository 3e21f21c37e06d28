import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import type { RateLimit } from '../../src/core/snapshot.ts';
import { SlotRegistry } from '../../src/shared/registry.ts';
import { Repair } from '../../src/shared/repair.ts';
import type { FreeStart } from '../support/free-thread.ts';
import { clientLimits, limited, rate } from '../support/scoreboards.ts';

const WORKERS = 3;
const SESSIONS = 100_000;
const CAP = 7;

function house(firstSessions: number, cap: number | null = CAP, rates: readonly RateLimit[] = []) {
	const registry = new SlotRegistry({ workers: WORKERS, seed: 1 });
	const slot = registry.claim('backend', 'b', '');
	const limits = clientLimits(registry.clientTable('l', 24, 0), { maxConnections: 2 });
	const seen = new Int32Array(new SharedArrayBuffer((3 + WORKERS) * 4));
	const workers = Array.from({ length: WORKERS }, (_, worker) => {
		const sessions = worker === 0 ? firstSessions : SESSIONS;
		const start: FreeStart = {
			worker,
			memory: registry.memory,
			place: limited(slot, cap, rates),
			limits,
			sessions,
			seen,
		};
		return new Worker(new URL('../support/free-thread.ts', import.meta.url), { workerData: start, execArgv: [] });
	});
	return { registry, slot, seen, workers, repair: new Repair(registry.scoreboard) };
}

t.test('workers that run freely never exceed a cap, do reach it, and leave nothing behind', async (t) => {
	const { registry, slot, seen, workers, repair } = house(SESSIONS);
	const codes = await Promise.all(workers.map(async (worker) => (await once(worker, 'exit'))[0]));
	t.same(codes, [0, 0, 0]);
	t.equal(seen[1], CAP);
	t.ok((seen[2] ?? 0) > SESSIONS / 10, `${seen[2]} got in`);
	t.equal(registry.scoreboard.active(slot), 0);
	t.same(repair.audit(), []);
	t.ok(repair.isZero());
});

t.test('a worker that is killed while it runs is repaired while the others go on', async (t) => {
	const { registry, slot, seen, workers, repair } = house(Number.MAX_SAFE_INTEGER);
	const [victim, ...others] = workers;
	const ends = others.map((worker) => once(worker, 'exit'));
	while ((seen[3] ?? 0) < 5_000) await new Promise((resolve) => setImmediate(resolve));
	await victim?.terminate();
	const othersAt = seen[4] ?? 0;
	let repairs = 1;
	while (!repair.repair(0)) repairs++;
	t.ok(repairs < 1000, `after ${repairs} calls`);
	t.ok(othersAt < SESSIONS, 'the others were still running');
	await Promise.all(ends);
	t.equal(registry.scoreboard.active(slot), 0);
	t.same(repair.audit(), []);
	t.ok(repair.isZero());
});

t.test('a rate that all workers run into lets exactly its count through', async (t) => {
	const { seen, workers, repair } = house(SESSIONS / 10, null, [rate(5_000, 3_600_000)]);
	await Promise.all(workers.map((worker) => once(worker, 'exit')));
	t.equal(seen[2], 5_000);
	t.ok(repair.isZero());
});
