/** A cache line each. */
const WAKE_STRIDE = 16;

export const createWakes = (workers: number): SharedArrayBuffer => new SharedArrayBuffer(workers * WAKE_STRIDE * 4);

/** Where a worker's wake word is. Its engine waits for it to change. */
export const wakeAt = (worker: number): number => worker * WAKE_STRIDE;

/** Where a worker's heartbeat is. */
export const beatAt = (worker: number): number => wakeAt(worker) + 1;

/** A worker shows that its loop turns. */
export const beat = (words: Int32Array, worker: number): void => void Atomics.add(words, beatAt(worker), 1);

/** Rises as long as the worker's loop turns; 0 before its first turn. */
export const beatsOf = (words: Int32Array, worker: number): number => Atomics.load(words, beatAt(worker));

/** Have a worker look at its queued sessions soon. */
export function wakeWorker(words: Int32Array, worker: number): void {
	Atomics.add(words, wakeAt(worker), 1);
	Atomics.notify(words, wakeAt(worker));
}
