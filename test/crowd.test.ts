import t from 'tap';
import { CountingBackend, sendCrowd } from './support/crowd.ts';
import { LiveSluice } from './support/live-scoreboard.ts';

const CAP = 10;
/** Probes are connections, too, and count for the backend. */
const OFF = { active: 'off', passive: 'off' } as const;
const CLIENTS = 2_000;

t.test(`${CLIENTS} clients, two workers, one backend for ${CAP}: never one more, and used in full`, async (t) => {
	const backend = await CountingBackend.start(t);
	const sluice = new LiveSluice(t, {
		workers: 2,
		listeners: [{ name: 'game', bind: '127.0.0.1:0', routes: [{ to: ['main'] }] }],
		pools: [{ name: 'main', health: OFF, backends: [{ name: 'one', address: backend.address, maxConnections: CAP }] }],
	});
	const port = await sluice.port('game');
	const descriptors = sluice.descriptors;
	const { served = 0, refused = 0, ...odd } = await sendCrowd(t, { port, clients: CLIENTS, atOnce: 25, pings: 3 });

	t.strictSame(odd, {}, 'every client was served, or refused by a FIN without a byte');
	t.equal(served + refused, CLIENTS);
	t.ok(refused > 0, 'the cap was felt');
	const { open, peak, accepted, broken } = await backend.report();
	t.equal(peak, CAP, 'the backend itself counted so many at once, and never more');
	t.strictSame({ open, accepted, broken }, { open: 0, accepted: served, broken: 0 });

	const { faults, sessions } = await sluice.atRest(descriptors);
	t.strictSame(faults, [], 'the scoreboard of the running process holds nothing and adds up');
	checkShares(t, sessions, served);

	const records = await sluice.records();
	t.equal(records.length, CLIENTS, 'one record for each client');
	const outcomes = Object.groupBy(records, ({ outcome }) => String(outcome));
	t.strictSame(Object.keys(outcomes).sort(), ['completed', 'pool-full']);
	t.equal(outcomes.completed?.length, served);
	t.equal(outcomes['pool-full']?.length, refused);
	t.ok(
		outcomes.completed?.every(({ backend, attempts }) => backend === 'one' && attempts === 1),
		'who was served was on that backend at the first try',
	);
});

/** At each place (the listener, the pool, the backend) every worker had at least a tenth of the sessions. */
function checkShares(t: Tap, sessions: readonly (readonly number[])[], served: number): void {
	const totals = sessions.map((byWorker) => byWorker.reduce((sum, count) => sum + count, 0));
	t.strictSame(
		totals.toSorted((a, b) => b - a),
		[CLIENTS, served, served],
		'sessions of listener, pool and backend',
	);
	for (const [at, byWorker] of sessions.entries()) {
		const tenth = (totals[at] ?? 0) / 10;
		t.ok(byWorker.length === 2 && Math.min(...byWorker) >= tenth, `sessions by worker: ${byWorker.join(', ')}`);
	}
}

type Tap = Pick<typeof t, 'ok' | 'strictSame'>;
