import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import t, { type Test } from 'tap';
import { SOCK_NONBLOCK } from '../src/engine/epoll/layouts.ts';
import { openListeningSocket } from '../src/engine/epoll/listening-sockets.ts';
import { MOST_RESTING, REST_MS } from '../src/engine/epoll/resting-sockets.ts';
import { SocketAddress } from '../src/engine/epoll/sockaddr.ts';
import { type Backend, echo, startBackend, startEcho, type Teardown } from './support/echo.ts';
import { type Balancer, engineTargets } from './support/harness.ts';
import { libc } from './support/native-tools.ts';
import { configOf, listenerTo, poolOf } from './support/net-config.ts';
import { dial, type Peer, pass, patternOf, until } from './support/peers.ts';
import { configFile, SluiceProcess } from './support/sluice-process.ts';

const MSG_OOB = 1;

const start = (t: Teardown, config: ReturnType<typeof configOf>): Promise<Balancer> => {
	const target = engineTargets(['epoll'])[0];
	if (target === undefined) throw new Error('no epoll engine');
	return target.start(t, config);
};

/** The line of the socket that is connected from this port to that one (proc_pid_net(5), /proc/net/tcp). */
function lineOf(localPort: number, remotePort: number): readonly string[] {
	const hex = (port: number): string => `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
	const [local, remote] = [hex(localPort), hex(remotePort)];
	for (const table of ['tcp', 'tcp6']) {
		for (const line of readFileSync(`/proc/net/${table}`, 'utf8').split('\n')) {
			const columns = line.trim().split(/\s+/);
			if (columns[1]?.endsWith(local) === true && columns[2]?.endsWith(remote) === true) return columns;
		}
	}
	return [];
}

/** A socket keeps its inode for its life. */
const inodeOf = (localPort: number, remotePort: number): string | null => lineOf(localPort, remotePort)[9] ?? null;

/** Whether its timer is that of keep-alive. */
const keepsAlive = (localPort: number, remotePort: number): boolean =>
	lineOf(localPort, remotePort)[5]?.startsWith('02:') === true;

interface Seen {
	/** Of the balancer's socket to the backend. */
	readonly inode: string | null;
	readonly port: number;
}

/** One session that sends this and gets it back; answers what the backend was connected by. */
async function session(
	t: Teardown,
	balancer: Balancer,
	backend: Backend,
	data: Buffer,
	listener = 'in',
): Promise<Seen> {
	const nth = backend.served;
	const client = await dial(t, balancer.address(listener));
	client.send(data);
	await client.heard(data.length);
	if (client.text !== data.toString('latin1')) throw new Error('other bytes came back');
	const { remotePort = 0, localPort = 0 } = await backend.accepted(nth);
	const seen = { inode: inodeOf(remotePort, localPort), port: remotePort };
	client.fin();
	if ((await client.ending()) !== 'fin') throw new Error('it was reset');
	if (client.bytes !== data.length) throw new Error(`${client.bytes} bytes of ${data.length}`);
	// The last event of the old connection is heard in the next turn.
	await pass(10);
	return seen;
}

t.test('one session after the other goes over the same socket, each from a port of its own', async (t) => {
	for (const host of ['127.0.0.1', '::1']) {
		const backend = await startBackend(t, { host, onClient: echo });
		const balancer = await start(t, configOf([backend.address]));
		const seen: Seen[] = [];
		for (let i = 1; i <= 12; i++) seen.push(await session(t, balancer, backend, patternOf(i * 311)));
		t.equal(new Set(seen.map(({ inode }) => inode)).size, 1, host);
		t.not(seen[0]?.inode, null);
		t.equal(new Set(seen.map(({ port }) => port)).size, seen.length);
		const records = await balancer.recorded(seen.length);
		t.same(
			records.map(({ outcome }) => outcome),
			seen.map(() => 'completed'),
		);
	}
});

t.test('it goes to whichever backend is next', async (t) => {
	const [one, two] = [await startEcho(t), await startEcho(t)];
	const config = configOf([], { more: { listeners: [], pools: [] } });
	const balancer = await start(t, {
		...config,
		listeners: [listenerTo(['one'], { name: 'a' }), listenerTo(['two'], { name: 'b' })],
		pools: [poolOf('one', [one.address]), poolOf('two', [two.address])],
	});
	const first = await session(t, balancer, one, Buffer.from('first'), 'a');
	const second = await session(t, balancer, two, Buffer.from('second'), 'b');
	t.not(first.inode, null);
	t.equal(second.inode, first.inode);
});

/** What makes a socket unlike others: it is not used again. */
const UNLIKE: Readonly<
	Record<string, { pool?: { sourceAddress: string }; bytes?: number; onClient?: (s: Socket) => void }>
> = {
	'it has an address of its own': { pool: { sourceAddress: '127.0.0.1' } },
	'much went through it': { bytes: 200_000 },
	'its backend was the first to end': {
		onClient: (socket) => socket.once('data', (data) => socket.end(data)),
	},
};

for (const [why, { pool, bytes = 100, onClient = echo }] of Object.entries(UNLIKE)) {
	t.test(`no other session has a socket when ${why}`, async (t) => {
		const backend = await startBackend(t, { onClient });
		const balancer = await start(t, configOf([backend.address], pool === undefined ? {} : { pool }));
		const seen = [];
		for (let i = 0; i < 3; i++) seen.push(await session(t, balancer, backend, patternOf(bytes)));
		t.equal(new Set(seen.map(({ inode }) => inode)).size, 3);
	});
}

t.test('nor when urgent data came through it', async (t) => {
	const bind = { target: { type: 'tcp', host: '127.0.0.1', port: 0 }, v6Only: false } as const;
	const [listener, address] = [openListeningSocket(libc, bind, false, 8), new SocketAddress(libc)];
	t.teardown(() => void libc.close(listener));
	libc.getsockname(listener, address.buffer);
	const { port } = address.take();
	const balancer = await start(t, configOf([`127.0.0.1:${port}`]));
	const buffer = libc.allocate(8);
	const inodes: (string | null)[] = [];
	for (const flags of [0, MSG_OOB, 0]) {
		const client = await dial(t, balancer.address());
		let far = -1;
		await until('it is connected', () => {
			far = libc.accept(listener, address.buffer, SOCK_NONBLOCK);
			return far >= 0;
		});
		inodes.push(inodeOf(address.take().port, port));
		libc.send(far, buffer, 0, 1, flags);
		await client.heard(1);
		client.fin();
		await until('its FIN is there', () => libc.recv(far, buffer, 0, 1, 0) === 0);
		libc.close(far);
		await client.ending();
		await pass(10);
	}
	t.not(inodes[0], null);
	t.equal(inodes[1], inodes[0]);
	t.not(inodes[2], inodes[1]);
});

t.test('a connect that is refused is told as such, and the next session is served', async (t) => {
	const [gone, stays] = [await startEcho(t), await startEcho(t)];
	const balancer = await start(t, {
		...configOf([], { more: {} }),
		listeners: [listenerTo(['gone'], { name: 'a' }), listenerTo(['stays'], { name: 'b' })],
		pools: [poolOf('gone', [gone.address]), poolOf('stays', [stays.address])],
	});
	await session(t, balancer, gone, Buffer.from('x'), 'a');
	gone.close();
	const client = await dial(t, balancer.address('a'));
	t.equal(await client.ending(), 'reset');
	const [, refused] = await balancer.recorded(2);
	t.same([refused?.outcome, refused?.attempts], ['connect-failed', 3]);
	await session(t, balancer, stays, Buffer.from('y'), 'b');
	const records = await balancer.recorded(3);
	t.equal(records[2]?.outcome, 'completed');
});

t.test('what is set for a session that lasts is not there in the next', async (t) => {
	const backend = await startEcho(t);
	const balancer = await start(t, configOf([backend.address]));
	const seen: Seen[] = [];
	for (let i = 0; i < 3; i++) {
		const nth = backend.served;
		const client = await dial(t, balancer.address());
		client.send('a');
		await client.heard(1);
		const { remotePort = 0, localPort = 0 } = await backend.accepted(nth);
		seen.push({ inode: inodeOf(remotePort, localPort), port: remotePort });
		t.notOk(keepsAlive(remotePort, localPort), 'a session of one piece');
		client.send('b');
		await client.heard(2);
		t.ok(keepsAlive(remotePort, localPort), 'one of several');
		client.fin();
		await client.ending();
		await pass(10);
	}
	t.equal(new Set(seen.map(({ inode }) => inode)).size, 1);
});

/** Connects fail for once on a socket that rested, as on a kernel that does not know how to. */
t.test('where a socket cannot be connected again, a new one is opened', async (t) => {
	const backend = await startEcho(t);
	const balancer = await start(t, configOf([backend.address]));
	const first = await session(t, balancer, backend, Buffer.from('x'));
	const { prototype } = libc.constructor as { prototype: typeof libc };
	const { connect } = prototype;
	let failed = 0;
	prototype.connect = () => {
		prototype.connect = connect;
		failed += 1;
		return -106;
	};
	const second = await session(t, balancer, backend, Buffer.from('y'));
	t.equal(failed, 1);
	t.not(second.inode, first.inode);
	const records = await balancer.recorded(2);
	t.same(
		records.map(({ attempts, outcome }) => [attempts, outcome]),
		[
			[1, 'completed'],
			[1, 'completed'],
		],
	);
});

t.test('with the engine they are closed', async (t) => {
	const backend = await startEcho(t);
	const before = openFiles('self');
	const balancer = await start(t, configOf([backend.address]));
	await session(t, balancer, backend, Buffer.from('x'));
	await balancer.stop();
	await until('the backend has closed', () => backend.sockets.size === 0);
	await until('descriptors are as before', () => openFiles('self') === before);
});

const openFiles = (process: number | 'self'): number => readdirSync(`/proc/${process}/fd`).length;

/** Clients of a listener, each of which has had its answer. */
async function crowd(t: Teardown, port: number, size: number): Promise<readonly Peer[]> {
	const clients = await Promise.all(Array.from({ length: size }, () => dial(t, `127.0.0.1:${port}`)));
	for (const client of clients) client.send('x');
	await Promise.all(clients.map((client) => client.heard(1)));
	return clients;
}

async function leave(clients: readonly Peer[]): Promise<void> {
	for (const client of clients) client.fin();
	await Promise.all(clients.map((client) => client.ending()));
}

interface Run {
	readonly run: SluiceProcess;
	readonly ports: { readonly plain: number; readonly bound: number };
	readonly pid: number;
}

/** A process of its own with two listeners, whose backends are connected from any address or from one of their own. */
async function startProcess(t: Teardown, maxConnections: number): Promise<Run> {
	const { address } = await startEcho(t);
	const health = { active: 'off' } as const;
	const { path } = configFile(t, {
		engine: 'epoll',
		workers: 1,
		limits: { maxConnections },
		listeners: [listenerTo(['plain'], { name: 'plain' }), listenerTo(['bound'], { name: 'bound' })],
		pools: [poolOf('plain', [address], { health }), poolOf('bound', [address], { health, sourceAddress: '127.0.0.1' })],
	});
	const run = new SluiceProcess(t, ['run', '-c', path]);
	const ports = { plain: await run.port('plain'), bound: await run.port('bound') };
	return { run, ports, pid: run.child.pid ?? 0 };
}

async function stopped(t: Test, { run }: Run, sessions: number): Promise<void> {
	run.kill('SIGTERM');
	const { code, stderr } = await run.finished;
	t.same([code, stderr], [0, '']);
	const outcomes = run.lines.filter(({ msg }) => msg === 'session').map(({ outcome }) => outcome);
	t.same(outcomes, Array(sessions).fill('completed'));
}

t.test('none rests in the room of sessions that may still come', async (t) => {
	const it = await startProcess(t, 5);
	const before = openFiles(it.pid);
	const stay = await crowd(t, it.ports.plain, 4);
	await leave(await crowd(t, it.ports.plain, 1));
	await until('it is closed, not at rest', () => openFiles(it.pid) === before + 2 * stay.length, REST_MS / 2);
	await leave(stay);
	await stopped(t, it, 5);
});

for (const [pool, odd] of [
	['plain', 0],
	['bound', 0],
	['bound', 1],
	['bound', 2],
] as const) {
	t.test(`sockets at rest are the first to go when descriptors are short (${pool}, ${odd} over)`, async (t) => {
		const it = await startProcess(t, 1_000);
		const open = (): number => openFiles(it.pid);
		const before = open();
		await leave(await crowd(t, it.ports.plain, 40));
		await until('the most that may rest do', () => open() === before + MOST_RESTING);
		execFileSync('prlimit', ['--pid', String(it.pid), `--nofile=${before + MOST_RESTING + odd}`]);
		await leave(await crowd(t, it.ports[pool], MOST_RESTING / 2 - 1));
		t.ok(open() <= before + MOST_RESTING);
		t.equal(it.run.lines.filter(({ msg }) => msg === 'accepting pauses').length, 0, 'nobody had to wait');
		await until('none rests for long', () => open() === before);
		await stopped(t, it, 40 + MOST_RESTING / 2 - 1);
	});
}
