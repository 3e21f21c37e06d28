import { spawnSync } from 'node:child_process';

/** What a command says, on both outputs; null when there is no such command. */
export function outputOf(command: string, ...args: string[]): { readonly ok: boolean; readonly text: string } | null {
	const done = spawnSync(command, args, { encoding: 'utf8' });
	if (done.error !== undefined) return null;
	return { ok: done.status === 0, text: `${done.stdout}${done.stderr}` };
}

/** The first version number that a program tells; `unknown` when it tells none. */
export function versionIn(text: string | undefined): string {
	return /\d+\.\d+(\.\d+)?/.exec(text ?? '')?.[0] ?? 'unknown';
}
