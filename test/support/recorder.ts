import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** A connection that knows what has passed through it, for TLS to stand on. Half-open like the socket below. */
export class Recorder extends Duplex {
	readonly #socket: Socket;
	readonly #sent = createHash('sha256');
	readonly #heard = createHash('sha256');

	constructor(socket: Socket) {
		super({ allowHalfOpen: true });
		this.#socket = socket;
		socket.on('data', (chunk: Buffer) => {
			this.#heard.update(chunk);
			if (!this.push(chunk)) socket.pause();
		});
		socket.on('end', () => this.push(null)).on('error', (error) => this.destroy(error));
	}

	/** Digests of all bytes so far, each way. */
	get digests(): { readonly sent: string; readonly heard: string } {
		return { sent: this.#sent.copy().digest('hex'), heard: this.#heard.copy().digest('hex') };
	}

	override _read(): void {
		this.#socket.resume();
	}

	override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
		this.#sent.update(chunk);
		this.#socket.write(chunk, done);
	}

	override _final(done: () => void): void {
		this.#socket.end(done);
	}

	override _destroy(error: Error | null, done: (error: Error | null) => void): void {
		this.#socket.destroy();
		done(error);
	}
}
