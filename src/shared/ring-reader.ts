import type { IpAddress } from '../core/address.ts';
import { OUTCOMES, type Outcome } from '../core/outcome.ts';
import type { AccessRecord, LogEvent } from '../core/record.ts';
import { ATOMICS, type AtomicOps } from './atomics.ts';
import {
	ACCESS,
	ACCESS_FIXED_BYTES,
	ACCESS_FLOATS,
	ACCESS_HALVES,
	ACCESS_NAMES,
	DROPPED,
	FORGET,
	FRAME_HEADER_BYTES,
	HAS_CLIENT,
	HAS_CONNECT,
	HAS_DETAIL,
	HAS_PEER,
	HAS_QUEUED,
	HAS_SNI,
	HEAD,
	LEVELS,
	LOG,
	NAME,
	RING_HEADER_BYTES,
	TAIL,
	VALUE_FALSE,
	VALUE_NUMBER,
	VALUE_TEXT,
	VALUE_TRUE,
} from './ring-layout.ts';
import { RingText } from './ring-text.ts';

const [LISTENER, COUNTRY, REGION, ALPN, ROUTE, POOL, BACKEND, TLS, OUTCOME] = indicesOf(ACCESS_NAMES);
const OUTCOME_OF: ReadonlyMap<string | null, Outcome> = new Map(OUTCOMES.map((outcome) => [outcome, outcome]));

export type RingEntry = { readonly access: AccessRecord } | { readonly log: LogEvent };

/** The main thread's end of a worker's record ring. There is one reader, and it outlives the workers. */
export class RingReader {
	readonly #ops: AtomicOps;
	readonly #header: Int32Array;
	readonly #words: Int32Array;
	readonly #halves: Uint16Array;
	readonly #floats: Float64Array;
	readonly #text: RingText;
	readonly #size: number;
	/** By number less one. */
	#names: string[] = [];
	#tail: number;

	constructor(buffer: SharedArrayBuffer, ops: AtomicOps = ATOMICS) {
		this.#ops = ops;
		this.#header = new Int32Array(buffer, 0, RING_HEADER_BYTES / 4);
		this.#words = new Int32Array(buffer, RING_HEADER_BYTES);
		this.#halves = new Uint16Array(buffer, RING_HEADER_BYTES);
		this.#floats = new Float64Array(buffer, RING_HEADER_BYTES);
		this.#text = new RingText(buffer, RING_HEADER_BYTES);
		this.#size = this.#words.length * 4;
		this.#tail = ops.load(this.#header, TAIL) >>> 0;
	}

	/** Records that did not fit, counted from the start. */
	get dropped(): number {
		return this.#ops.load(this.#header, DROPPED) >>> 0;
	}

	/** The oldest unread entry, or null. */
	next(): RingEntry | null {
		const head = this.#ops.load(this.#header, HEAD) >>> 0;
		while (this.#tail !== head) {
			const at = this.#tail & (this.#size - 1);
			const bytes = this.#words[at >> 2] ?? 0;
			const entry = this.#readFrame(at, this.#words[(at >> 2) + 1] ?? 0);
			this.#tail = (this.#tail + bytes) >>> 0;
			if (entry === null) continue;
			this.#ops.store(this.#header, TAIL, this.#tail | 0);
			return entry;
		}
		return null;
	}

	/** The oldest unread entries in order, at most so many. */
	drain(maxRecords: number): RingEntry[] {
		const entries: RingEntry[] = [];
		while (entries.length < maxRecords) {
			const entry = this.next();
			if (entry === null) break;
			entries.push(entry);
		}
		return entries;
	}

	/** What the frame tells; null when it only prepares for a later one. */
	#readFrame(at: number, type: number): RingEntry | null {
		switch (type) {
			case ACCESS:
				return { access: this.#readAccess(at) };
			case LOG:
				return { log: this.#readLog(at + FRAME_HEADER_BYTES) };
			case NAME: {
				const number = this.#words[(at + FRAME_HEADER_BYTES) >> 2] ?? 0;
				this.#names[number - 1] = this.#text.read(at + FRAME_HEADER_BYTES + 4);
				return null;
			}
			case FORGET:
				this.#names = [];
				return null;
			default:
				return null;
		}
	}

	#readAccess(start: number): AccessRecord {
		const floatAt = (start + FRAME_HEADER_BYTES) >> 3;
		const halfAt = (floatAt + ACCESS_FLOATS) * 4;
		const flags = this.#halves[halfAt] ?? 0;
		const name = (at: number): string | null =>
			this.#names[(this.#halves[halfAt + ACCESS_HALVES + at] ?? 0) - 1] ?? null;
		this.#text.end = start + ACCESS_FIXED_BYTES;
		return {
			timeMs: this.#floats[floatAt] ?? 0,
			durationMs: this.#floats[floatAt + 1] ?? 0,
			uploadBytes: this.#floats[floatAt + 2] ?? 0,
			downloadBytes: this.#floats[floatAt + 3] ?? 0,
			throttledMs: this.#floats[floatAt + 4] ?? 0,
			queuedMs: (flags & HAS_QUEUED) === 0 ? null : (this.#floats[floatAt + 5] ?? 0),
			connectMs: (flags & HAS_CONNECT) === 0 ? null : (this.#floats[floatAt + 6] ?? 0),
			peerPort: this.#halves[halfAt + 1] ?? 0,
			clientPort: this.#halves[halfAt + 2] ?? 0,
			attempts: this.#halves[halfAt + 3] ?? 0,
			listener: name(LISTENER) ?? '',
			country: name(COUNTRY),
			region: name(REGION),
			alpn: name(ALPN),
			route: name(ROUTE),
			pool: name(POOL),
			backend: name(BACKEND),
			tls: name(TLS),
			outcome: OUTCOME_OF.get(name(OUTCOME)) ?? 'internal-error',
			// These stand one behind the other: read in the order in which they were written.
			peer: (flags & HAS_PEER) === 0 ? null : this.#readAddress(),
			client: (flags & HAS_CLIENT) === 0 ? null : this.#readAddress(),
			sni: (flags & HAS_SNI) === 0 ? null : this.#text.read(this.#text.end),
			detail: (flags & HAS_DETAIL) === 0 ? null : this.#text.read(this.#text.end),
		};
	}

	#readAddress(): IpAddress {
		const at = this.#text.end >> 2;
		this.#text.end += 16;
		const word = (i: number): number => (this.#words[at + i] ?? 0) >>> 0;
		return { a: word(0), b: word(1), c: word(2), d: word(3) };
	}

	#readLog(at: number): LogEvent {
		const level = LEVELS[this.#text.readByte(at)] ?? 'info';
		const count = this.#text.readByte(at + 1);
		const msg = this.#text.read(at + 2);
		const fields: Record<string, string | number | boolean | null> = {};
		for (let i = 0; i < count; i++) {
			const key = this.#text.read(this.#text.end);
			const value = this.#readValue();
			// A plain assignment would take `__proto__` for more than a name.
			Object.defineProperty(fields, key, { value, enumerable: true, writable: true, configurable: true });
		}
		return { level, msg, fields };
	}

	#readValue(): string | number | boolean | null {
		switch (this.#text.readByte(this.#text.end)) {
			case VALUE_TEXT:
				return this.#text.read(this.#text.end);
			case VALUE_NUMBER:
				return this.#text.readFloat(this.#text.end);
			case VALUE_TRUE:
				return true;
			case VALUE_FALSE:
				return false;
			default:
				return null;
		}
	}
}

type Indices<T extends readonly unknown[]> = { readonly [K in keyof T]: number };

function indicesOf<const T extends readonly unknown[]>(items: T): Indices<T> {
	return items.map((_, at) => at) as unknown as Indices<T>;
}
