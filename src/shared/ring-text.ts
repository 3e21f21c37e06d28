import { MAX_TEXT } from './ring-layout.ts';

/**
 * Texts, bytes and unaligned floats of a record ring. A text is two bytes (its UTF-16 units times two, plus
 * one when a unit takes two bytes), then its units. Every JavaScript string survives, up to `MAX_TEXT`.
 */
export class RingText {
	readonly #bytes: Buffer;
	/** Where the last read ended. */
	end = 0;

	constructor(buffer: SharedArrayBuffer, offset: number) {
		this.#bytes = Buffer.from(buffer, offset, buffer.byteLength - offset);
	}

	/** Answers where the next thing goes. */
	write(at: number, text: string): number {
		const units = Math.min(text.length, MAX_TEXT);
		let to = at + 2;
		for (let i = 0; i < units; i++) {
			const unit = text.charCodeAt(i);
			if (unit > 0xff) return this.#writeWide(at, text, units);
			this.#bytes[to++] = unit;
		}
		this.#writeLength(at, units * 2);
		return to;
	}

	read(at: number): string {
		const length = (this.#bytes[at] ?? 0) | ((this.#bytes[at + 1] ?? 0) << 8);
		const units = length >> 1;
		const wide = (length & 1) === 1;
		this.end = at + 2 + (wide ? units * 2 : units);
		return this.#bytes.toString(wide ? 'utf16le' : 'latin1', at + 2, this.end);
	}

	writeByte(at: number, value: number): number {
		this.#bytes[at] = value;
		return at + 1;
	}

	readByte(at: number): number {
		this.end = at + 1;
		return this.#bytes[at] ?? 0;
	}

	writeFloat(at: number, value: number): number {
		return this.#bytes.writeDoubleLE(value, at);
	}

	readFloat(at: number): number {
		this.end = at + 8;
		return this.#bytes.readDoubleLE(at);
	}

	#writeWide(at: number, text: string, units: number): number {
		this.#writeLength(at, units * 2 + 1);
		let to = at + 2;
		for (let i = 0; i < units; i++) {
			const unit = text.charCodeAt(i);
			this.#bytes[to++] = unit & 0xff;
			this.#bytes[to++] = unit >> 8;
		}
		return to;
	}

	#writeLength(at: number, length: number): void {
		this.#bytes[at] = length & 0xff;
		this.#bytes[at + 1] = length >> 8;
	}
}
