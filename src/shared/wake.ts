/** A cache line each. */
const WAKE_STRIDE = 16;

export const createWakes = (workers: number): SharedArrayBuffer => new SharedArrayBuffer(workers * WAKE_STRIDE * 4);

/** Where a worker's wake word is. Its engine waits for it to change. */
export const wakeAt = (worker: number): number => worker * WAKE_STRIDE;

/** Have a worker look at its queued sessions soon. */
export function wakeWorker(words: Int32Array, worker: number): void {
	Atomics.add(words, wakeAt(worker), 1);
	Atomics.notify(words, wakeAt(worker));
}
