import type { Socket } from 'node:net';
import type { SocketEnd } from './socket-end.ts';

/** How long a socket that got its FIN may take its last bytes and answer with its own FIN. */
export const LINGER_MS = 3_000;

/**
 * How much it may still send meanwhile: more than buffers on the way hold, so that it is an end that goes on
 * in spite of our FIN. Reading that for `LINGER_MS` would cost a core and serve nobody.
 */
const LINGER_BYTES = 8 * 1_048_576;

/** How many such sockets a worker keeps; beyond it the oldest goes first, unless it still has bytes to take. */
const MOST_LINGERING = 1_024;

interface Lingering {
	readonly sinceMs: number;
	/** Where its count of bytes read may get to. */
	readonly lastByte: number;
}

type Resettable = Pick<SocketEnd, 'socket' | 'transport' | 'unix'>;

/**
 * Closes sockets for good. After a FIN what the other end still sends is read and thrown away for a while,
 * because close(2) with unread bytes answers with RST, which can destroy what is still on its way there.
 */
export class Closer {
	readonly #lingering = new Map<Socket, Lingering>();
	readonly #nowMs: () => number;
	readonly #onQuiet: () => void;
	#timer: NodeJS.Timeout | null = null;

	/** `onQuiet`: a socket has gone that `pending` counted. */
	constructor(nowMs: () => number, onQuiet: () => void) {
		this.#nowMs = nowMs;
		this.#onQuiet = onQuiet;
	}

	/** Whether any socket has still to take bytes that were read for it. */
	get pending(): boolean {
		for (const socket of this.#lingering.keys()) if (socket.writableLength > 0) return true;
		return false;
	}

	/** FIN after what was written; destroyed when the other end's FIN has come, at the latest after `LINGER_MS` or `LINGER_BYTES`. */
	fin(socket: Socket): void {
		if (socket.destroyed) return;
		this.#lingering.set(socket, { sinceMs: this.#nowMs(), lastByte: socket.bytesRead + LINGER_BYTES });
		socket.once('close', () => this.#gone(socket));
		if (!socket.writableEnded) socket.end();
		socket.resume();
		this.#evict();
		this.#startTimer();
	}

	/** Bytes have come that nobody wants any more. */
	discarded(socket: Socket): void {
		const lingering = this.#lingering.get(socket);
		if (lingering !== undefined && socket.bytesRead > lingering.lastByte) socket.destroy();
	}

	/** RST, without another word in TLS; on a unix-domain socket, which has none, a plain close. */
	reset(end: Resettable): void {
		const { socket, transport } = end;
		if (transport.destroyed) return;
		if (end.unix || transport.connecting) {
			transport.destroy();
		} else if (socket.writableEnded && !socket.writableFinished && socket.writableLength === 0) {
			// libuv refuses to reset while a shutdown is under way (uv_tcp_close_reset, EINVAL), and Node then
			// loses the descriptor; the shutdown is over within this turn of the loop or the next.
			socket.once('finish', () => this.reset(end));
		} else {
			transport.resetAndDestroy();
		}
	}

	/** Nobody is waited for any longer. */
	hasten(): void {
		for (const socket of this.#lingering.keys()) socket.destroy();
	}

	destroy(): void {
		if (this.#timer !== null) clearTimeout(this.#timer);
		this.#timer = null;
		for (const socket of this.#lingering.keys()) socket.destroy();
		this.#lingering.clear();
	}

	#gone(socket: Socket): void {
		if (this.#lingering.delete(socket)) this.#onQuiet();
	}

	#evict(): void {
		if (this.#lingering.size <= MOST_LINGERING) return;
		for (const oldest of this.#lingering.keys()) {
			if (oldest.writableLength === 0) oldest.destroy();
			return;
		}
	}

	#startTimer(): void {
		if (this.#timer !== null) return;
		for (const { sinceMs } of this.#lingering.values()) {
			this.#timer = setTimeout(() => this.#sweep(), Math.max(1, sinceMs + LINGER_MS - this.#nowMs()));
			return;
		}
	}

	/** All linger equally long, so the map's order is the order of their ends. */
	#sweep(): void {
		this.#timer = null;
		const nowMs = this.#nowMs();
		for (const [socket, { sinceMs }] of this.#lingering) {
			if (sinceMs + LINGER_MS > nowMs) break;
			socket.destroy();
		}
		this.#startTimer();
	}
}
