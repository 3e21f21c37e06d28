import { Worker } from 'node:worker_threads';
import t from 'tap';
import { monotonicClock } from '../src/clock.ts';

const NEAR_NS = 2_000_000;

t.test('the clock reads CLOCK_MONOTONIC and never runs backwards', (t) => {
	const clock = monotonicClock();
	const before = Number(process.hrtime.bigint());
	let last = clock.nowNs();
	t.ok(Math.abs(last - before) < NEAR_NS);
	for (let i = 0; i < 10_000; i++) {
		const now = clock.nowNs();
		if (now < last) t.fail(`went back by ${last - now} ns`);
		last = now;
	}
	t.ok(Number.isSafeInteger(last));
	t.end();
});

t.test('two threads read the same time', async (t) => {
	const clock = monotonicClock();
	const url = new URL('../src/clock.ts', import.meta.url).href;
	const worker = new Worker(
		`const { parentPort } = require('node:worker_threads');
		import(${JSON.stringify(url)}).then(({ monotonicClock }) => {
			const clock = monotonicClock();
			parentPort.on('message', () => parentPort.postMessage(clock.nowNs()));
			parentPort.postMessage('ready');
		});`,
		{ eval: true },
	);
	t.teardown(() => worker.terminate());
	const answer = (): Promise<unknown> => new Promise((resolve) => worker.once('message', resolve));
	await answer();
	let inside = 0;
	for (let i = 0; i < 20; i++) {
		const before = clock.nowNs();
		worker.postMessage('now');
		const theirs = Number(await answer());
		const slackNs = 20_000;
		if (theirs >= before - slackNs && theirs <= clock.nowNs() + slackNs) inside++;
	}
	t.equal(inside, 20, 'every reading lies between two of ours');
});
