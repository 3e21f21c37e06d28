import { test } from 'tap';
import { MAX_SERIES, PointMaker } from '../../../src/control/history/points.ts';
import { POOL, QUIET, STATUS } from '../../support/fake-operations.ts';

const WALL = Date.parse('2026-01-01T00:00:00Z');
const status = (sessions: number, uploadBytes: number) => ({
	...STATUS,
	sessions,
	queued: 4,
	traffic: { ...QUIET, uploadBytes, downloadBytes: 2 * uploadBytes },
});

test('rates are means since the point before', (t) => {
	const maker = new PointMaker();
	t.same(maker.take(status(100, 1_000), [POOL], 5_000, WALL + 1_234), [], 'nothing is known of what was before');
	t.same(maker.take(status(150, 3_000), [{ ...POOL, sessions: 22 }], 15_000, WALL + 11_234), [
		{
			series: 'process',
			timeMs: WALL + 10_000,
			active: 3,
			endedPerSecond: 5,
			uploadBytesPerSecond: 200,
			downloadBytesPerSecond: 400,
			queued: 4,
		},
		{
			series: 'pool eu',
			timeMs: WALL + 10_000,
			active: 3,
			endedPerSecond: 1,
			uploadBytesPerSecond: 0,
			downloadBytesPerSecond: 0,
			queued: 0,
		},
	]);
	t.end();
});

test('totals that fall are no negative rates, and a new pool begins with its second look', (t) => {
	const maker = new PointMaker();
	maker.take(status(100, 1_000), [], 0, WALL);
	const points = maker.take(status(50, 0), [POOL], 10_000, WALL + 10_000);
	t.match(points, [{ series: 'process', endedPerSecond: 0, uploadBytesPerSecond: 0 }]);
	t.equal(points.length, 1);
	t.same(maker.take(status(50, 0), [POOL], 10_000, WALL), [], 'no time has passed');
	t.end();
});

test('of very many pools the first are kept', (t) => {
	const maker = new PointMaker();
	const pools = Array.from({ length: 500 }, (_, at) => ({ ...POOL, name: `p${at}` }));
	maker.take(STATUS, pools, 0, WALL);
	t.equal(maker.take(STATUS, pools, 10_000, WALL).length, MAX_SERIES);
	t.end();
});
