import { readdirSync, readFileSync } from 'node:fs';
import type { Test } from 'tap';
import { MOST_RESTING, REST_MS } from '../../src/engine/epoll/resting-sockets.ts';
import { until } from './peers.ts';
import { RawLoad } from './raw-load.ts';
import { configFile, SluiceProcess } from './sluice-process.ts';

const AT_ONCE = 64;
/** What the runtime keeps of memory that is free goes up and down; a leak of 650 bytes a session is more. */
const MOST_GROWTH_BYTES = 32 * 2 ** 20;

interface Load {
	/** Who says goodbye first: where clients do, sockets to backends rest for a while, to be used again. */
	readonly clientsFirst: boolean;
}

/** So many short sessions on epoll, after which descriptors and memory are as before. */
export async function leavesNothing(t: Test, sessions: number, { clientsFirst }: Load): Promise<void> {
	const load = new RawLoad({ clientsFirst });
	t.teardown(() => load.close());
	const { path } = configFile(t, {
		engine: 'epoll',
		workers: 1,
		log: { access: 'errors' },
		listeners: [{ name: 'in', bind: '127.0.0.1:0', routes: [{ to: ['out'] }] }],
		pools: [{ name: 'out', health: { active: 'off' }, backends: [{ address: load.address }] }],
	});
	const run = new SluiceProcess(t, ['run', '-c', path]);
	const port = await run.port('in');
	const open = (): number => readdirSync(`/proc/${run.child.pid}/fd`).length;
	const resident = (): number => {
		const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${run.child.pid}/status`, 'utf8')) ?? [];
		return Number(kilobytes) * 1_024;
	};
	const before = open();
	await load.run(port, sessions / 2, AT_ONCE);
	const half = resident();
	await load.run(port, sessions / 2, AT_ONCE);
	await until('no more than may rest are left', () => open() <= before + MOST_RESTING, REST_MS / 2);
	await until('descriptors are as before', () => open() === before);
	const growth = resident() - half;
	t.ok(growth < MOST_GROWTH_BYTES, `memory grew by ${growth} bytes in the second half`);
	run.kill('SIGTERM');
	const { code, stderr } = await run.finished;
	t.same([code, stderr], [0, '']);
	t.same(
		run.lines.filter(({ msg }) => msg === 'session'),
		[],
		'every session was completed',
	);
}
