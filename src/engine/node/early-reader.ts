import type { SessionEvent } from '../../core/session-io.ts';
import { EARLY_BYTES } from '../session-events.ts';
import { HeldBytes } from './held-bytes.ts';
import type { SocketEnd } from './socket-end.ts';

/** What is read of a client without a peek in force, at most, but for the chunk that passes it: its FIN shall be seen. */
const HELD_BYTES = 65_536;

/** No number of bytes is more than this. */
const NO_PEEK = Number.POSITIVE_INFINITY;

/** Whom it tells. */
export interface EarlyOwner {
	report(event: SessionEvent): void;
}

/** Reads a client before the relay: holds what it sends, up to a bound, and answers peeks at it. */
export class EarlyReader {
	readonly #owner: EarlyOwner;
	readonly #held = new HeldBytes();
	/** A peek is in force that more bytes than this answer. */
	#beyond = NO_PEEK;
	#atMost = HELD_BYTES;
	/** Somebody else reads on. */
	#over = false;

	constructor(owner: EarlyOwner) {
		this.#owner = owner;
	}

	received(from: SocketEnd, chunk: Buffer): void {
		const first = this.#held.length === 0;
		this.#held.add(chunk);
		if (first) this.#owner.report(EARLY_BYTES);
		this.#answer();
		this.#steer(from);
	}

	peek(from: SocketEnd, beyond: number, atMost: number): void {
		this.#beyond = beyond;
		this.#atMost = atMost;
		this.#answer();
		this.#steer(from);
	}

	/** @throws RangeError when there are not so many. */
	consume(from: SocketEnd, count: number): void {
		if (count > this.#held.length) throw new RangeError(`consume ${count} of ${this.#held.length} bytes`);
		this.#held.drop(count);
		this.#steer(from);
	}

	/** What is held, for whoever reads on; this reader is done then. */
	take(): Buffer {
		this.#over = true;
		this.#beyond = NO_PEEK;
		return this.#held.take();
	}

	#answer(): void {
		if (this.#held.length <= this.#beyond) return;
		this.#beyond = NO_PEEK;
		this.#owner.report({ type: 'bytes', bytes: this.#held.view });
	}

	/** What has been told may have led on to the relay, or the end. */
	#steer(from: SocketEnd): void {
		if (this.#over) return;
		const atMost = this.#beyond === NO_PEEK ? HELD_BYTES : this.#atMost;
		if (this.#held.length >= atMost) from.socket.pause();
		else from.socket.resume();
	}
}
