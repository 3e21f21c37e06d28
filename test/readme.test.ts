import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import { parseConfigObject, parseConfigText } from '../src/control/config/load.ts';

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

/** The fenced blocks of one language. */
const blocks = (language: string): readonly string[] =>
	[...README.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map((match) => match[1] ?? '');

t.test('the configurations in the README are good', async (t) => {
	const configs = blocks('yaml');
	t.ok(configs.length >= 1);
	for (const text of configs) t.doesNotThrow(() => parseConfigText(text, { file: 'README.md' }));
});

t.test('the object in the library example is good', async (t) => {
	const literal = blocks('ts')[0]?.match(/createSluice\((\{.*?\})\);/s)?.[1];
	t.type(literal, 'string');
	const object: unknown = new Function(`return (${literal});`)();
	t.doesNotThrow(() => parseConfigObject(object));
});

t.test('the files the README points to exist', async (t) => {
	const links = [...README.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map((match) => match[1] ?? '');
	t.ok(links.length >= 4);
	for (const link of links) t.ok(existsSync(new URL(`../${link}`, import.meta.url)), link);
});
