import * as z from 'zod';
import type { SocketTarget } from '../../core/address.ts';
import { MAX_RATES, OVERFLOWS, type RateLimit } from '../../core/snapshot.ts';
import { parseNetwork } from '../../policy/network-table.ts';
import { isCountry } from '../geo/continents.ts';
import { parseAddress, parseBind, parseIp } from './address.ts';
import {
	DURATION_PATTERN,
	formatDuration,
	type Milliseconds,
	type Parsed,
	parseDuration,
	parsed,
	parseRate,
	RATE_PATTERN,
	wrong,
} from './units.ts';
import { kindFault, quote, unknown } from './wording.ts';

/** The most that any cap may be; the scoreboard counts in Int32. */
const MAX_CONNECTIONS = 100_000_000;

/** Addresses of one listener. */
const MAX_BINDS = 64;

/** What the reference says of a key beside its type and default. */
export type KeyAbout = {
	readonly description: string;
	/** A value as it would be written. */
	readonly example: unknown;
	/** What holds when the key is left out and the schema has no default for it. */
	readonly absent?: string;
};

/** Every key is described by this: `schema.meta(about('What it does.', '5s'))`. */
export function about(description: string, example: unknown, absent?: string): KeyAbout {
	return absent === undefined ? { description, example } : { description, example, absent };
}

/** An object that takes these keys and no other. Its message has one line for each key too many, in their order. */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
	const known = Object.keys(shape);
	return z.strictObject(shape, {
		error: (issue) =>
			issue.code === 'unrecognized_keys' ? issue.keys.map((key) => unknown('key', key, known)).join('\n') : undefined,
	});
}

interface TextForm<T> {
	readonly unit: string;
	readonly expected: string;
	readonly parse: (text: string) => Parsed<T>;
	readonly pattern?: string;
}

/** Text in a form of its own. A number where text is due is read as text, so that the message names the unit. */
export function textForm<T>({ unit, expected, parse, pattern }: TextForm<T>) {
	const notText = (input: unknown): string => {
		if (typeof input !== 'number') return kindFault(expected, input);
		const result = parse(String(input));
		return result.ok ? `expected ${expected}, got the number ${input}: put it in quotes` : result.message;
	};
	return z
		.string({ error: (issue) => notText(issue.input) })
		.transform((text, context): T => {
			const result = parse(text);
			if (result.ok) return result.value;
			context.addIssue({ code: 'custom', message: result.message });
			return z.NEVER;
		})
		.meta(pattern === undefined ? { unit } : { unit, pattern });
}

interface DurationBounds {
	readonly atLeast: Milliseconds;
	readonly atMost?: Milliseconds;
	/** Only multiples of this, where the system takes no finer value. */
	readonly step?: Milliseconds;
}

export function duration({ atLeast, atMost = Number.POSITIVE_INFINITY, step = 1 }: DurationBounds) {
	const parse = (text: string): Parsed<Milliseconds> => {
		const result = parseDuration(text);
		if (!result.ok) return result;
		if (result.value < atLeast) return wrong(`${quote(text)} is too short: at least ${formatDuration(atLeast)}`);
		if (result.value > atMost) return wrong(`${quote(text)} is too long: at most ${formatDuration(atMost)}`);
		if (result.value % step !== 0) return wrong(`${quote(text)} is not a multiple of ${formatDuration(step)}`);
		return result;
	};
	return textForm({ unit: 'duration', expected: 'a duration such as 30s', parse, pattern: DURATION_PATTERN });
}

/** One or a list of up to `most`. */
export const oneOrMore = <Item extends z.ZodType>(item: Item, most: number) =>
	z.union([item, z.array(item).min(1).max(most)]);

export const listed = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value : [value as T]);

const rate = textForm<RateLimit>({
	unit: 'rate',
	expected: 'a rate such as 100/s, or a list of rates',
	parse: parseRate,
	pattern: RATE_PATTERN,
});

/** One rate or a list of up to `MAX_RATES`; a list in the parsed configuration, empty when left out. */
export const rates = () =>
	oneOrMore(rate, MAX_RATES)
		.optional()
		.transform((value) => (value === undefined ? [] : listed(value)))
		.meta({ unit: 'rate, or a list' });

const bind = textForm<SocketTarget>({ unit: 'address', expected: 'an address such as 0.0.0.0:7000', parse: parseBind });

/** One address to listen on. */
export const listenAddress = () => bind;

/** One address or a list; always a list in the parsed configuration. */
export const binds = () => oneOrMore(bind, MAX_BINDS).transform(listed).meta({ unit: 'address, or a list' });

export const backendAddress = () =>
	textForm<SocketTarget>({
		unit: 'address',
		expected: 'an address such as 10.1.0.1:7000',
		parse: (text) => {
			const result = parseAddress(text);
			if (!result.ok || result.value.type === 'unix' || result.value.port > 0) return result;
			return wrong(`${quote(text)}: the port must be from 1 to 65535`);
		},
	});

export const ipAddress = () => textForm<string>({ unit: 'IP address', expected: 'an IP address', parse: parseIp });

/** As written; checked here, built into tables when a snapshot is compiled. */
export const network = () =>
	textForm<string>({
		unit: 'network',
		expected: 'a network such as 10.0.0.0/8',
		parse: (text) =>
			parseNetwork(text) === null
				? wrong(`${quote(text)} is not a network: write for example 10.0.0.0/8 or 2001:db8::/32`)
				: parsed(text),
	});

export const country = () =>
	textForm<string>({
		unit: 'country code',
		expected: 'a country code such as DE',
		parse: (text) => {
			if (isCountry(text)) return parsed(text);
			const hint = isCountry(text.toUpperCase())
				? `write ${text.toUpperCase()}`
				: 'write two letters of ISO 3166-1, such as DE';
			return wrong(`no country has the code ${quote(text)}: ${hint}`);
		},
		pattern: '^[A-Z]{2}$',
	});

/** `embedded`, or a path as written. */
export const databaseName = () =>
	textForm<string>({
		unit: 'path',
		expected: 'embedded or the path of an .mmdb file',
		parse: (text) =>
			text === 'embedded' || text.endsWith('.mmdb')
				? parsed(text)
				: wrong(`expected embedded or the path of an .mmdb file, got ${quote(text)}`),
		pattern: '^embedded$|\\.mmdb$',
	});

const NAME_PATTERN = '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$';
/** A region's name begins with a letter: keys that look like numbers would lose their place in the file's order. */
export const REGION_NAME_PATTERN = '^[A-Za-z][A-Za-z0-9_.-]{0,63}$';

/** Names of listeners, pools and backends. */
export const name = () =>
	textForm<string>({
		unit: 'name',
		expected: 'a name',
		parse: (text) => {
			if (new RegExp(NAME_PATTERN).test(text)) return parsed(text);
			return wrong(`${quote(text)} is not a name: up to 64 letters, digits, dots, dashes and underscores`);
		},
		pattern: NAME_PATTERN,
	});

export const count = (least: number, most: number) => z.int().min(least).max(most);

/** A part of a whole, as a fraction. */
export const share = () => z.number().min(0).max(1).meta({ unit: 'share, 0 to 1' });

export const maxConnections = () => count(1, MAX_CONNECTIONS);

export const overflow = () => z.enum(OVERFLOWS).default('refuse');
