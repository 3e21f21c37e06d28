import { NS_PER_MS } from '../../core/units.ts';
import type { EpollConnection } from './connection.ts';
import type { Timed } from './loop.ts';

/** How long bytes that a side does not take may hold up its close. */
const CLOSING_MS = 3_000;

/** Connections whose sessions are over but for bytes that a side has still to take; each has its time. */
export class ClosingConnections implements Timed {
	/** Since when each closes, in that order. */
	readonly #since = new Map<EpollConnection, number>();
	readonly #nowNs: () => number;
	readonly #onNone: () => void;

	constructor(nowNs: () => number, onNone: () => void) {
		this.#nowNs = nowNs;
		this.#onNone = onNone;
	}

	get size(): number {
		return this.#since.size;
	}

	get nextNs(): number {
		if (this.#since.size === 0) return Number.POSITIVE_INFINITY;
		for (const sinceNs of this.#since.values()) return sinceNs + CLOSING_MS * NS_PER_MS;
		return Number.POSITIVE_INFINITY;
	}

	watch(connection: EpollConnection): void {
		if (!this.#since.has(connection)) this.#since.set(connection, this.#nowNs());
	}

	done(connection: EpollConnection): void {
		if (this.#since.size === 0) return;
		if (this.#since.delete(connection) && this.#since.size === 0) this.#onNone();
	}

	runDue(nowNs: number): void {
		for (const [connection, sinceNs] of this.#since) {
			if (sinceNs + CLOSING_MS * NS_PER_MS > nowNs) return;
			this.#since.delete(connection);
			connection.endClosing();
		}
		if (this.#since.size === 0) this.#onNone();
	}

	/** Nobody is waited for any longer. */
	hasten(): void {
		for (const connection of [...this.#since.keys()]) connection.endClosing();
	}

	abandon(): void {
		for (const connection of this.#since.keys()) connection.abandon();
		this.#since.clear();
	}
}
