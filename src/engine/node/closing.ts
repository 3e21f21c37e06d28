import type { Socket } from 'node:net';

/** How long a socket that got its FIN may take its last bytes and answer with its own FIN. */
export const LINGER_MS = 3_000;

/** How many such sockets a worker keeps; beyond it the oldest goes first, unless it still has bytes to take. */
const MOST_LINGERING = 1_024;

/**
 * Closes sockets for good. After a FIN what the other end still sends is read and thrown away for a while,
 * because close(2) with unread bytes answers with RST, which can destroy what is still on its way there.
 */
export class Closer {
	readonly #since = new Map<Socket, number>();
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
		for (const socket of this.#since.keys()) if (socket.writableLength > 0) return true;
		return false;
	}

	/** FIN after what was written; destroyed when the other end's FIN has come, at the latest after `LINGER_MS`. */
	fin(socket: Socket): void {
		if (socket.destroyed) return;
		this.#since.set(socket, this.#nowMs());
		socket.once('close', () => this.#gone(socket));
		if (!socket.writableEnded) socket.end();
		socket.resume();
		this.#evict();
		this.#startTimer();
	}

	/** RST; on a unix socket, which has none, a plain close. */
	reset(socket: Socket, unix: boolean): void {
		if (socket.destroyed) return;
		if (unix || socket.connecting) {
			socket.destroy();
		} else if (socket.writableEnded && !socket.writableFinished && socket.writableLength === 0) {
			// libuv refuses to reset while a shutdown is under way (uv_tcp_close_reset, EINVAL), and Node then
			// loses the descriptor; the shutdown is over within this turn of the loop or the next.
			socket.once('finish', () => this.reset(socket, unix));
		} else {
			socket.resetAndDestroy();
		}
	}

	destroy(): void {
		if (this.#timer !== null) clearTimeout(this.#timer);
		this.#timer = null;
		for (const socket of this.#since.keys()) socket.destroy();
		this.#since.clear();
	}

	#gone(socket: Socket): void {
		if (this.#since.delete(socket)) this.#onQuiet();
	}

	#evict(): void {
		if (this.#since.size <= MOST_LINGERING) return;
		for (const oldest of this.#since.keys()) {
			if (oldest.writableLength === 0) oldest.destroy();
			return;
		}
	}

	#startTimer(): void {
		if (this.#timer !== null) return;
		for (const since of this.#since.values()) {
			this.#timer = setTimeout(() => this.#sweep(), Math.max(1, since + LINGER_MS - this.#nowMs()));
			return;
		}
	}

	/** All linger equally long, so the map's order is the order of their ends. */
	#sweep(): void {
		this.#timer = null;
		const nowMs = this.#nowMs();
		for (const [socket, since] of this.#since) {
			if (since + LINGER_MS > nowMs) break;
			socket.destroy();
		}
		this.#startTimer();
	}
}
