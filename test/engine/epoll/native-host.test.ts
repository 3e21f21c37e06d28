import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import t from 'tap';
import type { BindSnapshot, Snapshot } from '../../../src/core/snapshot.ts';
import { DescriptorTable } from '../../../src/engine/epoll/descriptors.ts';
import { AF_UNIX, SOCK_NONBLOCK, SOCK_STREAM } from '../../../src/engine/epoll/layouts.ts';
import { Libc } from '../../../src/engine/epoll/libc.ts';
import { EpollHost } from '../../../src/engine/epoll/native-host.ts';
import { SocketAddress } from '../../../src/engine/epoll/sockaddr.ts';
import { libc, put, take } from '../../support/native-tools.ts';
import { socketFolder } from '../../support/net-ports.ts';
import { snapshotOf } from '../../support/snapshots.ts';

const open = (): number => readdirSync('/proc/self/fd').length;

/** A port that was free a moment ago. */
function freePort(host: string): number {
	const address = new SocketAddress(libc);
	const fd = libc.socket(address.put({ type: 'tcp', host, port: 0 }), SOCK_STREAM);
	libc.bind(fd, address.buffer, address.length);
	libc.getsockname(fd, address.buffer);
	libc.close(fd);
	return address.take().port;
}

const tcp = (port: number, host = '127.0.0.1'): BindSnapshot => ({
	target: { type: 'tcp', host, port },
	v6Only: false,
});
const listening = (...binds: BindSnapshot[]): Snapshot => snapshotOf({ listeners: [{ name: 'game', binds }] });
const hostOf = (workers: number): EpollHost => new EpollHost(libc, { workers, nofile: 1024, pipes: 9 });

t.test('every worker has a socket of its own on each address; what is there is kept', async (t) => {
	const before = open();
	const host = hostOf(2);
	const [one, two] = [tcp(freePort('127.0.0.1')), tcp(freePort('::1'), '::1')];
	t.same(host.open(listening(one)), []);
	const [first] = [...host.socketsOf(0).values()];
	t.same(host.open(listening(one, two)), []);
	for (const worker of [0, 1]) t.equal(host.socketsOf(worker).size, 2);
	t.equal(host.socketsOf(0).values().next().value, first);
	t.equal(open(), before + 4 + 2, 'two bells');
	host.close();
	t.equal(open(), before);
});

t.test("a unix socket is the first worker's, and its file goes with it", async (t) => {
	const path = socketFolder(t)('s.sock');
	const host = hostOf(2);
	t.same(host.open(listening({ target: { type: 'unix', path }, v6Only: false })), []);
	t.same([host.socketsOf(0).size, host.socketsOf(1).size], [1, 0]);
	t.ok(existsSync(path));
	for (const key of host.socketsOf(0).keys()) host.released(0, key);
	t.notOk(existsSync(path));
	host.close();
});

t.test('an address that cannot be had is named once, and nothing stays open', async (t) => {
	const host = hostOf(2);
	t.teardown(() => host.close());
	const before = open();
	const failures = host.open(listening(tcp(1, '192.0.2.7')));
	t.same(failures, ['listener game: cannot bind 192.0.2.7:1: no such address on this machine']);
	t.equal(open(), before);
	t.equal(host.socketsOf(0).size, 0);
});

t.test('what waits in a queue outlives a worker, and a released socket is closed once', async (t) => {
	const host = hostOf(1);
	const bind = tcp(freePort('127.0.0.1'));
	host.open(listening(bind));
	const client = connect({ port: bind.target.type === 'tcp' ? bind.target.port : 0, host: '127.0.0.1' });
	await once(client, 'connect');
	host.bury(0);
	const [[key = '', fd = -1] = []] = [...host.socketsOf(0)];
	const address = new SocketAddress(libc);
	const accepted = libc.accept(fd, address.buffer, SOCK_NONBLOCK);
	t.ok(accepted >= 0, 'the client is still there');
	libc.close(accepted);
	host.released(0, key);
	t.equal(libc.listen(fd, 1), -9, 'it is closed');
	host.released(0, key);
	host.released(7, 'nothing');
	client.destroy();
	host.close();
});

t.test('a new worker takes over what the snapshot still has; the rest is closed', async (t) => {
	const before = open();
	const host = hostOf(1);
	const [one, two] = [tcp(freePort('127.0.0.1')), tcp(freePort('127.0.0.2'), '127.0.0.2')];
	host.open(listening(one, two));
	host.adopted(0, listening(two));
	t.equal(host.socketsOf(0).size, 1);
	t.equal(open(), before + 2, 'one listening socket and the bell');
	host.close();
});

t.test('what a dead worker had open is closed, and nothing of the others', async (t) => {
	const host = hostOf(2);
	t.teardown(() => host.close());
	const table = new DescriptorTable(host.startOf(0).descriptors);
	const [dead, alive] = [0, 1].map(
		(worker) => new Libc({ owners: table.owners, mark: DescriptorTable.markOf(worker) }),
	);
	const mine = dead?.socketPair(AF_UNIX, SOCK_STREAM);
	const theirs = alive?.socketPair(AF_UNIX, SOCK_STREAM);
	if (!Array.isArray(mine) || !Array.isArray(theirs)) throw new Error('no descriptors');
	host.bury(0);
	t.equal(libc.close(mine[0]), -9);
	t.equal(libc.close(mine[1]), -9);
	put(theirs[0], 'x');
	t.equal(take(theirs[1]), 'x');
	host.bury(1);
	t.equal(libc.close(theirs[0]), -9);
});

t.test('each worker gets its part of the pipes, and every bell can be rung', async (t) => {
	const host = hostOf(2);
	t.teardown(() => host.close());
	const start = host.startOf(1);
	t.match(start, { worker: 1, pipes: 4 });
	t.equal(host.bells.length, 2);
	host.ring(1);
	host.ring(1);
	host.ring(99);
	t.equal(libc.takeSignals(host.bells[1] ?? -1), 8);
	t.equal(libc.takeSignals(host.bells[0] ?? -1), -11, 'the other was not rung');
});
