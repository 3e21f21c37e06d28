import t from 'tap';
import { Teams } from '../../src/control/teams.ts';
import type { BindSnapshot, Snapshot } from '../../src/core/snapshot.ts';
import { snapshotOf } from '../support/snapshots.ts';

const tcp = (port: number): BindSnapshot => ({ target: { type: 'tcp', host: '127.0.0.1', port }, v6Only: false });
const unix = (path: string): BindSnapshot => ({ target: { type: 'unix', path }, v6Only: false });

/** By listener: whether it needs the node engine, and where it listens. */
const listening = (...listeners: readonly (readonly [needsNode: boolean, ...binds: BindSnapshot[]])[]): Snapshot =>
	snapshotOf({ listeners: listeners.map(([needsNode, ...binds]) => ({ needsNode, binds })) });

const portsOf = ({ listeners }: Snapshot): unknown[] =>
	listeners.map(({ binds }) => binds.map(({ target }) => (target.type === 'tcp' ? target.port : target.path)));

t.test('where the node engine runs alone there is one team, which serves everything', async (t) => {
	const teams = new Teams('node', 3);
	const snapshot = listening([true, tcp(1)], [false, tcp(2)]);
	t.equal(teams.beside, null);
	t.equal(teams.capacity, 3);
	t.same(teams.inOrder, [{ engine: 'node', numbers: [0, 1, 2] }]);
	t.equal(teams.needsBeside(snapshot), false);
	t.same(portsOf(teams.part(snapshot, teams.main)), [[1], [2]]);
	t.equal(teams.moved(listening([false, unix('a')]), listening([true, unix('a')])).paths.size, 0);
});

t.test(
	'beside a native engine the node engine has as many workers, numbered behind the others, and comes first',
	async (t) => {
		const teams = new Teams('epoll', 2);
		t.equal(teams.capacity, 4);
		t.same(teams.inOrder, [
			{ engine: 'node', numbers: [2, 3] },
			{ engine: 'epoll', numbers: [0, 1] },
		]);
		t.same(
			[0, 1, 2, 3].map((worker) => teams.of(worker).engine),
			['epoll', 'epoll', 'node', 'node'],
		);
		t.equal(teams.needsBeside(listening([false, tcp(1)])), false);
		t.equal(teams.needsBeside(listening([false, tcp(1)], [true, tcp(2)])), true);
	},
);

t.test("a team's part has every listener, and only its own with their addresses", async (t) => {
	const teams = new Teams('epoll', 1);
	const snapshot = listening([false, tcp(1), unix('a')], [true, tcp(2), unix('b')]);
	const [beside, main] = teams.inOrder.map((team) => teams.part(snapshot, team));
	if (beside === undefined || main === undefined) throw new Error('two teams');
	t.same(portsOf(main), [[1, 'a'], []]);
	t.same(portsOf(beside), [[], [2, 'b']]);
	t.same(portsOf(teams.part(snapshot, teams.main, new Set(['unix:a', 'unix:b']))), [[1], []]);
	t.equal(main.listeners[0], snapshot.listeners[0], 'what is not changed is not copied');
});

t.test('a path or a port moves when a team is to serve it that did not before, whatever the listener', async (t) => {
	const teams = new Teams('epoll', 1);
	const before = listening([false, unix('a'), tcp(1)], [true, unix('b'), tcp(2)], [false, unix('c'), tcp(2)]);
	const table: readonly [after: Snapshot, paths: string[], ports: number[]][] = [
		[before, [], []],
		[listening([true, unix('a'), tcp(1)], [true, unix('b')]), ['unix:a'], [1]],
		[listening([true, unix('c'), unix('b'), tcp(2)], [false, unix('a')]), ['unix:c'], []],
		[listening([true, tcp(1)], [false, tcp(1)]), [], [1]],
		[listening([true, unix('new'), tcp(9)]), [], []],
	];
	for (const [after, paths, ports] of table) {
		const moved = teams.moved(before, after);
		t.same([[...moved.paths], [...moved.ports]], [paths, ports]);
	}
	t.same(teams.moved(null, before), { paths: new Set(), ports: new Set() });
});
