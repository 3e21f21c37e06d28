import { type ClientHello, readHello } from './hello-message.ts';
import { byteAt, u16At } from './reader.ts';

export type { ClientHello } from './hello-message.ts';

export type ClientHelloResult =
	| { readonly type: 'need-more' }
	| { readonly type: 'invalid'; readonly outcome: 'not-tls' | 'client-hello-invalid'; readonly reason: string }
	| { readonly type: 'parsed'; readonly hello: ClientHello };

/** The longest ClientHello that is read: the handshake message, its type and length included. */
export const MAX_HELLO_BYTES = 65_536;

/** No more than this is read of the wire for one; what is longer is `client-hello-invalid`. */
export const MAX_HELLO_WIRE_BYTES = 81_920;

/** RFC 8446 section 5.1: type, version (2), length (2); at most 2^14 bytes follow. */
const RECORD_HEADER_BYTES = 5;
const MAX_RECORD_BYTES = 16_384;
const HANDSHAKE = 22;
/** change_cipher_spec, alert, handshake, application_data, heartbeat: what IANA knows as TLS over TCP. */
const FIRST_CONTENT_TYPE = 20;
const LAST_CONTENT_TYPE = 24;
/** The first byte of SSL 3.0 and all that came after; the second one "MUST be ignored for all purposes". */
const MAJOR_VERSION = 3;

/** RFC 8446 section 4: type, length (3). */
const MESSAGE_HEADER_BYTES = 4;
const CLIENT_HELLO = 1;

const NEED_MORE: ClientHelloResult = { type: 'need-more' };

/**
 * Reads one ClientHello, split as it may be over TCP segments and TLS records. Each byte is looked at once, however few
 * come at a time, until the hello is whole. What the client sends after it, in records of their own, is left alone.
 */
export class ClientHelloReader {
	/** Where the first record begins that has not come to its end. */
	#record = 0;
	/** Bytes of the message in the records before that. */
	#collected = 0;
	/** How much of the message's own header has come, and what it says. */
	#headerBytes = 0;
	#header = 0;
	#final: ClientHelloResult | null = null;

	/** `bytes`: all that came from the hello's first byte on, longer with every call. Not kept. */
	read(bytes: Uint8Array): ClientHelloResult {
		this.#final ??= this.#walk(bytes, Math.min(bytes.length, MAX_HELLO_WIRE_BYTES));
		return this.#final ?? NEED_MORE;
	}

	/** From record to record through the first `seen` bytes; null: more is needed. */
	#walk(bytes: Uint8Array, seen: number): ClientHelloResult | null {
		for (;;) {
			const wrong = this.#record === 0 ? firstRecordFault(bytes, seen) : recordFault(bytes, this.#record, seen);
			if (wrong !== null) return wrong;
			const body = this.#record + RECORD_HEADER_BYTES;
			if (seen < body) break;
			const length = u16At(bytes, body - 2);
			const come = Math.min(length, seen - body);
			const fault = this.#readMessageHeader(bytes, body, come) ?? this.#lengthFault(length);
			if (fault !== null) return invalid(fault);
			if (this.#headerBytes === MESSAGE_HEADER_BYTES && this.#collected + come === this.#messageBytes) {
				return this.#finish(bytes, body);
			}
			if (come < length) break;
			this.#record = body + length;
			this.#collected += length;
		}
		return seen === MAX_HELLO_WIRE_BYTES ? invalid(`no end within ${MAX_HELLO_WIRE_BYTES} bytes`) : null;
	}

	get #messageBytes(): number {
		return MESSAGE_HEADER_BYTES + (this.#header & 0xffffff);
	}

	/** The message's type and length, which may themselves be split over records. */
	#readMessageHeader(bytes: Uint8Array, body: number, come: number): string | null {
		while (this.#headerBytes < MESSAGE_HEADER_BYTES && this.#headerBytes - this.#collected < come) {
			const byte = byteAt(bytes, body + this.#headerBytes - this.#collected);
			this.#header = (this.#header << 8) | byte;
			this.#headerBytes++;
			if (this.#headerBytes === 1 && byte !== CLIENT_HELLO) return `handshake message ${byte} instead of a ClientHello`;
		}
		return null;
	}

	/**
	 * RFC 8446 section 5.1: keys may change after a ClientHello (for early data), so it ends where its record does. Before
	 * TLS 1.3 a client has nothing to say either before it is answered.
	 */
	#lengthFault(recordBytes: number): string | null {
		if (this.#headerBytes < MESSAGE_HEADER_BYTES) return null;
		if (this.#messageBytes > MAX_HELLO_BYTES) return `${this.#messageBytes} bytes; at most ${MAX_HELLO_BYTES}`;
		return this.#collected + recordBytes > this.#messageBytes ? 'its record goes on after its end' : null;
	}

	#finish(bytes: Uint8Array, body: number): ClientHelloResult {
		const message = this.#collected === 0 ? bytes : gather(bytes, this.#messageBytes);
		const start = this.#collected === 0 ? body : 0;
		const hello = readHello(message, start + MESSAGE_HEADER_BYTES, start + this.#messageBytes);
		return typeof hello === 'string' ? invalid(hello) : { type: 'parsed', hello };
	}
}

/** What the bytes of the first record's header rule out, as many of them as have come. */
function firstRecordFault(bytes: Uint8Array, seen: number): ClientHelloResult | null {
	if (seen === 0) return null;
	const type = byteAt(bytes, 0);
	if (type < FIRST_CONTENT_TYPE || type > LAST_CONTENT_TYPE) return notTls(`first byte ${type}`);
	if (seen === 1) return null;
	if (bytes[1] !== MAJOR_VERSION) return notTls(`bytes ${type} ${bytes[1]} first`);
	return recordFault(bytes, 0, seen);
}

/** An empty record is none: RFC 8446 section 5.1 and RFC 5246 section 6.2.1 forbid it for handshakes. */
function recordFault(bytes: Uint8Array, at: number, seen: number): ClientHelloResult | null {
	if (seen > at && bytes[at] !== HANDSHAKE) return invalid(`a record of type ${bytes[at]} instead of a ClientHello`);
	if (seen > at + 1 && bytes[at + 1] !== MAJOR_VERSION) return invalid(`a record of version ${bytes[at + 1]}`);
	if (seen < at + RECORD_HEADER_BYTES) return null;
	const length = u16At(bytes, at + 3);
	if (length === 0) return invalid('an empty record');
	return length > MAX_RECORD_BYTES ? invalid(`a record of ${length} bytes`) : null;
}

/** The message's bytes out of the records that it is split over. */
function gather(bytes: Uint8Array, messageBytes: number): Uint8Array {
	const message = new Uint8Array(messageBytes);
	let record = 0;
	for (let to = 0; to < messageBytes; ) {
		const body = record + RECORD_HEADER_BYTES;
		record = body + u16At(bytes, body - 2);
		message.set(bytes.subarray(body, record), to);
		to += record - body;
	}
	return message;
}

const notTls = (reason: string): ClientHelloResult => ({ type: 'invalid', outcome: 'not-tls', reason });
const invalid = (reason: string): ClientHelloResult => ({ type: 'invalid', outcome: 'client-hello-invalid', reason });
