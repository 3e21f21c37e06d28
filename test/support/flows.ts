import type { Socket } from 'node:net';

const CHUNK = Buffer.alloc(65_536, 'sluice');

/** Writes without end, as fast as the socket takes it, until it is closed or told to stop. */
export function flood(socket: Socket): { stop(): void } {
	let stopped = false;
	const pump = (): void => {
		while (!stopped && !socket.destroyed && !socket.writableEnded) {
			if (!socket.write(CHUNK)) return;
		}
	};
	socket.on('drain', pump);
	pump();
	return {
		stop: () => {
			stopped = true;
		},
	};
}

/** What arrives at a socket, by time. */
export class Arrivals {
	bytes = 0;
	firstMs = 0;
	lastMs = 0;
	#marks: { bytes: number; wake: () => void }[] = [];

	constructor(socket: Socket) {
		socket.on('data', (chunk: Buffer) => this.#note(chunk.length));
	}

	/** Resolves when so many bytes have come in all. */
	reached(bytes: number): Promise<void> {
		if (this.bytes >= bytes) return Promise.resolve();
		return new Promise((wake) => this.#marks.push({ bytes, wake }));
	}

	/**
	 * Waits for what `seconds` bring at a rate; answers the rate seen from the first byte on, without the burst,
	 * as a share of the one that should be.
	 */
	async shareOf(bytesPerSecond: number, burstBytes: number, seconds: number): Promise<number> {
		await this.reached(burstBytes + bytesPerSecond * seconds);
		return (this.bytes - burstBytes) / (bytesPerSecond * ((this.lastMs - this.firstMs) / 1_000));
	}

	/** As `shareOf` from now on, whatever was saved up. */
	async shareFromNow(bytesPerSecond: number, seconds: number): Promise<number> {
		const [fromMs, fromBytes] = [performance.now(), this.bytes];
		await this.reached(fromBytes + bytesPerSecond * seconds);
		return (this.bytes - fromBytes) / (bytesPerSecond * ((this.lastMs - fromMs) / 1_000));
	}

	#note(bytes: number): void {
		const nowMs = performance.now();
		if (this.bytes === 0) this.firstMs = nowMs;
		this.bytes += bytes;
		this.lastMs = nowMs;
		const reached = this.#marks.filter((mark) => mark.bytes <= this.bytes);
		this.#marks = this.#marks.filter((mark) => mark.bytes > this.bytes);
		for (const { wake } of reached) wake();
	}
}

/** (sum x)^2 / (n sum x^2): 1 when all are equal (Jain, Chiu and Hawe, 1984). */
export function jainsIndex(shares: readonly number[]): number {
	const sum = shares.reduce((a, b) => a + b, 0);
	return (sum * sum) / (shares.length * shares.reduce((a, b) => a + b * b, 0));
}
