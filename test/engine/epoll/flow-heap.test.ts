import { PerformanceObserver } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import type { RelayGate } from '../../../src/core/session-io.ts';
import { BufferPool } from '../../../src/engine/epoll/buffers.ts';
import { Flow } from '../../../src/engine/epoll/flow.ts';
import { PipePool } from '../../../src/engine/epoll/pipes.ts';
import { Meter } from '../../../src/engine/meter.ts';
import { libc, socketPair } from '../../support/native-tools.ts';

const CHUNKS = 1_000_000;
/** Less than a number's box (16 bytes) for every eighth chunk. */
const MOST_BYTES = 2 * CHUNKS;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const OPEN: RelayGate = { ask: (want) => want, readyNs: 0, unused: () => {}, rest: () => {} };

t.test('a million chunks through a flow allocate nothing', async (t) => {
	const [source, target] = [socketPair(t), socketPair(t)];
	const pipes = new PipePool(libc, 1);
	const clock = { nowNs: 1e12 };
	const scratch = libc.allocate(65_536);
	const tools = { libc, pipes, buffers: new BufferPool(libc, 65_536), scratch, nowNs: () => clock.nowNs };
	const meter = new Meter();
	const from = { fd: source.b, readable: true, readOn: false, ended: false, unix: false };
	const flow = new Flow(tools, meter, OPEN, 'upload', from, target.a);
	const buffer = libc.allocate(64);
	const move = (chunks: number): void => {
		for (let i = 0; i < chunks; i++) {
			libc.send(source.a, buffer, 0, 64, 0);
			flow.readable = true;
			flow.pump();
			libc.recv(target.b, buffer, 0, 64, 0);
		}
	};
	let collections = 0;
	const span = { fromMs: Number.POSITIVE_INFINITY, toMs: 0 };
	const observer = new PerformanceObserver((list) => {
		// Told late; and what the runtime tidies up by itself, some seconds after the one before, is none of ours.
		const during = list.getEntries().filter(({ startTime: at }) => at >= span.fromMs && at <= span.toMs);
		collections += during.length;
	});
	move(100_000);
	collect();
	await new Promise((resolve) => setTimeout(resolve, 10));
	observer.observe({ entryTypes: ['gc'] });
	const before = process.memoryUsage().heapUsed;
	span.fromMs = performance.now();
	move(CHUNKS);
	span.toMs = performance.now();
	const grown = process.memoryUsage().heapUsed - before;
	await new Promise((resolve) => setTimeout(resolve, 10));
	observer.disconnect();
	t.equal(meter.uploadBytes, (CHUNKS + 100_000) * 64);
	t.equal(collections, 0, 'there was nothing to collect');
	t.ok(grown < MOST_BYTES, `${grown} bytes for ${CHUNKS} chunks`);
	flow.release();
	pipes.destroy();
});
