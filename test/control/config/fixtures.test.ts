import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { parseConfigText } from '../../../src/control/config/load.ts';
import { ConfigError } from '../../../src/core/errors.ts';

const VALID = 15;
const INVALID = 34;

const folder = (name: string): URL => new URL(`./fixtures/${name}/`, import.meta.url);
const configsIn = (name: string): string[] => readdirSync(folder(name)).filter((file) => /\.(yaml|json)$/.test(file));

t.test('every valid fixture is accepted', async (t) => {
	const files = configsIn('valid');
	t.equal(files.length, VALID, 'the fixtures are there');
	for (const file of files) {
		t.doesNotThrow(() => parseConfigText(readFileSync(new URL(file, folder('valid')), 'utf8'), { file }), file);
	}
});

t.test('every invalid fixture is refused with exactly its messages, in the order of their places', async (t) => {
	const files = configsIn('invalid');
	t.equal(files.length, INVALID, 'the fixtures are there');
	for (const file of files) {
		const expected = readFileSync(new URL(file.replace(/\.\w+$/, '.txt'), folder('invalid')), 'utf8');
		t.equal(`${messagesOf(file)}\n`, expected, file);
	}
});

function messagesOf(file: string): string {
	try {
		parseConfigText(readFileSync(new URL(file, folder('invalid')), 'utf8'), { file });
		return 'accepted';
	} catch (error) {
		if (error instanceof ConfigError) return error.message;
		throw error;
	}
}
