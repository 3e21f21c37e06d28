const UTF8 = new TextEncoder();

/** Writes big-endian numbers, bytes and texts one after another into `bytes`, which the user has made large enough. */
export class Writer {
	at = 0;
	readonly #bytes: Uint8Array;

	constructor(bytes: Uint8Array) {
		this.#bytes = bytes;
	}

	u8(value: number): void {
		this.#bytes[this.at++] = value;
	}

	u16(value: number): void {
		this.u8(value >>> 8);
		this.u8(value & 0xff);
	}

	u32(value: number): void {
		this.u16(value >>> 16);
		this.u16(value & 0xffff);
	}

	put(bytes: Uint8Array): void {
		this.#bytes.set(bytes, this.at);
		this.at += bytes.length;
	}

	/** UTF-8. Most texts are ASCII, and short: a loop is faster for these. */
	text(text: string): void {
		const start = this.at;
		for (let i = 0; i < text.length; i++) {
			const unit = text.charCodeAt(i);
			if (unit > 0x7f) {
				this.at = start;
				this.put(UTF8.encode(text));
				return;
			}
			this.u8(unit);
		}
	}

	/** Sets a 16-bit number at a place that has been left for it. */
	u16At(at: number, value: number): void {
		this.#bytes[at] = value >>> 8;
		this.#bytes[at + 1] = value & 0xff;
	}

	/** A copy of all that was written. */
	copy(): Uint8Array {
		return this.#bytes.slice(0, this.at);
	}
}
