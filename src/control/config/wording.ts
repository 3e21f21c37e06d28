import { closest, distance } from 'fastest-levenshtein';

/** Texts of a hostile file are shown shortened and on one line. */
export function quote(text: string): string {
	return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}

/** Part of the longer text that may differ for two to be near each other: more is no slip of the pen. */
const NEAR = 0.5;

/**
 * `unknown key "tsl": the nearest known key is "tls"`, or the same of pools, regions and values. When none is near,
 * none is named.
 */
export function unknown(what: string, text: string, known: readonly string[]): string {
	const shown = `unknown ${what} ${quote(text)}`;
	const nearest = known.length === 0 ? null : closest(text, known);
	if (nearest === null || distance(text, nearest) > NEAR * Math.max(text.length, nearest.length)) return shown;
	return `${shown}: the nearest known ${what} is ${quote(nearest)}`;
}

/** What to say of a value that is not even of the right kind. `expected` is a noun, such as `a list`. */
export function kindFault(expected: string, input: unknown): string {
	if (input === undefined) return `is missing: expected ${expected}`;
	if (input === null) return `has no value: expected ${expected}`;
	return `expected ${expected}, got ${kindOf(input)}`;
}

function kindOf(input: unknown): string {
	if (Array.isArray(input)) return 'a list';
	if (typeof input === 'object') return 'keys and values';
	return typeof input === 'string' ? `the text ${quote(input)}` : String(input);
}

/** What to say of a value that is none of a few words. */
export function choiceFault(choices: readonly string[], input: unknown): string {
	const expected = choices.length === 1 ? choices.join() : `one of ${choices.join(', ')}`;
	if (typeof input !== 'string') return kindFault(expected, input);
	return `${unknown('value', input, choices)} (expected ${expected})`;
}
