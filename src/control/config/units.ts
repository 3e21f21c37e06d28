import type { RateLimit } from '../../core/snapshot.ts';
import { quote } from './wording.ts';

/** Milliseconds, as every duration of a parsed configuration is. */
export type Milliseconds = number;
export type Bytes = number;
export type BytesPerSecond = number;

/** A value read from text, or what is wrong with it and what to write. Parsers of this folder never throw. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

export const parsed = <T>(value: T): Parsed<T> => ({ ok: true, value });
export const wrong = (message: string): Parsed<never> => ({ ok: false, message });

const DURATION_UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE_UNITS = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const;
const BIT_RATE_UNITS = { 'bit/s': 1 / 8, 'kbit/s': 1e3 / 8, 'Mbit/s': 1e6 / 8, 'Gbit/s': 1e9 / 8 } as const;

export const DURATION_PATTERN = '^\\d+(\\.\\d+)?(ms|s|m|h|d)$';
export const SIZE_PATTERN = '^\\d+(\\.\\d+)?([kMG]?B|[KMG]iB)$';
export const BANDWIDTH_PATTERN = '^\\d+(\\.\\d+)?([kMG]?bit|[kMG]?B|[KMG]iB)/s$';
export const RATE_PATTERN = '^\\d+/(\\d+(\\.\\d+)?)?(ms|s|m|h|d)$';

/** A year: longer is a mistake, and keeps sums of nanoseconds exact enough. */
const MAX_DURATION_MS = 365 * DURATION_UNITS.d;
export const MAX_RATE_COUNT = 1_000_000;
const MIN_RATE_WINDOW_MS = 100;
const MAX_RATE_WINDOW_MS = DURATION_UNITS.d;

const NUMBER_AND_UNIT = /^(\d+(?:\.\d+)?)(.*)$/s;

/** Number times unit; null when the text has no such shape or the unit is not in the table. */
function scaled(text: string, units: Readonly<Record<string, number>>): number | null {
	const match = NUMBER_AND_UNIT.exec(text);
	const unit = match?.[2] ?? '';
	if (match === null || !Object.hasOwn(units, unit)) return null;
	// Decimals such as 0.07 are not exact in binary: the product is, after rounding to a millionth.
	return Math.round(Number(match[1]) * (units[unit] ?? 0) * 1e6) / 1e6;
}

function lacksUnit(text: string): boolean {
	return /^-?\d+(\.\d+)?$/.test(text);
}

/** `250ms`, `5s`, `10m`, `12h`, `1d`; whole milliseconds, at most a year. */
export function parseDuration(text: string): Parsed<Milliseconds> {
	if (lacksUnit(text)) return wrong(`${text} has no unit: write for example ${text}s or ${text}ms`);
	const ms = scaled(text, DURATION_UNITS);
	if (ms === null) return wrong(`${quote(text)} is not a duration: write a number and ms, s, m, h or d, such as 30s`);
	if (!Number.isInteger(ms)) return wrong(`${quote(text)} is not a whole number of milliseconds`);
	if (ms > MAX_DURATION_MS) return wrong(`${quote(text)} is too long: at most 365d`);
	return parsed(ms);
}

/** The shortest exact text of a duration, for defaults and messages. */
export function formatDuration(ms: Milliseconds): string {
	const units = Object.entries(DURATION_UNITS).reverse();
	for (const [unit, size] of units) if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
	return ms === 0 ? '0s' : `${ms}ms`;
}

/** `512B`, `64kB`, `256KiB`, `1.5GiB`; whole bytes. */
export function parseSize(text: string): Parsed<Bytes> {
	if (lacksUnit(text)) return wrong(`${text} has no unit: write for example ${text}KiB or ${text}B`);
	const bytes = scaled(text, SIZE_UNITS);
	if (bytes === null) {
		return wrong(`${quote(text)} is not a size: write a number and B, kB, MB, GB, KiB, MiB or GiB, such as 64KiB`);
	}
	if (!Number.isSafeInteger(bytes)) return wrong(`${quote(text)} is not a whole number of bytes`);
	return parsed(bytes);
}

/** `10Mbit/s`, `1.5Gbit/s`, `4MiB/s`; bytes per second, which may have a fraction. */
export function parseBandwidth(text: string): Parsed<BytesPerSecond> {
	if (lacksUnit(text)) return wrong(`${text} has no unit: write for example ${text}Mbit/s or ${text}kB/s`);
	const size = text.endsWith('/s') ? scaled(text.slice(0, -2), SIZE_UNITS) : null;
	const bytes = scaled(text, BIT_RATE_UNITS) ?? size;
	if (bytes === null) {
		return wrong(
			`${quote(text)} is not a bandwidth: write a number and bit/s, kbit/s, Mbit/s, Gbit/s or a size and /s, such as 10Mbit/s`,
		);
	}
	if (bytes <= 0 || !Number.isFinite(bytes)) return wrong(`${quote(text)} is not a usable bandwidth`);
	return parsed(bytes);
}

/** `100/s`, `5/10s`, `10/1m`: a count of 1 to 1,000,000 in a window of 100ms to 24h. */
export function parseRate(text: string): Parsed<RateLimit> {
	if (lacksUnit(text)) return wrong(`${text} has no unit: write for example ${text}/s or ${text}/10s`);
	const match = /^(\d+)\/(.+)$/s.exec(text);
	const window = match?.[2] ?? '';
	const windowMs = scaled(/^\d/.test(window) ? window : `1${window}`, DURATION_UNITS);
	if (match === null || windowMs === null) {
		return wrong(`${quote(text)} is not a rate: write a count, a slash and a duration, such as 100/s or 5/10s`);
	}
	const count = Number(match[1]);
	if (count < 1 || count > MAX_RATE_COUNT)
		return wrong(`${quote(text)}: the count must be from 1 to ${MAX_RATE_COUNT}`);
	if (!Number.isInteger(windowMs) || windowMs < MIN_RATE_WINDOW_MS || windowMs > MAX_RATE_WINDOW_MS) {
		return wrong(`${quote(text)}: the time must be from 100ms to 24h`);
	}
	return parsed({ count, windowMs, text });
}
