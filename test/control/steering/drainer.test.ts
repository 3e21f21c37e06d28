import { test } from 'tap';
import { Drainer, TICK_MS } from '../../../src/control/steering/drainer.ts';
import { snapshotOf } from '../../support/snapshots.ts';

/** Two workers with so many sessions each on the backend `a` of pool `eu`, and a clock. */
function house(active: [number, number]) {
	const snapshot = snapshotOf({ pools: [{ name: 'eu', backends: [{ name: 'a' }, { name: 'b' }] }], listeners: [{}] });
	const slot = snapshot.pools[0]?.backends[0]?.slot;
	const closed: number[] = [];
	let nowMs = 0;
	let tick: (() => void) | null = null;
	const drainer = new Drainer({
		snapshot: () => snapshot,
		workers: () => [0, 1],
		activeOf: (worker, backend) => (backend === slot ? (active[worker] ?? 0) : 99),
		close: (worker, backend, count) => {
			if (backend !== slot) throw new Error('another backend');
			active[worker] = (active[worker] ?? 0) - count;
			closed.push(count);
		},
		nowMs: () => nowMs,
		every: (_ms, run) => {
			tick = run;
			return () => {
				tick = null;
			};
		},
	});
	const passMs = (ms: number): void => {
		for (let past = 0; past < ms; past += TICK_MS) {
			nowMs += TICK_MS;
			tick?.();
		}
	};
	const sum = (): number => closed.reduce((all, count) => all + count, 0);
	return { drainer, passMs, closed: sum, running: () => tick !== null };
}

test('so many a second are closed, across workers, and no more', (t) => {
	const { drainer, passMs, closed } = house([7, 50]);
	drainer.start('eu', 'a', 10, 0);
	passMs(1_000);
	t.equal(closed(), 10);
	passMs(2_000);
	t.equal(closed(), 30);
	passMs(60_000);
	t.equal(closed(), 57, 'until none is left');
	t.end();
});

test('less than one a tick adds up', (t) => {
	const { drainer, passMs, closed } = house([5, 0]);
	drainer.start('eu', 'a', 0.5, 0);
	passMs(1_900);
	t.equal(closed(), 0);
	passMs(2_200);
	t.equal(closed(), 2);
	t.end();
});

test('what nobody was there for is not saved up', (t) => {
	const active: [number, number] = [0, 0];
	const { drainer, passMs, closed } = house(active);
	drainer.start('eu', 'a', 2, 0);
	passMs(60_000);
	active[0] = 50;
	passMs(TICK_MS);
	t.equal(closed(), 2);
	t.end();
});

test('without a rate sessions go on for the time of grace, and end then', (t) => {
	const { drainer, passMs, closed } = house([3, 4]);
	drainer.start('eu', 'a', null, 5_000);
	passMs(4_900);
	t.equal(closed(), 0);
	passMs(100);
	t.equal(closed(), 7);
	t.end();
});

test('a backend that is enabled again keeps its sessions', (t) => {
	const { drainer, passMs, closed, running } = house([3, 4]);
	drainer.start('eu', 'a', null, 5_000);
	passMs(1_000);
	drainer.end('eu', 'a');
	passMs(10_000);
	t.equal(closed(), 0);
	t.notOk(running(), 'and no timer runs for it');
	t.end();
});
