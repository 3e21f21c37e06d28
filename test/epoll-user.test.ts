import { once } from 'node:events';
import { chmodSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import t from 'tap';
import { receiveBulk, sendBulk } from './support/bulk.ts';
import { startBackend } from './support/echo.ts';
import { configFile, SluiceProcess } from './support/sluice-process.ts';

const STREAMS = 1_000;
const BYTES = 512 * 1_024;
const NOBODY = '65534';

/** Drops what root may do, where the test runs as root. */
const unprivileged =
	process.getuid?.() === 0 ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : [];

t.test('1,000 bulk streams at once as a user without privileges, with pipes for some of them', async (t) => {
	const sums: Promise<number>[] = [];
	const backend = await startBackend(t, {
		onClient: (socket) => {
			socket.resume();
			socket.once('data', () => sums.push(sendBulk(socket, BYTES)));
		},
	});
	const config = configFile(t, {
		engine: 'epoll',
		workers: 2,
		log: { access: 'errors' },
		listeners: [{ name: 'in', bind: '127.0.0.1:0', routes: [{ to: ['out'] }] }],
		pools: [{ name: 'out', health: { active: 'off' }, backends: [{ address: backend.address }] }],
	});
	chmodSync(dirname(config.path), 0o755);
	const run = new SluiceProcess(t, ['run', '-c', config.path], { prefix: unprivileged });
	const port = await run.port('in');
	t.match(readFileSync(`/proc/${run.child.pid}/status`, 'utf8'), /^CapEff:\t0+$/m, 'it has no privileges');
	const sockets = await Promise.all(
		Array.from({ length: STREAMS }, async () => {
			const socket = connect({ host: '127.0.0.1', port });
			t.teardown(() => socket.destroy());
			await once(socket, 'connect');
			return socket;
		}),
	);
	// All are open before the first asks for its stream.
	const got = sockets.map((socket) => receiveBulk(socket));
	for (const socket of sockets) socket.write('go');
	const results = await Promise.all(got);
	const [sum] = await Promise.all(sums);
	t.equal(results.length, STREAMS);
	t.ok(
		results.every((result) => result.bytes === BYTES && result.sum === sum),
		'every stream is whole',
	);
	for (const socket of sockets) socket.destroy();
	run.kill('SIGTERM');
	const { code, stderr } = await run.finished;
	t.same([code, stderr], [0, '']);
	t.same(
		run.lines.filter(({ msg }) => msg === 'session'),
		[],
		'all completed',
	);
});
