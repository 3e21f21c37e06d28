import type { IpAddress } from '../core/address.ts';
import type { RecordSink } from '../core/ports.ts';
import type { AccessRecord, LogEvent } from '../core/record.ts';
import { ATOMICS, type AtomicOps } from './atomics.ts';
import {
	ACCESS,
	ACCESS_FIXED_BYTES,
	ACCESS_FLOATS,
	ACCESS_HALVES,
	ACCESS_NAMES,
	align,
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
	MAX_NAMES,
	NAME,
	NO_NAME,
	RING_HEADER_BYTES,
	SKIP,
	TAIL,
	textBound,
	VALUE_FALSE,
	VALUE_NULL,
	VALUE_NUMBER,
	VALUE_TEXT,
	VALUE_TRUE,
} from './ring-layout.ts';
import { RingText } from './ring-text.ts';

/** Two addresses. */
const ADDRESSES_BYTES = 32;
const FLOAT_BYTES = 8;

/**
 * The worker's end of its record ring. Never blocks: what does not fit is dropped and counted. Names that
 * repeat are sent once and then by number. A successor of a dead worker makes a new writer on the same ring:
 * it goes on behind the last whole record, with a dictionary of its own.
 */
export class RingWriter implements RecordSink {
	readonly #ops: AtomicOps;
	readonly #header: Int32Array;
	readonly #words: Int32Array;
	readonly #halves: Uint16Array;
	readonly #floats: Float64Array;
	readonly #text: RingText;
	readonly #size: number;
	readonly #names = new Map<string, number>();
	/** Of the names of the record at hand, in the order of `ACCESS_NAMES`. */
	readonly #numbers = new Uint16Array(ACCESS_NAMES.length);
	/** The reader must be told to forget its names before the next one is defined. */
	#mustForget = true;
	/** Committed position, modulo 2^32. */
	#head: number;
	#tail: number;
	/** Next byte to write in the record at hand. */
	#at = 0;

	constructor(buffer: SharedArrayBuffer, ops: AtomicOps = ATOMICS) {
		this.#ops = ops;
		this.#header = new Int32Array(buffer, 0, RING_HEADER_BYTES / 4);
		this.#words = new Int32Array(buffer, RING_HEADER_BYTES);
		this.#halves = new Uint16Array(buffer, RING_HEADER_BYTES);
		this.#floats = new Float64Array(buffer, RING_HEADER_BYTES);
		this.#text = new RingText(buffer, RING_HEADER_BYTES);
		this.#size = this.#words.length * 4;
		this.#head = ops.load(this.#header, HEAD) >>> 0;
		this.#tail = ops.load(this.#header, TAIL) >>> 0;
	}

	access(record: AccessRecord): void {
		if (this.#names.size + ACCESS_NAMES.length > MAX_NAMES) this.#forgetNames();
		const known = this.#lookUp(record);
		let bound = ACCESS_FIXED_BYTES + ADDRESSES_BYTES + FRAME_HEADER_BYTES;
		if (!known) for (const field of ACCESS_NAMES) bound += this.#nameBound(record[field]);
		if (record.sni !== null) bound += textBound(record.sni.length);
		if (record.detail !== null) bound += textBound(record.detail.length);
		if (!this.#reserve(bound)) return;
		if (!known) {
			for (const field of ACCESS_NAMES) this.#define(record[field]);
			this.#lookUp(record);
		}
		this.#writeAccess(record);
		this.#commit();
	}

	log(event: LogEvent): void {
		const keys = Object.keys(event.fields);
		let bound = 2 * FRAME_HEADER_BYTES + 8 + textBound(event.msg.length);
		for (const key of keys) {
			const value = event.fields[key];
			bound += textBound(key.length) + 1 + (typeof value === 'string' ? textBound(value.length) : FLOAT_BYTES);
		}
		if (!this.#reserve(bound)) return;
		const start = this.#at;
		this.#at += FRAME_HEADER_BYTES;
		this.#at = this.#text.writeByte(this.#at, LEVELS.indexOf(event.level));
		this.#at = this.#text.writeByte(this.#at, Math.min(keys.length, 255));
		this.#at = this.#text.write(this.#at, event.msg);
		for (const key of keys.slice(0, 255)) {
			this.#at = this.#text.write(this.#at, key);
			this.#writeValue(event.fields[key] ?? null);
		}
		this.#endFrame(start, LOG);
		this.#commit();
	}

	/** Find room for a record of at most so many bytes in one piece, or drop it. */
	#reserve(bound: number): boolean {
		const offset = this.#head & (this.#size - 1);
		const rest = this.#size - offset;
		const skip = rest < bound ? rest : 0;
		if (bound > this.#size / 2 || !this.#hasFree(skip + bound)) {
			this.#ops.add(this.#header, DROPPED, 1);
			return false;
		}
		this.#at = offset;
		if (skip > 0) {
			this.#writeHeader(offset, rest, SKIP);
			this.#at = 0;
		}
		if (this.#mustForget) {
			this.#writeHeader(this.#at, FRAME_HEADER_BYTES, FORGET);
			this.#at += FRAME_HEADER_BYTES;
		}
		return true;
	}

	#hasFree(bytes: number): boolean {
		if (this.#size - ((this.#head - this.#tail) >>> 0) >= bytes) return true;
		this.#tail = this.#ops.load(this.#header, TAIL) >>> 0;
		return this.#size - ((this.#head - this.#tail) >>> 0) >= bytes;
	}

	/** From here on the reader sees the record, and all that came with it. */
	#commit(): void {
		const offset = this.#head & (this.#size - 1);
		const written = this.#at >= offset ? this.#at - offset : this.#size - offset + this.#at;
		this.#head = (this.#head + written) >>> 0;
		this.#mustForget = false;
		this.#ops.store(this.#header, HEAD, this.#head | 0);
	}

	#forgetNames(): void {
		this.#names.clear();
		this.#mustForget = true;
	}

	#nameBound(name: string | null): number {
		if (name === null || this.#names.has(name)) return 0;
		return align(FRAME_HEADER_BYTES + 4 + textBound(name.length));
	}

	#define(name: string | null): void {
		if (name === null || this.#names.has(name)) return;
		const number = this.#names.size + 1;
		this.#names.set(name, number);
		const start = this.#at;
		this.#words[(start + FRAME_HEADER_BYTES) >> 2] = number;
		this.#at = this.#text.write(start + FRAME_HEADER_BYTES + 4, name);
		this.#endFrame(start, NAME);
	}

	#writeAccess(record: AccessRecord): void {
		const start = this.#at;
		const floatAt = (start + FRAME_HEADER_BYTES) >> 3;
		this.#floats[floatAt] = record.timeMs;
		this.#floats[floatAt + 1] = record.durationMs;
		this.#floats[floatAt + 2] = record.uploadBytes;
		this.#floats[floatAt + 3] = record.downloadBytes;
		this.#floats[floatAt + 4] = record.throttledMs;
		this.#floats[floatAt + 5] = record.queuedMs ?? 0;
		this.#floats[floatAt + 6] = record.connectMs ?? 0;
		const halfAt = (floatAt + ACCESS_FLOATS) * 4;
		this.#halves[halfAt] = flagsOf(record);
		this.#halves[halfAt + 1] = record.peerPort;
		this.#halves[halfAt + 2] = record.clientPort;
		this.#halves[halfAt + 3] = Math.min(record.attempts, 0xffff);
		let nameAt = halfAt + ACCESS_HALVES;
		for (const number of this.#numbers) this.#halves[nameAt++] = number;
		this.#at = start + ACCESS_FIXED_BYTES;
		if (record.peer !== null) this.#writeAddress(record.peer);
		if (record.client !== null) this.#writeAddress(record.client);
		if (record.sni !== null) this.#at = this.#text.write(this.#at, record.sni);
		if (record.detail !== null) this.#at = this.#text.write(this.#at, record.detail);
		this.#endFrame(start, ACCESS);
	}

	/** Finds the numbers of all names; false: one has none yet. */
	#lookUp(record: AccessRecord): boolean {
		let at = 0;
		for (const field of ACCESS_NAMES) {
			const name = record[field];
			const number = name === null ? NO_NAME : this.#names.get(name);
			if (number === undefined) return false;
			this.#numbers[at++] = number;
		}
		return true;
	}

	#writeAddress(address: IpAddress): void {
		const at = this.#at >> 2;
		this.#words[at] = address.a;
		this.#words[at + 1] = address.b;
		this.#words[at + 2] = address.c;
		this.#words[at + 3] = address.d;
		this.#at += 16;
	}

	#writeValue(value: string | number | boolean | null): void {
		if (typeof value === 'string') {
			this.#at = this.#text.write(this.#text.writeByte(this.#at, VALUE_TEXT), value);
		} else if (typeof value === 'number') {
			this.#at = this.#text.writeFloat(this.#text.writeByte(this.#at, VALUE_NUMBER), value);
		} else {
			const kind = value === null ? VALUE_NULL : value ? VALUE_TRUE : VALUE_FALSE;
			this.#at = this.#text.writeByte(this.#at, kind);
		}
	}

	#endFrame(start: number, type: number): void {
		this.#at = align(this.#at);
		this.#writeHeader(start, this.#at - start, type);
	}

	#writeHeader(at: number, bytes: number, type: number): void {
		this.#words[at >> 2] = bytes;
		this.#words[(at >> 2) + 1] = type;
	}
}

function flagsOf(record: AccessRecord): number {
	return (
		(record.queuedMs === null ? 0 : HAS_QUEUED) |
		(record.connectMs === null ? 0 : HAS_CONNECT) |
		(record.peer === null ? 0 : HAS_PEER) |
		(record.client === null ? 0 : HAS_CLIENT) |
		(record.sni === null ? 0 : HAS_SNI) |
		(record.detail === null ? 0 : HAS_DETAIL)
	);
}
