/**
 * Loaded by `--import` into a real `sluice run` process: the first worker that finds the file named in `HANG`
 * takes it away and then loops for ever, wherever it is. It is found when the time is read, which every turn of a
 * loop does. The product knows nothing of it.
 */
import { unlinkSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

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

if (!isMainThread && file !== '') {
	const now = performance.now.bind(performance);
	performance.now = () => {
		readings += 1;
		if (readings % EVERY === 0 && claimed()) for (;;);
		return now();
	};
}
