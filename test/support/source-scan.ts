/** Reads TypeScript texts for what they import and name, without a parser: comments and strings are blanked first. */

/** Places where a slash begins a regular expression, by the last character of code before it. */
const BEFORE_REGEX = new Set('(,=:[!&|?{};+-*%<>~^'.split(''));

/** Removes comments and the contents of strings, templates' text and regular expressions; keeps line breaks. */
export function codeOnly(text: string): string {
	let out = '';
	let at = 0;
	const templates: number[] = [];
	let depth = 0;
	const skipTo = (end: number): void => {
		out += text.slice(at, end).replace(/[^\n]/g, ' ');
		at = end;
	};
	const string = (quote: string): void => {
		let end = at + 1;
		while (end < text.length && text[end] !== quote && text[end] !== '\n') end += text[end] === '\\' ? 2 : 1;
		skipTo(end + 1);
	};
	const template = (): void => {
		let end = at + 1;
		while (end < text.length && text[end] !== '`' && text.slice(end, end + 2) !== '${')
			end += text[end] === '\\' ? 2 : 1;
		const opens = text[end] === '$';
		skipTo(opens ? end + 2 : end + 1);
		if (opens) templates.push(depth);
	};
	while (at < text.length) {
		const here = text[at] ?? '';
		const two = text.slice(at, at + 2);
		if (two === '//') skipTo(endOr(text, text.indexOf('\n', at)));
		else if (two === '/*') skipTo(endOr(text, text.indexOf('*/', at) + 2));
		else if (here === "'" || here === '"') string(here);
		else if (here === '`') template();
		else if (here === '/' && startsRegex(out)) string('/');
		else if (here === '}' && templates.at(-1) === depth) {
			templates.pop();
			template();
		} else {
			if (here === '{') depth++;
			if (here === '}') depth--;
			out += here;
			at++;
		}
	}
	return out;
}

const endOr = (text: string, found: number): number => (found <= 0 ? text.length : found);

function startsRegex(before: string): boolean {
	const trimmed = before.trimEnd();
	return trimmed === '' || BEFORE_REGEX.has(trimmed.at(-1) ?? '') || /\b(return|typeof|case|in|of)$/.test(trimmed);
}

/** Every module a text names: static, type-only, re-exported, side-effect and dynamic imports, `import('x').T` types, `require`. */
export function importsOf(text: string): string[] {
	const code = codeOnly(text);
	const found: string[] = [];
	for (const match of code.matchAll(/\b(?:from|import|require)\b\s*\(?\s*(?=\s)/g)) {
		const rest = text.slice(match.index + match[0].trimEnd().length);
		const name = /^\s*(?:\/\*.*?\*\/\s*)?\(?\s*(['"`])([^'"`]+)\1/.exec(rest)?.[2];
		if (name !== undefined) found.push(name);
	}
	return found;
}
