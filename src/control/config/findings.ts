import type * as z from 'zod';
import { choiceFault, kindFault, quote } from './wording.ts';
import type { Finding } from './yaml-document.ts';

type Issue = z.core.$ZodIssue;

/** Words for what the schema refuses where its fields have none of their own. Given to zod as error map. */
export function wording(issue: z.core.$ZodRawIssue): string | undefined {
	switch (issue.code) {
		case 'invalid_type':
			return kindFault(NOUNS[issue.expected] ?? issue.expected, issue.input);
		case 'invalid_value':
			return choiceFault(issue.values.map(String), issue.input);
		case 'too_small':
			return issue.origin === 'array' ? 'must not be empty' : `must be at least ${issue.minimum}`;
		case 'too_big':
			return issue.origin === 'array'
				? `has too many entries: at most ${issue.maximum}`
				: `must be at most ${issue.maximum}`;
		case 'invalid_union':
			return NO_WORDING;
		default:
			return undefined;
	}
}

/** The message of a union that has no wording of its own: its first alternative speaks for it. */
const NO_WORDING = '';

const NOUNS: Readonly<Record<string, string>> = {
	string: 'text',
	number: 'a number',
	int: 'a whole number',
	boolean: 'true or false',
	array: 'a list',
	object: 'keys and values',
	record: 'keys and values',
};

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
		case 'invalid_union':
			return findingsOfUnion(issue, path);
		default:
			return [{ path, message: issue.message }];
	}
}

/** Of the alternatives of a key, only the one whose shape fits what was written has something to say. */
function findingsOfUnion(issue: z.core.$ZodIssueInvalidUnion, path: readonly PropertyKey[]): Finding[] {
	const wrongShape = ({ path, code }: Issue): boolean =>
		path.length === 0 && (code === 'invalid_type' || code === 'invalid_value');
	const meant = issue.errors.find((issues) => !issues.some(wrongShape));
	if (meant !== undefined) return findingsOf(meant, path);
	if (issue.message !== NO_WORDING) return [{ path, message: issue.message }];
	return findingsOf(issue.errors[0] ?? [], path);
}

/** `listeners[0].bind` */
export function formatPath(path: readonly PropertyKey[]): string {
	return path.reduce<string>((text, segment) => {
		if (typeof segment === 'number') return `${text}[${segment}]`;
		const key = /^[\w-]{1,60}$/.test(String(segment)) ? String(segment) : quote(String(segment));
		return text === '' ? key : `${text}.${key}`;
	}, '');
}
