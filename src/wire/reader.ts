/**
 * Reads big-endian numbers from a part of `bytes`, never past its end. What would go beyond it gives 0, sets `short` and
 * leaves nothing to read, so that every loop over what is left ends: look at `short` before believing what was read.
 */
export class Reader {
	readonly bytes: Uint8Array;
	readonly end: number;
	at: number;
	short = false;

	/** From `at` up to, not including, `end`. */
	constructor(bytes: Uint8Array, at: number, end: number) {
		this.bytes = bytes;
		this.at = at;
		this.end = end;
	}

	get left(): number {
		return this.end - this.at;
	}

	u8(): number {
		const at = this.skip(1);
		return this.short ? 0 : byteAt(this.bytes, at);
	}

	u16(): number {
		const at = this.skip(2);
		return this.short ? 0 : u16At(this.bytes, at);
	}

	/** Answers where the skipped bytes begin. */
	skip(length: number): number {
		const at = this.at;
		if (length > this.end - at) this.short = true;
		this.at = this.short ? this.end : at + length;
		return at;
	}

	/** A reader of the next `length` bytes alone. */
	part(length: number): Reader {
		const at = this.skip(length);
		return new Reader(this.bytes, at, this.at);
	}
}

/** 0 beyond the end: callers have checked. */
export const byteAt = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0;

export const u16At = (bytes: Uint8Array, at: number): number => (byteAt(bytes, at) << 8) | byteAt(bytes, at + 1);

export const u32At = (bytes: Uint8Array, at: number): number => u16At(bytes, at) * 0x10000 + u16At(bytes, at + 2);
