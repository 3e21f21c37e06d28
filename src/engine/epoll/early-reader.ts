import type { End } from './end.ts';
import { ERRNO } from './errno.ts';
import { HeldBytes } from './held-bytes.ts';
import type { Pumped } from './loop.ts';
import type { Reporter } from './relay.ts';
import type { Tools } from './tools.ts';

/** Who knows what was told of the client. */
export interface EarlyOwner extends Reporter {
	/** A byte has come. */
	noteEarly(): void;
	/** Its FIN has come, after all that was read. */
	clientEnded(): void;
	clientLost(): void;
	/** Without reading: is there a byte, a FIN, or a RST? */
	lookForEnd(): void;
}

/**
 * A client that is read before its relay, because its session asked to see how it begins. It reads no further
 * than was asked for: the rest stays in the kernel, and stops the sender by itself. Nothing is read or told while a
 * session's actions are carried out, since what is told stands in memory that others use as well.
 */
export class EarlyReader implements Pumped {
	readonly #tools: Tools;
	readonly #owner: EarlyOwner;
	readonly #client: End;
	readonly #held = new HeldBytes();
	/** The session waits for its answer. */
	#asked = false;
	#beyond = 0;
	#most = 0;
	#over = false;

	constructor(tools: Tools, owner: EarlyOwner, client: End) {
		this.#tools = tools;
		this.#owner = owner;
		this.#client = client;
	}

	/** See the action `peek`. */
	ask(beyond: number, atMost: number): void {
		this.#asked = true;
		this.#beyond = beyond;
		this.#most = Math.max(atMost, beyond + 1);
		if (this.#held.length > beyond || this.#client.readable) this.#tools.pumpSoon(this);
	}

	/** True when nothing is left of what was read. */
	consume(bytes: number): boolean {
		this.#held.consume(bytes);
		if (this.#held.length > 0) return false;
		if (this.#client.readable) this.#tools.pumpSoon(this);
		return true;
	}

	/** The worker's scratch buffer is about to be used by others. */
	keep(): void {
		this.#held.keep();
	}

	/** It is read here no more. Answers what nobody has consumed. */
	end(): HeldBytes {
		this.#over = true;
		this.#held.keep();
		return this.#held;
	}

	/** Goes on after an event of the client, or after it was asked. */
	pump(): void {
		this.#answer();
		if (this.#over || this.#asked || !this.#client.readable) return;
		this.#owner.lookForEnd();
	}

	#answer(): void {
		while (this.#asked && !this.#over) {
			if (this.#held.length > this.#beyond) this.#tell();
			else if (!this.#client.readable || !this.#read()) return;
		}
	}

	#tell(): void {
		this.#asked = false;
		this.#owner.report({ type: 'bytes', bytes: this.#held.view });
		if (!this.#over) this.#held.keep();
	}

	/** False when there is nothing to be had now. */
	#read(): boolean {
		const { libc, scratch } = this.#tools;
		const client = this.#client;
		this.#held.keep();
		const room = Math.min(this.#most - this.#held.length, scratch.bytes.length);
		const got = libc.recv(client.fd, scratch, 0, room, 0);
		// A short read has emptied the socket (epoll(7)); unless it stopped short of something.
		if (got < room) client.readable = got > 0 && client.readOn;
		if (got > 0) {
			this.#held.add(scratch.bytes, got, this.#most);
			this.#owner.noteEarly();
			return true;
		}
		if (got === 0) this.#owner.clientEnded();
		else if (got !== -ERRNO.EAGAIN) this.#owner.clientLost();
		return false;
	}
}
