import { readdirSync, readFileSync } from 'node:fs';
import { hex } from './hello-bytes.ts';

const FOLDER = new URL('../wire/corpus/', import.meta.url);

/** Bytes as a program sent them; `madeBy` says which, and how it was called. */
export interface Recording {
	readonly name: string;
	readonly madeBy: string;
	readonly bytes: Uint8Array;
}

/** Those whose names begin so: a line of `# ` and what made it, then hexadecimal digits. */
export function recordings(prefix: string): Recording[] {
	return readdirSync(FOLDER)
		.filter((file) => file.startsWith(prefix) && file.endsWith('.hex'))
		.map((file) => {
			const [first = '', ...lines] = readFileSync(new URL(file, FOLDER), 'utf8').split('\n');
			return { name: file.slice(prefix.length, -4), madeBy: first.slice(2), bytes: hex(lines.join('')) };
		});
}
