import { type IpAddress, V4_MAPPED } from '../core/address.ts';

const ZERO = 0x30;
const DOT = 0x2e;
const COLON = 0x3a;
const GROUPS = 8;
const MAX_GROUP_DIGITS = 4;

/**
 * Reads a line from left to right, as far as it has come, and stops for good at its end or at the first byte that is
 * wrong. Methods are told what they read; what they give counts only if `state` is still `ok` when all is read.
 */
export class Line {
	state: 'ok' | 'more' | 'wrong' = 'ok';
	/** What was wrong, and where. */
	reason = '';
	at = 0;
	readonly #bytes: Uint8Array;

	constructor(bytes: Uint8Array) {
		this.#bytes = bytes;
	}

	/** The next byte, not taken; -1 when there is none or reading has stopped. */
	peek(): number {
		if (this.state !== 'ok') return -1;
		const byte = this.#bytes[this.at];
		if (byte === undefined) this.state = 'more';
		return byte ?? -1;
	}

	fail(what: string): void {
		if (this.state !== 'ok') return;
		this.state = 'wrong';
		this.reason = `${what}, byte ${this.at + 1}`;
	}

	literal(text: string, what: string): void {
		for (let i = 0; i < text.length && this.state === 'ok'; i++) {
			if (this.peek() === text.charCodeAt(i)) this.at++;
			else this.fail(what);
		}
	}

	/** A decimal number without sign and leading zeros. */
	decimal(max: number, what: string): number {
		let value = -1;
		for (;;) {
			const digit = this.peek() - ZERO;
			if (digit < 0 || digit > 9) break;
			value = value < 0 ? digit : value === 0 ? max + 1 : value * 10 + digit;
			if (value > max) this.fail(what);
			this.at++;
		}
		if (value < 0) this.fail(what);
		return value;
	}

	v4(what: string): IpAddress {
		let d = 0;
		for (let octet = 0; octet < 4; octet++) {
			if (octet > 0) this.literal('.', what);
			d = d * 256 + this.decimal(255, what);
		}
		return { a: 0, b: 0, c: V4_MAPPED, d: d >>> 0 };
	}

	/**
	 * RFC 4291 section 2.2. A dotted end is taken where inet_ntop(3) writes one, after `::` or `::ffff:`: there are senders
	 * that print their addresses with it.
	 */
	v6(what: string): IpAddress {
		const groups: number[] = [];
		/** How many groups stand before `::`; -1: it has not come. */
		let gap = -1;
		if (this.peek() === COLON) {
			this.literal('::', what);
			gap = 0;
		}
		while (roomAfter(groups, gap) > 0) {
			const start = this.at;
			const group = this.#group(what);
			if (group < 0) {
				if (gap !== groups.length) this.fail(what);
				break;
			}
			if (this.peek() === DOT && mayEndDotted(groups, gap)) {
				this.at = start;
				const { d } = this.v4(what);
				groups.push(d >>> 16, d & 0xffff);
				break;
			}
			groups.push(group);
			if (this.peek() !== COLON || roomAfter(groups, gap) === 0) break;
			this.at++;
			if (gap < 0 && this.peek() === COLON) {
				this.at++;
				gap = groups.length;
			}
		}
		if (gap < 0 && groups.length < GROUPS) this.fail(what);
		return addressOf(groups, gap);
	}

	/** One to four hexadecimal digits; -1 when there is none. */
	#group(what: string): number {
		let value = -1;
		for (let digits = 0; ; digits++) {
			const digit = hexDigit(this.peek());
			if (digit < 0) return value;
			if (digits === MAX_GROUP_DIGITS) this.fail(what);
			value = Math.max(value, 0) * 16 + digit;
			this.at++;
		}
	}
}

/** `::` stands for at least one group. */
const roomAfter = (groups: readonly number[], gap: number): number => GROUPS - groups.length - (gap < 0 ? 0 : 1);

const mayEndDotted = (groups: readonly number[], gap: number): boolean =>
	gap === 0 && (groups.length === 0 || (groups.length === 1 && groups[0] === V4_MAPPED));

function hexDigit(byte: number): number {
	if (byte >= ZERO && byte <= 0x39) return byte - ZERO;
	const letter = byte | 0x20;
	return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1;
}

function addressOf(groups: readonly number[], gap: number): IpAddress {
	const after = gap < 0 ? 0 : groups.length - gap;
	const at = (i: number): number => {
		if (i >= GROUPS - after) return groups[groups.length - GROUPS + i] ?? 0;
		return gap >= 0 && i >= gap ? 0 : (groups[i] ?? 0);
	};
	const word = (i: number): number => at(i) * 0x10000 + at(i + 1);
	return { a: word(0), b: word(2), c: word(4), d: word(6) };
}
