import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { clean } from './clean-node.ts';

/** What can be missing or broken in a process, by `--import` of `broken-koffi-hook.ts` with its name in `BROKEN`. */
export const WITHOUT = ['koffi', 'splice', 'splice-fails', 'eventfd-fails', 'layout', 'platform'] as const;
export type Fault = (typeof WITHOUT)[number];

export const BROKEN_HOOK = fileURLToPath(new URL('./broken-koffi-hook.ts', import.meta.url));

/** Runs a module's text in a process with this fault. */
export function run(text: string, fault: Fault): Promise<{ stdout: string; stderr: string }> {
	const [command, args] = clean(process.execPath, '--import', BROKEN_HOOK, '--input-type=module', '-e', text);
	return promisify(execFile)(command, [...args], { env: { ...process.env, BROKEN: fault } });
}
