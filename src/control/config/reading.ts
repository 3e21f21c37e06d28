import { createHash } from 'node:crypto';
import { stampOf } from '../regular-file.ts';
import { type NamedFile, namedFiles } from './places.ts';
import type { Config } from './schema.ts';

const digests = new WeakMap<Config, string>();

/** Remembers which text a configuration was read from, for as long as it lives. */
export function rememberText(config: Config, text: string): void {
	digests.set(config, createHash('sha256').update(text).digest('hex'));
}

/**
 * What a configuration was read from: its text, and the state of every file that it names. Two with the same have
 * nothing new for each other. Null: it was not read from a text.
 */
export async function readingOf(config: Config): Promise<string | null> {
	const digest = digests.get(config);
	return digest === undefined ? null : [digest, ...(await stampsOf(namedFiles(config)))].join('\n');
}

/** The state of the configuration's own file, which may be known already, and of those that it names and that nobody looks at but a reload. */
export async function stampOfAll(path: string, config: Config, own = stampOf(path)): Promise<string> {
	const beside = namedFiles(config).filter(({ followed }) => !followed);
	return [await own, ...(await stampsOf(beside))].join('\n');
}

const stampsOf = (files: readonly NamedFile[]): Promise<string[]> =>
	Promise.all(files.map(async ({ path }) => `${path} ${await stampOf(path)}`));
