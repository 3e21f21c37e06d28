import type { RelayMeter } from '../core/session-io.ts';
import type { Direction } from '../core/units.ts';

/** What one session's relay has moved, and how long its gates held it back. */
export class Meter implements RelayMeter {
	uploadBytes = 0;
	downloadBytes = 0;
	lastByteNs = 0;
	throttledNs = 0;
	throttledSinceNs = 0;
	/** Directions that are held back now. */
	#heldBack = 0;

	count(direction: Direction, bytes: number, nowNs: number): void {
		this.lastByteNs = nowNs;
		if (direction === 'upload') this.uploadBytes += bytes;
		else this.downloadBytes += bytes;
	}

	/** One direction more is held back. */
	holdBack(nowNs: number): void {
		this.#heldBack += 1;
		if (this.#heldBack === 1) this.throttledSinceNs = nowNs;
	}

	/** One less. */
	letGo(nowNs: number): void {
		this.#heldBack -= 1;
		if (this.#heldBack > 0) return;
		this.throttledNs += nowNs - this.throttledSinceNs;
		this.throttledSinceNs = 0;
	}
}
