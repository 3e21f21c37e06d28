import t from 'tap';
import type { BindSnapshot } from '../../src/core/snapshot.ts';
import { bindFailure, wantedBinds } from '../../src/engine/binds.ts';
import { canReusePort, systemBacklog } from '../../src/engine/platform.ts';
import { snapshotOf } from '../support/snapshots.ts';

const tcp = (host: string, port: number, v6Only = false): BindSnapshot => ({
	target: { type: 'tcp', host, port },
	v6Only,
});
const unix = (path: string): BindSnapshot => ({ target: { type: 'unix', path }, v6Only: false });

const snapshot = snapshotOf({
	listeners: [{ binds: [tcp('0.0.0.0', 7000), unix('/run/a')] }, { binds: [tcp('::', 7000, true)] }],
});

t.test('which worker listens where', async (t) => {
	const table: readonly [worker: number, reusePort: boolean, keys: readonly string[]][] = [
		[0, true, ['0.0.0.0:7000', 'unix:/run/a', '[::]:7000 v6only']],
		[1, true, ['0.0.0.0:7000', '[::]:7000 v6only']],
		[0, false, ['0.0.0.0:7000', 'unix:/run/a', '[::]:7000 v6only']],
		[1, false, []],
	];
	for (const [worker, reusePort, keys] of table) {
		t.same([...wantedBinds(snapshot, worker, reusePort).keys()], keys, `worker ${worker}, reusePort ${reusePort}`);
	}
});

t.test('a bind knows its listener, and is another one when its families change', async (t) => {
	const wanted = wantedBinds(snapshot, 0, true);
	t.equal(wanted.get('unix:/run/a')?.listener, 0);
	t.equal(wanted.get('[::]:7000 v6only')?.listener, 1);
	const dual = wantedBinds(snapshotOf({ listeners: [{ binds: [tcp('::', 7000)] }] }), 0, true);
	t.same([...dual.keys()], ['[::]:7000']);
});

t.test('a failure reads as a sentence', async (t) => {
	const table = [
		[tcp('0.0.0.0', 7000), 'EADDRINUSE', 'listener game: cannot bind 0.0.0.0:7000: address in use'],
		[tcp('::1', 80), 'EACCES', 'listener game: cannot bind [::1]:80: permission denied'],
		[tcp('192.0.2.1', 80), 'EADDRNOTAVAIL', 'listener game: cannot bind 192.0.2.1:80: no such address on this machine'],
		[unix('/no/x'), 'ENOENT', 'listener game: cannot bind unix:/no/x: no such directory'],
		[unix('/x'), 'EWEIRD', 'listener game: cannot bind unix:/x: EWEIRD'],
	] as const;
	for (const [bind, code, text] of table) t.equal(bindFailure('game', bind, code), text);
});

t.test('what the platform can do', async (t) => {
	t.same(['linux', 'freebsd', 'darwin', 'win32'].map(canReusePort), [true, true, false, false]);
	t.ok(Number.isSafeInteger(systemBacklog()) && systemBacklog() > 0);
});
