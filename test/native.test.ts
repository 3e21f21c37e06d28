import t from 'tap';
import type { ConfigInput } from '../src/control/config/schema.ts';
import { nofileLimit } from '../src/control/descriptors.ts';
import { pipeBudget } from '../src/native.ts';
import { BROKEN_HOOK, type Fault } from './support/broken-koffi.ts';
import { configFile, SluiceProcess } from './support/sluice-process.ts';

const CONFIG: ConfigInput = {
	workers: 1,
	listeners: [{ name: 'in', bind: '127.0.0.1:0', routes: [{ to: ['out'] }] }],
	pools: [{ name: 'out', health: { active: 'off' }, backends: [{ address: '127.0.0.1:9' }] }],
};

interface Tap {
	teardown(end: () => void): void;
}

/** `sluice run` in a process that lacks something. */
function runWithout(t: Tap, fault: Fault, config: ConfigInput): SluiceProcess {
	const { path } = configFile(t, config);
	const env = { ...process.env, BROKEN: fault };
	return new SluiceProcess(t, ['run', '-c', path], { flags: ['--import', BROKEN_HOOK], env });
}

t.test('auto without koffi is the node engine, and one line says why', async (t) => {
	const run = runWithout(t, 'koffi', { ...CONFIG, engine: 'auto' });
	await run.port('in');
	run.kill('SIGTERM');
	const { code, stderr } = await run.finished;
	t.equal(code, 0);
	t.equal(stderr, '');
	const told = run.lines.filter(({ msg }) => msg.includes('epoll'));
	t.match(told, [{ msg: 'engine node, since epoll does not work here', reason: /koffi/ }]);
	t.equal(told.length, 1);
});

for (const fault of ['koffi', 'splice', 'splice-fails'] as const) {
	t.test(`epoll without ${fault} exits with 2 and the reason, and never falls back`, async (t) => {
		const run = runWithout(t, fault, { ...CONFIG, engine: 'epoll' });
		const { code, stderr } = await run.finished;
		t.equal(code, 2);
		t.match(stderr, /^engine: epoll does not work here: .*(koffi|splice)[^\n]*\n$/);
		t.notOk(run.lines.some(({ msg }) => msg === 'listening'));
	});
}

t.test(
	'clients that shall wait in the queue of the kernel need epoll: without it the start fails and says where',
	async (t) => {
		const [listener] = CONFIG.listeners;
		if (listener === undefined) throw new Error('no listener');
		const run = runWithout(t, 'koffi', {
			...CONFIG,
			engine: 'auto',
			limits: { maxConnections: 10, overflow: 'wait' },
			listeners: [{ ...listener, overflow: 'wait' }],
		});
		const { code, stderr } = await run.finished;
		t.equal(code, 1);
		t.equal(
			stderr,
			'limits, listener in: overflow: wait needs the epoll engine, and the engine that runs here is node\n',
		);
	},
);

t.test('pipes: 128 at most, and no more than an eighth of the descriptors', async (t) => {
	t.same([256, 1024, 4096, 1e6].map(pipeBudget), [16, 64, 128, 128]);
	t.ok(pipeBudget(nofileLimit()) > 0);
});
