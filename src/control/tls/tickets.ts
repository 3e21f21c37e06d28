import { hkdfSync, randomBytes } from 'node:crypto';
import type { Config } from '../config/schema.ts';

/** As long as Node's `setTicketKeys` takes. */
const KEY_BYTES = 48;

export interface TicketKeysOptions {
	/** Calls back after every so many milliseconds, until cancelled. */
	readonly every: (ms: number, run: () => void) => () => void;
	/** The key of a listener is another one now; in force with the next snapshot. */
	readonly rotated: (listener: string) => void;
	/** 32 bytes that nobody else knows; chosen at random when absent. */
	readonly master?: Uint8Array;
}

/**
 * The keys of session tickets, one for each listener: the same for all workers and over reloads, another one after
 * every rotation, and for every other set of demands on clients. They are never written anywhere.
 */
export class TicketKeys {
	private readonly options: TicketKeysOptions;
	private readonly master: Uint8Array;
	/** Which key each listener has; no number is given twice, so that a listener that comes back gets a new one. */
	private readonly generations = new Map<string, number>();
	private lastGeneration = 0;
	private readonly timers = new Map<string, { readonly everyMs: number; readonly cancel: () => void }>();

	constructor(options: TicketKeysOptions) {
		this.options = options;
		this.master = options.master ?? randomBytes(32);
	}

	/** `settings`: what the listener demands of clients, in any words. */
	key(listener: string, settings: string): Uint8Array {
		const generation = this.generations.get(listener) ?? this.advance(listener);
		const info = JSON.stringify([listener, generation, settings]);
		return new Uint8Array(hkdfSync('sha256', this.master, '', info, KEY_BYTES));
	}

	/** That configuration is in force: its listeners' keys rotate, and no others. */
	adopt({ listeners }: Config): void {
		const wanted = new Map(
			listeners.flatMap(({ name, tls }) => (tls?.mode === 'terminate' ? [[name, tls.tickets.rotate] as const] : [])),
		);
		for (const name of this.generations.keys()) if (!wanted.has(name)) this.generations.delete(name);
		for (const [name, { everyMs, cancel }] of this.timers) {
			if (wanted.get(name) === everyMs) continue;
			cancel();
			this.timers.delete(name);
		}
		for (const [name, everyMs] of wanted) {
			if (this.timers.has(name)) continue;
			this.timers.set(name, { everyMs, cancel: this.options.every(everyMs, () => this.rotate(name)) });
		}
	}

	stop(): void {
		for (const { cancel } of this.timers.values()) cancel();
		this.timers.clear();
	}

	private rotate(listener: string): void {
		this.advance(listener);
		this.options.rotated(listener);
	}

	private advance(listener: string): number {
		this.lastGeneration += 1;
		this.generations.set(listener, this.lastGeneration);
		return this.lastGeneration;
	}
}
