import { Worker } from 'node:worker_threads';
import t from 'tap';
import { WakeListener } from '../../../src/engine/node/wake-listener.ts';
import { createWakes, wakeWorker } from '../../../src/shared/wake.ts';

t.test('an idle loop is woken by another thread, by its own word alone', async (t) => {
	const wakes = createWakes(2);
	const woken = Promise.withResolvers<void>();
	const listeners = [
		new WakeListener(wakes, 0, () => t.fail('not its word')),
		new WakeListener(wakes, 1, woken.resolve),
	];
	const waker = new Worker(
		'const words = new Int32Array(require("node:worker_threads").workerData); Atomics.add(words, 16, 1); Atomics.notify(words, 16);',
		{ eval: true, workerData: wakes, execArgv: [] },
	);
	t.teardown(() => waker.terminate());
	await woken.promise;
	for (const listener of listeners) listener.close();
});

t.test('wakes that come together may be one call, and none that comes later is lost', async (t) => {
	const wakes = createWakes(1);
	const words = new Int32Array(wakes);
	let calls = 0;
	let rest = 5;
	const done = Promise.withResolvers<void>();
	const listener = new WakeListener(wakes, 0, () => {
		calls += 1;
		// Within the call, too.
		if (rest-- > 0) wakeWorker(words, 0);
		else done.resolve();
	});
	for (let i = 0; i < 100; i++) wakeWorker(words, 0);
	t.equal(calls, 0, 'never from inside a wake');
	await done.promise;
	t.ok(calls >= 6 && calls <= 106, `${calls} calls`);
	listener.close();
});

t.test('it listens on after a call, and a closed listener is not called', async (t) => {
	const wakes = createWakes(1);
	const words = new Int32Array(wakes);
	let calls = 0;
	const second = Promise.withResolvers<void>();
	const listener = new WakeListener(wakes, 0, () => {
		calls += 1;
		if (calls === 2) second.resolve();
	});
	wakeWorker(words, 0);
	while (calls < 1) await new Promise((resolve) => setImmediate(resolve));
	wakeWorker(words, 0);
	await second.promise;
	listener.close();
	wakeWorker(words, 0);
	for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
	t.equal(calls, 2);
});
