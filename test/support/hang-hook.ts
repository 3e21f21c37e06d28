/**
 * Loaded by `--import` into a real `sluice run` process: the first worker that finds the file named in `HANG`, or the
 * one whose number `HANG_WORKER` says, takes it away and then loops for ever, wherever it is. It is found when the time is read, which every turn of a
 * loop does. The product knows nothing of it.
 */
import { unlinkSync } from 'node:fs';
import { isMainThread, workerData } from 'node:worker_threads';
import type { WorkerStart } from '../../src/core/messages.ts';

const file = process.env.HANG ?? '';
/** Looked for every so many readings. */
const EVERY = 16;
let readings = 0;

function claimed(): boolean {
	try {
		unlinkSync(file);
		return true;
	} catch {
		return false;
	}
}

const only = process.env.HANG_WORKER;
const mayHang = (): boolean => only === undefined || only === String((workerData as WorkerStart).worker);

if (!isMainThread && file !== '' && mayHang()) {
	const now = performance.now.bind(performance);
	performance.now = () => {
		readings += 1;
		if (readings % EVERY === 0 && claimed()) for (;;);
		return now();
	};
}
