import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import t from 'tap';
import { startEcho } from './support/echo.ts';
import { dial, pass, until } from './support/peers.ts';
import { configFile, SluiceProcess } from './support/sluice-process.ts';

/** Sessions that the descriptors are enough for, at two each. */
const ROOM = 10;
const CLIENTS = 16;

/** One more than sessions need is kept for a connect; with another one more, a client is accepted last of all. */
for (const odd of [0, 1]) {
	t.test(
		`without descriptors accepting pauses, says so once, and goes on when sessions end (${odd} over)`,
		async (t) => {
			const backend = await startEcho(t);
			const { path } = configFile(t, {
				engine: 'epoll',
				workers: 1,
				limits: { maxConnections: 1_000 },
				listeners: [{ name: 'in', bind: '127.0.0.1:0', routes: [{ to: ['out'] }] }],
				pools: [{ name: 'out', health: { active: 'off' }, backends: [{ address: backend.address }] }],
			});
			const run = new SluiceProcess(t, ['run', '-c', path]);
			const address = `127.0.0.1:${await run.port('in')}`;
			const { pid = 0 } = run.child;
			const open = readdirSync(`/proc/${pid}/fd`).length;
			execFileSync('prlimit', ['--pid', String(pid), `--nofile=${open + 2 * ROOM + odd}`]);
			const told = (msg: string): number => run.lines.filter((line) => line.msg === msg).length;

			const clients = await Promise.all(Array.from({ length: CLIENTS }, () => dial(t, address)));
			for (const client of clients) client.send('x');
			const served = () => clients.filter(({ bytes }) => bytes > 0);
			await run.line('accepting pauses', ({ error }) => error === 'EMFILE');
			await until('as many are served as there is room for', () => served().length >= ROOM);
			await pass(2_000);
			const room = served().length;
			t.ok(room >= ROOM && room <= ROOM + 1, `${room} are served, the others wait`);
			t.equal(told('accepting pauses'), 1, 'though it was tried again several times');
			t.notOk(
				clients.some(({ ended }) => ended !== null),
				'nobody is reset',
			);

			for (const client of served()) client.fin();
			await until('those who waited are served', () => served().length === CLIENTS, 10_000);
			for (const client of clients) client.fin();
			await Promise.all(clients.map((client) => client.ending()));
			t.equal(told('accepting pauses'), 1, 'still once');
			await pass(1_100);
			const again = await dial(t, address);
			again.send('x');
			await again.heard(1);
			await run.line('accepting goes on');
			again.fin();
			await again.ending();
			run.kill('SIGTERM');
			const { code, stderr } = await run.finished;
			t.same([code, stderr], [0, '']);
			const outcomes = run.lines.filter(({ msg }) => msg === 'session').map(({ outcome }) => outcome);
			t.same(outcomes, Array(CLIENTS + 1).fill('completed'));
		},
	);
}
