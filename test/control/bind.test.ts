import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { proveFree, reusePortWorks, type WantedBind } from '../../src/control/bind.ts';
import type { SluiceError } from '../../src/core/errors.ts';
import { clean } from '../support/clean-node.ts';

const tcp = (host: string, port: number, listener = 'game', v6Only = false): WantedBind => ({
	listener,
	bind: { target: { type: 'tcp', host, port }, v6Only },
});
const unix = (path: string): WantedBind => ({
	listener: 'game',
	bind: { target: { type: 'unix', path }, v6Only: false },
});

async function occupied(t: { teardown(end: () => void): void }, options: object): Promise<Server> {
	const server = createServer();
	await new Promise<void>((resolve) => server.listen(options, resolve));
	t.teardown(() => server.close());
	return server;
}

/** What a killed process leaves behind: a socket file that nobody listens on. */
async function leaveStale(path: string): Promise<void> {
	const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
	await once(spawn(process.execPath, ['-e', script]), 'exit');
}

async function failure(wanted: WantedBind[]): Promise<SluiceError> {
	try {
		await proveFree(wanted);
	} catch (error) {
		return error as SluiceError;
	}
	throw new Error('nothing failed');
}

t.test('free addresses come back with real ports, in order', async (t) => {
	const [a, b] = await proveFree([tcp('127.0.0.1', 0), tcp('::1', 0)]);
	if (a?.target.type !== 'tcp' || b?.target.type !== 'tcp') throw new Error('not TCP');
	t.ok(a.target.port > 0 && b.target.port > 0);
	t.strictSame([a.target.host, b.target.host], ['127.0.0.1', '::1']);
	t.same(await proveFree([tcp('127.0.0.1', a.target.port)]), [a], 'and were let go of');
});

t.test('an address in use is named, also one that shares its port', async (t) => {
	for (const reusePort of [false, true]) {
		const server = await occupied(t, { host: '127.0.0.1', port: 0, reusePort });
		const { port } = server.address() as AddressInfo;
		const error = await failure([tcp('127.0.0.1', port)]);
		t.equal(error.message, `listener game: cannot bind 127.0.0.1:${port}: address in use`);
		t.equal(error.exitCode, 2);
	}
});

t.test('an address that two listeners want is found, and every failure is told', async (t) => {
	const server = await occupied(t, { host: '127.0.0.1', port: 0 });
	const { port } = server.address() as AddressInfo;
	const [free] = await proveFree([tcp('127.0.0.1', 0)]);
	if (free?.target.type !== 'tcp') throw new Error('not TCP');
	const twice = free.target.port;
	const error = await failure([tcp('127.0.0.1', port), tcp('127.0.0.1', twice), tcp('127.0.0.1', twice, 'chat')]);
	t.strictSame(error.message.split('\n'), [
		`listener game: cannot bind 127.0.0.1:${port}: address in use`,
		`listener chat: cannot bind 127.0.0.1:${twice}: address in use`,
	]);
});

t.test('both families may be listened on apart', async (t) => {
	const [v4] = await proveFree([tcp('0.0.0.0', 0)]);
	if (v4?.target.type !== 'tcp') throw new Error('not TCP');
	const { port } = v4.target;
	t.equal((await proveFree([tcp('0.0.0.0', port), tcp('::', port, 'game', true)])).length, 2);
	await t.rejects(proveFree([tcp('0.0.0.0', port), tcp('::', port)]), /address in use/);
});

t.test('a socket file that nobody listens on is in no way, one in use is', async (t) => {
	const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const path = join(folder, 'sluice.sock');
	await proveFree([unix(path)]);
	t.equal(existsSync(path), false);
	await leaveStale(path);
	t.equal(existsSync(path), true);
	await proveFree([unix(path)]);
	await occupied(t, { path });
	t.equal((await failure([unix(path)])).message, `listener game: cannot bind unix:${path}: address in use`);
});

t.test('a stale socket file that may not be removed is an address in use, not a crash', async (t) => {
	const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
	t.teardown(() => {
		chmodSync(folder, 0o700);
		rmSync(folder, { recursive: true });
	});
	const path = join(folder, 'sluice.sock');
	await leaveStale(path);
	chmodSync(path, 0o777);
	chmodSync(folder, 0o555);
	const module = new URL('../../src/control/bind.ts', import.meta.url).href;
	const script = `
		const { proveFree } = await import(${JSON.stringify(module)});
		// Root may remove everything.
		if (process.getuid() === 0) process.setuid(65534);
		const wanted = [{ listener: 'game', bind: { target: { type: 'unix', path: ${JSON.stringify(path)} }, v6Only: false } }];
		await proveFree(wanted).catch((error) => console.log(error.message));`;
	const [command, args] = clean(process.execPath, '--input-type=module', '-e', script);
	const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
	let said = '';
	child.stdout.on('data', (chunk) => {
		said += chunk;
	});
	t.strictSame(await once(child, 'close'), [0, null]);
	t.equal(said, `listener game: cannot bind unix:${path}: address in use\n`);
});

t.test('several sockets on one address work on Linux', async (t) => {
	t.equal(await reusePortWorks(), process.platform === 'linux');
});

t.test('a plain file where a socket is wanted is not ours to remove', async (t) => {
	const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	const path = join(folder, 'precious');
	writeFileSync(path, 'text');
	await t.rejects(proveFree([unix(path)]), { message: `listener game: cannot bind unix:${path}: address in use` });
	t.ok(existsSync(path));
});
