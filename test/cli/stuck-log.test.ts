import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { EchoClient, echoBackend } from '../support/backends.ts';
import { configFile, SluiceProcess } from '../support/sluice-process.ts';

const ENTRY = fileURLToPath(new URL('../support/small-rings.ts', import.meta.url));
const REFUSED = 4_000;
const AT_ONCE = 40;
const MAX_GROWTH_KB = 40_000;

async function refusedClient(port: number): Promise<void> {
	const socket = connect(port, '127.0.0.1').resume();
	socket.on('error', () => {});
	await once(socket, 'close');
}

async function manyRefused(port: number): Promise<void> {
	let left = REFUSED;
	const client = async (): Promise<void> => {
		while (left-- > 0) await refusedClient(port);
	};
	await Promise.all(Array.from({ length: AT_ONCE }, client));
}

const residentKb = (pid: number | undefined): number =>
	Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

t.test('a reader of the log that is stuck stops nothing, and hears in the end how much was dropped', async (t) => {
	const backend = await echoBackend(t, 'one');
	const { path } = configFile(t, {
		workers: 2,
		listeners: [
			{ name: 'open', bind: '127.0.0.1:0', routes: [{ to: ['main'] }] },
			{
				name: 'closed',
				bind: '127.0.0.1:0',
				access: { deny: { networks: ['0.0.0.0/0'] } },
				routes: [{ to: ['main'] }],
			},
		],
		pools: [{ name: 'main', backends: [{ name: 'one', address: backend.address }] }],
	});
	const run = new SluiceProcess(t, [path], { entry: ENTRY, read: false });
	const [open = 0, closed = 0] = await run.until(() => /ports (\d+) (\d+)/.exec(run.stderr)?.slice(1).map(Number));
	await manyRefused(closed);
	const before = residentKb(run.child.pid);
	await manyRefused(closed);
	t.ok(residentKb(run.child.pid) - before < MAX_GROWTH_KB, 'memory does not grow with what nobody reads');
	const client = new EchoClient(t, open);
	t.equal(await client.greeting(), 'one', 'and it serves');
	await client.echo('hello');
	client.socket.destroy();
	run.read();
	const dropped = await run.line('records dropped');
	t.ok(Number(dropped.count) > 0);
	run.kill('SIGTERM');
	t.match(await run.finished, { code: 0 });
	const counted = run.lines.filter((line) => line.msg === 'records dropped').map((line) => Number(line.count));
	const told = run.lines.filter((line) => line.msg === 'session').length;
	const sessions = 2 * REFUSED + 1;
	t.equal(told + counted.reduce((sum, count) => sum + count, 0), sessions, 'every session was told or counted');
});

t.test('a stuck reader does not keep a process from ending', async (t) => {
	const { path } = configFile(t, {
		workers: 1,
		drain: '0s',
		listeners: [
			{
				name: 'closed',
				bind: '127.0.0.1:0',
				access: { deny: { networks: ['0.0.0.0/0'] } },
				routes: [{ to: ['main'] }],
			},
		],
		pools: [{ name: 'main', backends: [{ address: '127.0.0.1:9' }] }],
	});
	const run = new SluiceProcess(t, [path], { entry: ENTRY, read: false });
	const [closed = 0] = await run.until(() => /ports (\d+)/.exec(run.stderr)?.slice(1).map(Number));
	await manyRefused(closed);
	run.kill('SIGTERM');
	const [code] = await once(run.child, 'exit');
	t.equal(code, 0);
	run.read();
});
