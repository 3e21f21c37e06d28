import type * as z from 'zod';
import { unknown } from './fields.ts';
import { quote } from './units.ts';
import type { Finding } from './yaml-document.ts';

type Issue = z.core.$ZodIssue;

/** Words for what the schema refuses where its fields have none of their own. Given to zod as error map. */
export function wording(issue: z.core.$ZodRawIssue): string | undefined {
	switch (issue.code) {
		case 'invalid_type':
			return typeFault(String(issue.expected), issue.input);
		case 'invalid_value':
			return valueFault(issue.values.map(String), issue.input);
		case 'too_small':
			return issue.origin === 'array' ? 'must not be empty' : `must be at least ${issue.minimum}`;
		case 'too_big':
			return issue.origin === 'array'
				? `has too many entries: at most ${issue.maximum}`
				: `must be at most ${issue.maximum}`;
		default:
			return undefined;
	}
}

const NOUNS: Readonly<Record<string, string>> = {
	string: 'text',
	number: 'a number',
	int: 'a whole number',
	boolean: 'true or false',
	array: 'a list',
	object: 'keys and values',
	record: 'keys and values',
};

function typeFault(expected: string, input: unknown): string {
	const noun = NOUNS[expected] ?? expected;
	if (input === undefined) return `is missing: expected ${noun}`;
	if (input === null) return `has no value: expected ${noun}`;
	return `expected ${noun}, got ${kindOf(input)}`;
}

function kindOf(input: unknown): string {
	if (Array.isArray(input)) return 'a list';
	if (typeof input === 'object') return 'keys and values';
	return typeof input === 'string' ? `the text ${quote(input)}` : String(input);
}

function valueFault(values: readonly string[], input: unknown): string {
	const choice = `expected ${values.length === 1 ? '' : 'one of '}${values.join(', ')}`;
	if (input === undefined) return `is missing: ${choice}`;
	if (typeof input !== 'string') return `${choice}, got ${input === null ? 'no value' : kindOf(input)}`;
	return `${unknown('value', input, values)} (${choice})`;
}

/** What zod found, one finding for each fault, paths from the root. */
export function findingsOf(issues: readonly Issue[], base: readonly PropertyKey[] = []): Finding[] {
	return issues.flatMap((issue) => findingsOfOne(issue, [...base, ...issue.path]));
}

function findingsOfOne(issue: Issue, path: readonly PropertyKey[]): Finding[] {
	switch (issue.code) {
		case 'unrecognized_keys': {
			const messages = issue.message.split('\n');
			return issue.keys.map((key, i) => ({ path: [...path, key], message: messages[i] ?? 'unknown key', onKey: true }));
		}
		case 'invalid_key':
			return issue.issues.map(({ message }) => ({ path, message, onKey: true }));
		case 'invalid_union':
			return findingsOf(meantBranch(issue.errors), path);
		default:
			return [{ path, message: issue.message }];
	}
}

/** Of the alternatives of a key, the one whose shape fits what was written; else the first, which names the rest. */
function meantBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] {
	const wrongShape = (issue: Issue): boolean =>
		issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');
	return branches.find((issues) => !issues.some(wrongShape)) ?? branches[0] ?? [];
}

/** `listeners[0].bind` */
export function formatPath(path: readonly PropertyKey[]): string {
	return path.reduce<string>((text, segment) => {
		if (typeof segment === 'number') return `${text}[${segment}]`;
		const key = /^[\w-]{1,60}$/.test(String(segment)) ? String(segment) : quote(String(segment));
		return text === '' ? key : `${text}.${key}`;
	}, '');
}
