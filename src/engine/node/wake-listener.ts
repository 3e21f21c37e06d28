import { wakeAt } from '../../shared/wake.ts';

/**
 * Calls `onWake` from the event loop whenever this worker's wake word has changed (`shared/wake.ts`); several
 * changes may be one call. Rests on `Atomics.waitAsync` (ECMA-262 section 25.4.15), which wakes an idle loop within
 * tens of microseconds and does not keep the thread alive.
 */
export class WakeListener {
	private readonly words: Int32Array;
	private readonly at: number;
	private readonly onWake: () => void;
	private closed = false;

	constructor(wakes: SharedArrayBuffer, worker: number, onWake: () => void) {
		this.words = new Int32Array(wakes);
		this.at = wakeAt(worker);
		this.onWake = onWake;
		this.listen(Atomics.load(this.words, this.at));
	}

	/** No further call. */
	close(): void {
		this.closed = true;
		// Ends the wait that is under way, which would otherwise keep this listener in memory.
		Atomics.notify(this.words, this.at);
	}

	private listen(seen: number): void {
		const wait = Atomics.waitAsync(this.words, this.at, seen);
		if (wait.async) void wait.value.then(() => this.woken());
		else setImmediate(() => this.woken());
	}

	/** Read before the call, so that a change during it leads to another one. */
	private woken(): void {
		if (this.closed) return;
		const seen = Atomics.load(this.words, this.at);
		try {
			this.onWake();
		} finally {
			this.listen(seen);
		}
	}
}
