import t, { type Test } from 'tap';
import { CountingBackend, sendCrowd } from './support/crowd.ts';
import { LiveSluice } from './support/live-scoreboard.ts';
import type { LogLine } from './support/sluice-process.ts';

const CAP = 10;
const CLIENTS = 2_000;
/** Probes are connections, too, and count for the backend. */
const OFF = { active: 'off', passive: 'off' } as const;
/** Records tell when a session ended in whole milliseconds; what lies closer together is not called an order. */
const CLOCK_MS = 2;

t.test(`${CLIENTS} clients at once, two workers, one backend for ${CAP}, and a queue for them all`, async (t) => {
	const backend = await CountingBackend.start(t);
	const one = { name: 'one', address: backend.address, maxConnections: CAP };
	const sluice = new LiveSluice(t, {
		workers: 2,
		limits: { maxConnections: CLIENTS + 100 },
		listeners: [{ name: 'game', bind: '127.0.0.1:0', routes: [{ to: ['main'] }] }],
		pools: [{ name: 'main', health: OFF, queue: { size: CLIENTS, timeout: '1m' }, backends: [one] }],
	});
	const port = await sluice.port('game');
	const descriptors = sluice.descriptors;
	const report = await sendCrowd(t, { port, clients: CLIENTS, atOnce: CLIENTS, pings: 1 });
	t.strictSame(report, { served: CLIENTS }, 'every client was served');

	const { open, peak, accepted, broken } = await backend.report();
	t.equal(peak, CAP, 'the backend itself counted so many at once, and never more');
	t.strictSame({ open, accepted, broken }, { open: 0, accepted: CLIENTS, broken: 0 });

	const { faults, sessions } = await sluice.atRest(descriptors);
	t.strictSame(faults, [], 'the scoreboard of the running process holds nothing and adds up');
	for (const byWorker of sessions) {
		t.ok(byWorker.length === 2 && Math.min(...byWorker) >= CLIENTS / 4, `sessions by worker: ${byWorker.join(', ')}`);
	}

	const records = await sluice.records();
	t.equal(records.length, CLIENTS, 'one record for each client');
	t.ok(records.every(({ outcome }) => outcome === 'completed'));
	checkOrder(t, records);
});

/** When a session joined the queue and when it got its place, in milliseconds. */
interface Wait {
	readonly joined: number;
	readonly claimed: number;
}

/**
 * A place is granted in the order of joining; it is used when the worker of its session next comes to its loop. So
 * an inversion is a pair of which the one that joined later connects first, and bounded is: how many pairs there
 * are of all, and by how much later someone may have come who was faster.
 */
function checkOrder(t: Pick<Test, 'ok'>, records: readonly LogLine[]): void {
	const waits = records.filter(({ queuedMs }) => queuedMs !== null).map(waitOf);
	t.ok(waits.length > CLIENTS / 2, `${waits.length} had to wait`);
	const leads: number[] = [];
	for (const early of waits) {
		for (const late of waits) {
			const lead = late.joined - early.joined;
			if (lead > CLOCK_MS && early.claimed - late.claimed > CLOCK_MS) leads.push(lead);
		}
	}
	const pairs = (waits.length * (waits.length - 1)) / 2;
	const share = leads.length / pairs;
	t.ok(share < 0.02, `${leads.length} of ${pairs} pairs are inverted`);
	const worst = Math.max(0, ...leads);
	t.ok(worst < 500, `who was overtaken had come at most ${worst} ms earlier`);
}

function waitOf({ time, durationMs, queuedMs }: LogLine): Wait {
	const joined = Date.parse(String(time)) - Number(durationMs);
	return { joined, claimed: joined + Number(queuedMs) };
}
