import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { startEcho } from './support/echo.ts';
import { dial, until } from './support/peers.ts';
import { configFile, SluiceProcess } from './support/sluice-process.ts';

const HOOK = fileURLToPath(new URL('./support/hang-hook.ts', import.meta.url));
const CLIENTS = 30;

t.test('a worker that hangs is replaced within seconds; who came meanwhile is served', async (t) => {
	const backend = await startEcho(t);
	const { path } = configFile(t, {
		engine: 'epoll',
		workers: 2,
		listeners: [{ name: 'in', bind: '127.0.0.1:0', routes: [{ to: ['out'] }] }],
		pools: [{ name: 'out', health: { active: 'off' }, backends: [{ address: backend.address }] }],
	});
	const hang = join(path, '..', 'hang');
	const env = { ...process.env, HANG: hang };
	const run = new SluiceProcess(t, ['run', '-c', path], { flags: ['--import', HOOK], env });
	const address = `127.0.0.1:${await run.port('in')}`;
	const sessions = await Promise.all(Array.from({ length: CLIENTS }, () => dial(t, address)));
	for (const session of sessions) session.send('x');
	await Promise.all(sessions.map((session) => session.heard(1)));
	writeFileSync(hang, '');
	const late = await Promise.all(Array.from({ length: CLIENTS }, () => dial(t, address)));
	for (const client of late) client.send('y');
	t.match(await run.line('worker hangs'), { worker: /^[01]$/ });
	await run.line('worker died');
	await run.line('worker replaced');
	await until(
		'all who came late are served or were reset',
		() => late.every(({ bytes, ended }) => bytes > 0 || ended !== null),
		10_000,
	);
	const waited = late.filter(({ bytes }) => bytes > 0);
	t.ok(waited.length > 0);
	await until('the sessions of the worker that hung are reset', () => sessions.some(({ ended }) => ended === 'reset'));
	t.notOk([...sessions, ...late].some(({ ended }) => ended === 'fin'));
	const alive = sessions.filter(({ ended }) => ended === null);
	t.ok(alive.length > 0 && alive.length < CLIENTS, `${alive.length} of ${CLIENTS} were on the other`);
	for (const session of alive) session.send('z');
	await Promise.all(alive.map((session) => session.heard(2)));
	run.kill('SIGTERM');
	for (const client of [...sessions, ...late]) client.socket.destroy();
	t.equal((await run.finished).code, 0);
});
