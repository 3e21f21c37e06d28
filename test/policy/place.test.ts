import t from 'tap';
import { CONTENDED, type Health } from '../../src/core/desk.ts';
import { isPlacement, takePlacement } from '../../src/policy/place.ts';
import type { Trace } from '../../src/policy/trace.ts';
import { at, makeWorld } from '../../src/policy/world.ts';
import { FakeBoard, FakeDesk } from '../support/fake-desk.ts';
import { type PoolSpec, snapshotOf } from '../support/snapshots.ts';

/** A backend in one line: its state, whether it is a backup, and whether it is full. */
interface Sketch {
	readonly name: string;
	readonly health?: Health;
	readonly backup?: boolean;
	readonly full?: boolean;
	readonly weight?: number;
	readonly tooFast?: boolean;
}

function stage(
	pools: readonly (readonly Sketch[])[],
	balance: PoolSpec['balance'] = 'first',
	panicBelow: readonly number[] = [],
) {
	const snapshot = snapshotOf({
		pools: pools.map((backends, index) => ({
			name: `p${index}`,
			balance,
			panicBelow: panicBelow[index] ?? 0,
			backends: backends.map(({ name, backup, full, weight }) => ({
				name,
				backup: backup ?? false,
				weight: weight ?? 1,
				maxConnections: full === true ? 0 : null,
			})),
		})),
	});
	const board = new FakeBoard();
	for (const [p, backends] of pools.entries()) {
		for (const [b, sketch] of backends.entries()) {
			const { slot } = at(at(snapshot.pools, p).backends, b);
			board.states.set(slot.index, sketch.health ?? 'up');
			if (sketch.tooFast === true) board.rateSpent.add(slot.index);
		}
	}
	const world = makeWorld(snapshot, { live: board, geo: { country: () => null }, rng: () => 0.5 });
	const listener = at(snapshot.listeners, 0);
	const place = (tried: readonly string[] = [], desk = new FakeDesk(board), trace: Trace | null = null): string => {
		const all = snapshot.pools.flatMap((pool) => pool.backends);
		const request = {
			listener,
			address: null,
			tried: all.filter((backend) => tried.includes(backend.name)),
			mayWaitFirst: true,
		};
		const result = takePlacement(world, at(listener.routes, 0), request, desk, 0, trace);
		return isPlacement(result) ? result.backend.name : `${result.verdict} ${result.pool?.name ?? 'none'}`;
	};
	return { place, board, snapshot };
}

t.test('which backend a session gets', async (t) => {
	const cases: { name: string; pools: readonly (readonly Sketch[])[]; tried?: readonly string[]; want: string }[] = [
		{ name: 'the first that is up', pools: [[{ name: 'a' }, { name: 'b' }]], want: 'a' },
		{ name: 'a down one is passed over', pools: [[{ name: 'a', health: 'down' }, { name: 'b' }]], want: 'b' },
		{
			name: 'an unknown one only when none is up',
			pools: [[{ name: 'a', health: 'unknown' }, { name: 'b' }]],
			want: 'b',
		},
		{
			name: 'unknown when none is up',
			pools: [
				[
					{ name: 'a', health: 'down' },
					{ name: 'b', health: 'unknown' },
				],
			],
			want: 'b',
		},
		{
			name: 'unknown ones are not used because those that are up are full',
			pools: [
				[
					{ name: 'a', full: true },
					{ name: 'b', health: 'unknown' },
				],
			],
			want: 'full p0',
		},
		{
			name: 'a backup waits while a primary is open',
			pools: [[{ name: 'a', backup: true }, { name: 'b' }]],
			want: 'b',
		},
		{
			name: 'a backup serves when primaries are down',
			pools: [
				[
					{ name: 'a', health: 'down' },
					{ name: 'b', backup: true },
				],
			],
			want: 'b',
		},
		{
			name: 'a backup serves when primaries are full',
			pools: [
				[
					{ name: 'a', full: true },
					{ name: 'b', backup: true },
				],
			],
			want: 'b',
		},
		{ name: 'weight 0 takes nobody', pools: [[{ name: 'a', weight: 0 }, { name: 'b' }]], want: 'b' },
		{ name: 'a backend above its rate is full', pools: [[{ name: 'a', tooFast: true }]], want: 'full p0' },
		{ name: 'spill to the next pool when full', pools: [[{ name: 'a', full: true }], [{ name: 'z' }]], want: 'z' },
		{ name: 'spill to the next pool when down', pools: [[{ name: 'a', health: 'down' }], [{ name: 'z' }]], want: 'z' },
		{ name: 'spill over a pool without backends', pools: [[], [{ name: 'z' }]], want: 'z' },
		{ name: 'all down', pools: [[{ name: 'a', health: 'down' }], []], want: 'down p0' },
		{
			name: 'full beats down, the first full pool is named',
			pools: [[], [{ name: 'a', full: true }], [{ name: 'b', full: true }]],
			want: 'full p1',
		},
		{ name: 'one that failed comes last', pools: [[{ name: 'a' }, { name: 'b' }]], tried: ['a'], want: 'b' },
		{ name: 'another pool before one that failed', pools: [[{ name: 'a' }], [{ name: 'z' }]], tried: ['a'], want: 'z' },
		{ name: 'one that failed when there is no other', pools: [[{ name: 'a' }]], tried: ['a'], want: 'a' },
	];
	for (const c of cases) t.equal(stage(c.pools).place(c.tried), c.want, c.name);
});

t.test('in a panic health is ignored, and nothing else', async (t) => {
	const down = (name: string, more: Partial<Sketch> = {}): Sketch => ({ name, health: 'down', ...more });
	const cases: {
		name: string;
		pools: readonly (readonly Sketch[])[];
		panicBelow: readonly number[];
		tried?: readonly string[];
		want: string;
	}[] = [
		{ name: 'off by default', pools: [[down('a')]], panicBelow: [], want: 'down p0' },
		{ name: 'all down', pools: [[down('a'), down('b')]], panicBelow: [0.5], want: 'a' },
		{ name: 'another pool of the route is up', pools: [[down('a')], [{ name: 'z' }]], panicBelow: [1, 1], want: 'z' },
		{
			name: 'another pool is up but full',
			pools: [[down('a')], [{ name: 'z', full: true }]],
			panicBelow: [1, 1],
			want: 'full p1',
		},
		{ name: 'the first pool that panics', pools: [[down('a')], [down('z')]], panicBelow: [0, 0.1], want: 'z' },
		{ name: 'never one of weight 0', pools: [[down('a', { weight: 0 })]], panicBelow: [1], want: 'down p0' },
		{
			name: 'weight 0 is passed over',
			pools: [[{ name: 'a', weight: 0 }, down('b')]],
			panicBelow: [0.01],
			want: 'b',
		},
		{ name: 'a cap holds', pools: [[down('a', { full: true }), down('b')]], panicBelow: [1], want: 'b' },
		{ name: 'all at their caps', pools: [[down('a', { full: true })]], panicBelow: [1], want: 'full p0' },
		{ name: 'primaries before backups', pools: [[down('a', { backup: true }), down('b')]], panicBelow: [1], want: 'b' },
		{ name: 'one that failed comes last', pools: [[down('a'), down('b')]], panicBelow: [1], tried: ['a'], want: 'b' },
		{ name: 'one that failed when there is no other', pools: [[down('a')]], panicBelow: [1], tried: ['a'], want: 'a' },
	];
	for (const c of cases) t.equal(stage(c.pools, 'first', c.panicBelow).place(c.tried), c.want, c.name);
});

t.test('health and panic are told in words', async (t) => {
	const told = (pools: readonly (readonly Sketch[])[], panicBelow: readonly number[] = []): string[] => {
		const { place, board } = stage(pools, 'first', panicBelow);
		const notes: string[] = [];
		place([], new FakeDesk(board), { note: (_, text) => notes.push(text) });
		return notes;
	};
	t.strictSame(told([[{ name: 'a', health: 'down' }, { name: 'b' }]]), [
		'pool p0: 1 of 2 open (backends, up; 1 down)',
		'first picks p0/b, weight 1',
	]);
	t.strictSame(told([[{ name: 'a', health: 'unknown' }]]), [
		'pool p0: 1 of 1 open (backends, unknown: not probed yet, used while none is up)',
		'first picks p0/a, weight 1',
	]);
	t.strictSame(told([[{ name: 'a', health: 'down' }]], [0.3]), [
		'pool p0 is down: no further pool on this route',
		'every pool is down, 0 % of pool p0 healthy, under panicBelow 30 %: health is ignored',
		'pool p0: 1 of 1 open (backends, health ignored; 1 down)',
		'first picks p0/a, weight 1',
	]);
});

t.test('the place is taken, and a full backend is left at its cap', async (t) => {
	const { place, board, snapshot } = stage([[{ name: 'a' }]]);
	place();
	place();
	t.equal(board.active(at(at(snapshot.pools, 0).backends, 0).slot), 2);
});

t.test('least connections chooses again when another worker was faster', async (t) => {
	const { place, board } = stage([[{ name: 'a' }, { name: 'b' }]], 'least-connections');
	class Contended extends FakeDesk {
		calls = 0;
		override take(
			kind: string,
			...rest: Parameters<FakeDesk['take']> extends [string, ...infer R] ? R : never
		): number {
			this.calls += 1;
			return this.calls <= 3 ? CONTENDED : super.take(kind, ...rest);
		}
	}
	const desk = new Contended(board);
	t.match(place([], desk), /^[ab]$/);
	t.equal(desk.calls, 4);
});

t.test('endless contention ends: after a few rounds the count is no longer watched', async (t) => {
	const { place, board } = stage([[{ name: 'a' }, { name: 'b' }]], 'least-connections');
	class AlwaysContended extends FakeDesk {
		override take(...args: Parameters<FakeDesk['take']>): number {
			return args[3] >= 0 ? CONTENDED : super.take(...args);
		}
	}
	t.match(place([], new AlwaysContended(board)), /^[ab]$/);
});

t.test('reasons are told in words', async (t) => {
	const { place, board } = stage([[{ name: 'a', full: true }], [{ name: 'z' }]]);
	const notes: string[] = [];
	place([], new FakeDesk(board), { note: (stage, text) => notes.push(`${stage}: ${text}`) });
	t.same(notes, [
		'balance: pool p0: 0 of 1 open (backends, up)',
		'balance: pool p0 is full: spill to the next pool',
		'balance: pool p1: 1 of 1 open (backends, up)',
		'balance: first picks p1/z, weight 1',
	]);
});
