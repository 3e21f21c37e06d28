/**
 * Loaded by `--import` into a real `sluice run` process: each worker tells on standard output which clients it
 * has accepted, by their ports, so that a bench can say which session runs on which worker. The product knows
 * nothing of it.
 */
import { subscribe } from 'node:diagnostics_channel';
import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { isMainThread, workerData } from 'node:worker_threads';
import type { WorkerStart } from '../src/core/messages.ts';

if (!isMainThread) {
	const { worker } = workerData as WorkerStart;
	subscribe('net.server.socket', (message) => {
		const { remotePort } = (message as { socket: Socket }).socket;
		writeSync(1, `${JSON.stringify({ msg: 'accepted', worker, port: remotePort })}\n`);
	});
}
