import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { arch, cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';

const GIBIBYTE = 2 ** 30;

/** What a reader has to know about the machine; nothing that names it. */
export interface Machine {
	readonly cpu: string;
	readonly cores: number;
	readonly memoryGiB: number;
	/** `6.18`: major and minor alone. */
	readonly linux: string;
	readonly arch: string;
}

export function machineFacts(cores: number): Machine {
	return {
		cpu: cpus()[0]?.model.trim() ?? 'unknown',
		cores,
		memoryGiB: Math.round(totalmem() / GIBIBYTE),
		linux: /^\d+\.\d+/.exec(release())?.[0] ?? 'unknown',
		arch: arch(),
	};
}

/** Of every source file of a checkout; figures of another one are not mixed with these. */
export function sourceHash(root: string): string {
	const hash = createHash('sha256');
	const folder = join(root, 'src');
	const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
	for (const name of names.sort()) hash.update(name).update(readFileSync(join(folder, name)));
	return hash.digest('hex').slice(0, 16);
}
