import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Teardown } from './echo.ts';

/** How the other end ended its direction. */
export type Ending = 'fin' | 'reset';

/** One end of a connection, in a test's hands: what it hears is kept, how it ends is told. */
export class Peer {
	readonly socket: Socket;
	readonly #chunks: Buffer[] = [];
	#bytes = 0;
	#ending: Ending | null = null;
	#wake: (() => void)[] = [];

	/** Reads at once; `paused` reads only when told. */
	constructor(socket: Socket, { paused = false }: { readonly paused?: boolean } = {}) {
		this.socket = socket;
		socket.on('end', () => this.#end('fin')).on('error', () => this.#end('reset'));
		socket.on('close', () => this.#end('reset'));
		if (!paused) this.listen();
	}

	/** Begin to read. */
	listen(): void {
		this.socket.on('data', (chunk: Buffer) => {
			this.#chunks.push(chunk);
			this.#bytes += chunk.length;
			this.#tell();
		});
		this.socket.resume();
	}

	get bytes(): number {
		return this.#bytes;
	}

	get text(): string {
		return Buffer.concat(this.#chunks).toString('latin1');
	}

	get digest(): string {
		return digestOf(Buffer.concat(this.#chunks));
	}

	/** Null while the other end may still send. */
	get ended(): Ending | null {
		return this.#ending;
	}

	send(data: Buffer | string): void {
		this.socket.write(data);
	}

	fin(): void {
		this.socket.end();
	}

	reset(): void {
		this.socket.resetAndDestroy();
	}

	/** Resolves when so many bytes have come. */
	async heard(bytes: number): Promise<string> {
		while (this.#bytes < bytes) {
			if (this.#ending !== null) throw new Error(`ended by ${this.#ending} after ${this.#bytes} of ${bytes} bytes`);
			await this.#next();
		}
		return this.text;
	}

	/** Resolves when the other end has ended. */
	async ending(): Promise<Ending> {
		while (this.#ending === null) await this.#next();
		return this.#ending;
	}

	#end(how: Ending): void {
		this.#ending ??= how;
		this.#tell();
	}

	#tell(): void {
		const waiting = this.#wake;
		this.#wake = [];
		for (const wake of waiting) wake();
	}

	#next(): Promise<void> {
		return new Promise((resolve) => this.#wake.push(resolve));
	}
}

export interface DialOptions {
	/** The address to come from. */
	readonly from?: string;
	readonly paused?: boolean;
}

/** A client of `address` (`host:port`, `[v6]:port`, `unix:/path`), connected; it may have been reset by then. */
export async function dial(t: Teardown, address: string, options: DialOptions = {}): Promise<Peer> {
	const socket = connect({ ...targetOf(address), ...localOf(options), allowHalfOpen: true, noDelay: true });
	t.teardown(() => socket.destroy());
	const peer = new Peer(socket, options);
	await connected(socket);
	return peer;
}

/** A RST that follows the handshake at once is reported by connect(2) itself. */
async function connected(socket: Socket): Promise<void> {
	try {
		await once(socket, 'connect');
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
	}
}

/** The backend's end of a connection as a peer; it must not be read by anything else. */
export const peerOf = (socket: Socket): Peer => new Peer(socket);

export function targetOf(address: string): { host: string; port: number } | { path: string } {
	if (address.startsWith('unix:')) return { path: address.slice('unix:'.length) };
	const colon = address.lastIndexOf(':');
	return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

const localOf = ({ from }: DialOptions): { localAddress?: string } =>
	from === undefined ? {} : { localAddress: from };

export const digestOf = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

/** Bytes that repeat nowhere nearby, so that a lost or swapped chunk changes the digest. */
export function patternOf(bytes: number): Buffer {
	const data = Buffer.allocUnsafe(bytes);
	let state = (bytes | 1) >>> 0;
	for (let at = 0; at < bytes; at++) {
		state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
		data[at] = state >>> 24;
	}
	return data;
}

/** Waits for a state that no event tells; fails after `withinMs`. */
export async function until(what: string, holds: () => boolean, withinMs = 5_000): Promise<void> {
	const giveUp = performance.now() + withinMs;
	while (!holds()) {
		if (performance.now() > giveUp) throw new Error(`not within ${withinMs} ms: ${what}`);
		await new Promise((resolve) => setTimeout(resolve, 2));
	}
}

/** So long: for what has to stay as it is meanwhile. */
export const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
