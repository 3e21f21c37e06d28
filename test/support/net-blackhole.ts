import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import type { Teardown } from './echo.ts';

/** Listens with the shortest queue, then never returns to its event loop, so that nothing is accepted. */
const SLEEPER = `
const { parentPort, workerData } = require('node:worker_threads');
const server = require('node:net').createServer();
server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
	parentPort.postMessage(server.address().port);
	setImmediate(() => Atomics.wait(new Int32Array(workerData), 0, 0));
});
server.unref();
`;

/** How long an unanswered connect proves that the queue is full; on loopback an answer takes microseconds. */
const SILENCE_MS = 150;

/** An address at which connects are neither answered nor refused: its accept queue is full, so SYNs are dropped. */
export async function startBlackhole(t: Teardown): Promise<string> {
	const gate = new SharedArrayBuffer(4);
	const worker = new Worker(SLEEPER, { eval: true, workerData: gate });
	const [port] = (await once(worker, 'message')) as [number];
	const fillers: Socket[] = [];
	t.teardown(async () => {
		for (const filler of fillers) filler.destroy();
		Atomics.store(new Int32Array(gate), 0, 1);
		Atomics.notify(new Int32Array(gate), 0);
		await worker.terminate();
	});
	while (await answers(port, fillers)) {
		if (fillers.length > 16) throw new Error('the accept queue does not fill up');
	}
	return `127.0.0.1:${port}`;
}

function answers(port: number, fillers: Socket[]): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect({ host: '127.0.0.1', port });
		fillers.push(socket);
		const timer = setTimeout(() => resolve(false), SILENCE_MS);
		socket
			.on('error', () => {})
			.once('connect', () => {
				clearTimeout(timer);
				resolve(true);
			});
	});
}
